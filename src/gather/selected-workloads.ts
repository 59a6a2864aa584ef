/** What `-l` selects: the server evaluates the selector, so its grammar is the server's. */
import type { Cluster } from "../cluster/cluster.ts";
import { type Kind, ownerApi, workloadApi } from "../cluster/kinds.ts";
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
  const own = mesh.workloads.flatMap(({ way }) => (way?.direct ? [way.resource] : []));
  const ofOperators = [...new Map(own.map((each) => [`${each.plural}.${each.group}`, each])).values()].map(
    (each): Kind => ownerApi(each),
  );
  const apis: readonly Kind[] = [...workloadKinds.map((kind) => workloadApi[kind]), ...ofOperators];
  const lists = mesh.namespaces.flatMap(({ name: namespace }) =>
    apis.map((api) =>
      cluster.list(api, { namespace, labelSelector, metadataOnly: true }, ({ metadata }) => metadata.uid),
    ),
  );
  return new Set((await Promise.all(lists)).flatMap((list) => list?.items ?? []));
}
