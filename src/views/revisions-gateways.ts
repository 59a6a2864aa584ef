/**
 * Gateways in the document of `mesh-revisions`: those of the Gateway API and those that are injected or static
 * Deployments.
 */

import { labelOf } from "../mesh/labels.ts";
import type { Mesh, ObjectRef, Workload } from "../mesh/model.ts";
import { refText } from "../mesh/object-ref.ts";
import { type Tally, tally } from "./revisions-tally.ts";
import type { PodEntry } from "./revisions-workloads.ts";

export interface GatewayEntry extends ObjectRef {
  /** Class of a Gateway of the Gateway API; null for a Deployment. */
  readonly className: string | null;
  readonly waypoint: boolean;
  /** Its own label `istio.io/rev`: it stays on this revision when its namespace moves. */
  readonly pinned: string | null;
  readonly pods: Tally;
}

/**
 * Label with the name of the Gateway, on the pods and Deployments that istiod creates (gateway-api,
 * `GatewayNameLabelKey`).
 */
const gatewayName = "gateway.networking.k8s.io/gateway-name";

export function gatewayEntries(
  mesh: Mesh,
  pods: readonly PodEntry[],
  namespaces: ReadonlySet<string>,
): readonly GatewayEntry[] {
  const entries = new Map(pods.map((pod) => [`${pod.namespace}/${pod.name}`, pod]));
  const managed = Map.groupBy(mesh.pods, (pod) => `${pod.namespace}/${labelOf(pod.labels, gatewayName) ?? ""}`);
  const owned = Map.groupBy(mesh.pods, (pod) => (pod.workload === undefined ? "" : refText(pod.workload)));
  const tallied = (all: Mesh["pods"] = []): Tally =>
    tally(all.flatMap((pod) => entries.get(`${pod.namespace}/${pod.name}`) ?? []));
  const ofApi = mesh.gateways.map(({ namespace, name, className, waypoint, pinned }) => ({
    kind: "Gateway",
    namespace,
    name,
    className,
    waypoint,
    pinned: pinned ?? null,
    pods: tallied(managed.get(`${namespace}/${name}`)),
  }));
  const ofWorkloads = mesh.workloads.filter(isOwnGateway).map((workload) => ({
    kind: workload.kind,
    namespace: workload.namespace,
    name: workload.name,
    className: null,
    waypoint: false,
    pinned: labelOf(workload.template?.metadata?.labels, "istio.io/rev") ?? null,
    pods: tallied(owned.get(refText(workload))),
  }));
  return [...ofApi, ...ofWorkloads].filter((gateway) => namespaces.has(gateway.namespace));
}

/** A gateway that istiod did not create for a Gateway resource; those are listed as Gateways. */
const isOwnGateway = (workload: Workload): boolean =>
  workload.gateway && labelOf(workload.labels, gatewayName) === undefined;
