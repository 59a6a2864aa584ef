/** A look at namespaces that proves nothing unless everything of them was seen. */
import type { Cluster } from "../cluster/cluster.ts";
import { ClusterError } from "../cluster/cluster-error.ts";
import type { Mesh } from "../mesh/model.ts";
import type { OwnerKind } from "../mesh/operators/restart-way.ts";
import type { Where } from "./list-kind.ts";
import { snapshot } from "./snapshot.ts";

/** The mesh with these namespaces; no istiod is asked. Throws `ClusterError`, also where only a part could not be read. */
export async function wholeSnapshot(
  cluster: Cluster,
  namespaces: Where,
  istioNamespace: string,
  owners: readonly OwnerKind[] = [],
): Promise<Mesh> {
  const mesh = await snapshot(cluster, { istioNamespace, namespaces, workloads: true, askIstiods: false, owners });
  const gap = mesh.unknown[0];
  if (gap) throw new ClusterError(`${gap.subject} could not be read: ${gap.reason}`, { reason: "server" });
  return mesh;
}
