/**
 * What of a workload a rollout can reach. Where a node does not answer, nothing ends the pods on it: the pod of a
 * DaemonSet is neither replaced nor gone, and an old pod of a Deployment stays `Terminating` beside its successor, until
 * the node is back or its Node object is deleted.
 * https://kubernetes.io/docs/concepts/architecture/nodes/#condition, kubernetes/kubernetes#72226
 */
import type { ManagedWorkload } from "../../mesh/from/ownership.ts";
import { isOnLostNode, lostNodesText, nodesOf } from "../../mesh/lost-node.ts";
import type { Pod } from "../../mesh/model.ts";
import { counted, listed } from "../../mesh/phrase.ts";

/** Its pods on lost nodes that no rollout can replace or end; `isOld`: those that are to be replaced. */
export const outOfReach = (
  { kind, pods }: Pick<ManagedWorkload, "kind" | "pods">,
  isOld: (pod: Pod) => boolean = () => true,
): readonly Pod[] => pods.filter((pod) => isOnLostNode(pod) && (kind === "DaemonSet" || pod.terminating) && isOld(pod));

/**
 * The workload without `lost`. Of a DaemonSet, which has one pod a node, it is without the pods of their nodes, and
 * wants as many less: of these its controller counts none as updated or available.
 */
export const reachable = (workload: ManagedWorkload, lost: readonly Pod[]): ManagedWorkload => {
  if (lost.length === 0) return workload;
  const nodes = workload.kind === "DaemonSet" ? nodesOf(lost) : [];
  const desired = Math.max(0, workload.status.desired - nodes.length);
  return {
    ...workload,
    pods: workload.pods.filter((pod) => !lost.includes(pod) && !(pod.node !== undefined && nodes.includes(pod.node))),
    status: { ...workload.status, desired },
  };
};

/** Of old pods out of reach, a sentence for a person with where to look. */
export const outOfReachText = (lost: readonly Pod[]): string =>
  `every pod that can be reached is proven; ${counted(lost.length, "old pod")} (${listed(lost.map(({ name }) => name))}) on ${lostNodesText(lost)}: ${lostNodeRemedy(lost)}`;

/** A Node is safe to delete once its machine is off: only then does nothing of it run any more. */
export const lostNodeRemedy = (lost: readonly Pod[]): string => {
  const [node = "NODE"] = nodesOf(lost);
  return `kubectl describe node ${node}; once it is certain that its machine is off, kubectl delete node ${node}`;
};
