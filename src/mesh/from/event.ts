/** Kubernetes Events: what controllers and kubelets report about objects (kept for an hour by default). */
import type { KubeObject } from "../kubernetes.ts";

/** A core/v1 Event in the API's form. Which of its times are set depends on the component that wrote it. */
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

/** The fields of an Event that the suite uses. */
export interface ClusterEvent {
  /** Kind of the object that the Event is about; `name` and `uid` are of the same object. */
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly warning: boolean;
  readonly reason: string;
  readonly message: string;
  /** When it was last reported: RFC 3339; empty when the Event has no time. */
  readonly at: string;
}

/**
 * An Event from the API's form.
 * https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
 */
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
