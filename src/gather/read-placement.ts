/** Reads the nodes for the few workloads whose rollout asks for a node of its own. */
import type { Cluster } from "../cluster/cluster.ts";
import { ClusterError } from "../cluster/cluster-error.ts";
import { type Kind, kinds } from "../cluster/kinds.ts";
import type { Condition, KubeObject } from "../mesh/kubernetes.ts";
import type { Mesh, Workload } from "../mesh/model.ts";
import { type PlacementNode, shunsItself } from "../upgrade/evidence/placement.ts";
import { isSpread } from "../upgrade/evidence/topology-spread.ts";
import { surge, unavailable } from "../upgrade/plan/rollout-size.ts";

type NodeObject = KubeObject & {
  readonly spec?: { readonly unschedulable?: boolean; readonly taints?: PlacementNode["taints"] };
  readonly status?: { readonly conditions?: readonly Condition[] };
};

/** A new pod has to find a node by rules that its old ones, or those of others, may stand in the way of. */
export const asksForNode = (workload: Workload): boolean =>
  surge(workload) > 0 &&
  unavailable(workload) === 0 &&
  (workload.hostPorts.length > 0 || shunsItself(workload) || isSpread(workload));

/**
 * Undefined where no workload needs it, and where the nodes may not be read: a migration does not ask for that right.
 * Throws other `ClusterError`s.
 */
export const readPlacement = async (cluster: Cluster, mesh: Mesh): Promise<readonly PlacementNode[] | undefined> => {
  if (!mesh.workloads.some(asksForNode)) return undefined;
  try {
    return (await cluster.list(kinds.nodes as Kind<NodeObject>, {}, placementFrom))?.items;
  } catch (error) {
    if (error instanceof ClusterError && error.reason === "forbidden") return undefined;
    throw error;
  }
};

const placementFrom = ({ metadata, spec, status }: NodeObject): PlacementNode => ({
  name: metadata.name,
  labels: metadata.labels ?? {},
  open:
    spec?.unschedulable !== true &&
    (status?.conditions ?? []).some((condition) => condition.type === "Ready" && condition.status === "True"),
  taints: spec?.taints ?? [],
});
