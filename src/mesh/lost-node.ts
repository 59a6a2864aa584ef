/**
 * Pods on nodes that do not answer any more, by what the pods themselves say: nodes need no right to be read.
 * https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller
 */
import type { Pod } from "./model.ts";
import { listed } from "./phrase.ts";
import { isLive } from "./pod-state.ts";

/**
 * Whether its node stopped answering. The node controller then sets the pod's condition `Ready` to `False` and writes no
 * reason (kubernetes pkg/controller/util/node/controller_utils.go `MarkPodsNotReady`); the containers stay as the
 * kubelet last saw them. A kubelet gives a reason (pkg/kubelet/status/generate.go `GeneratePodReadyCondition`).
 */
export const isOnLostNode = (pod: Pod): boolean =>
  isLive(pod) &&
  pod.node !== undefined &&
  pod.unreadyContainers.length === 0 &&
  pod.conditions.some(({ type, status, reason }) => type === "Ready" && status === "False" && reason === "") &&
  !pod.conditions.some(({ type }) => type === "ContainersReady");

/** The nodes of these pods, each once. */
export const nodesOf = (pods: readonly Pod[]): readonly string[] => [
  ...new Set(pods.flatMap(({ node }) => node ?? [])),
];

/** `node n2, which does not answer`, `nodes n2 and n3, which do not answer` */
export const lostNodesText = (pods: readonly Pod[]): string => {
  const nodes = nodesOf(pods);
  return nodes.length === 1 ? `node ${nodes[0]}, which does not answer` : `nodes ${listed(nodes)}, which do not answer`;
};
