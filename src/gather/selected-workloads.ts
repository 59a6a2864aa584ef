/** What `-l` selects: the server evaluates the selector, so its grammar is the server's. */
import type { Cluster } from "../cluster/cluster.ts";
import { workloadApi } from "../cluster/kinds.ts";
import type { Mesh } from "../mesh/model.ts";
import { workloadKinds } from "../mesh/workload-kinds.ts";

/**
 * UIDs of the workloads of the mesh's namespaces that the selector matches; undefined without one. Throws
 * `ClusterError`.
 */
export async function selectedWorkloads(
  cluster: Cluster,
  mesh: Mesh,
  labelSelector: string | undefined,
): Promise<ReadonlySet<string> | undefined> {
  if (labelSelector === undefined) return undefined;
  const lists = mesh.namespaces.flatMap(({ name: namespace }) =>
    workloadKinds.map((kind) =>
      cluster.list(workloadApi[kind], { namespace, labelSelector, metadataOnly: true }, ({ metadata }) => metadata.uid),
    ),
  );
  return new Set((await Promise.all(lists)).flatMap((list) => list?.items ?? []));
}
