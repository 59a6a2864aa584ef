/** Events, the cluster's own diary of what controllers and kubelets tried (kept for an hour by default). */
import type { KubeObject } from "../kubernetes.ts";

/** A core/v1 Event as it stands on the wire; which of the times is set depends on who wrote it, and when. */
export interface EventObject extends KubeObject {
  readonly involvedObject: {
    readonly kind?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly uid?: string;
  };
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly firstTimestamp?: string | null;
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly series?: { readonly lastObservedTime?: string | null } | null;
}

export interface ClusterEvent {
  /** The object it is about. */
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly warning: boolean;
  readonly reason: string;
  readonly message: string;
  /** When it was last seen; RFC 3339. */
  readonly at: string;
}

/** What of an Event is kept. https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
export const eventFrom = (event: EventObject): ClusterEvent => ({
  kind: event.involvedObject.kind ?? "",
  name: event.involvedObject.name ?? "",
  uid: event.involvedObject.uid ?? "",
  warning: event.type === "Warning",
  reason: event.reason ?? "",
  message: event.message ?? "",
  at:
    event.series?.lastObservedTime ??
    event.lastTimestamp ??
    event.eventTime ??
    event.firstTimestamp ??
    event.metadata.creationTimestamp ??
    "",
});
