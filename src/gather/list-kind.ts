/** Lists of a kind of object, in all namespaces or in some, as most readers need them. */
import type { Cluster, ListQuery, ListResult } from "../cluster/cluster.ts";
import { type Kind, kinds, workloadApi } from "../cluster/kinds.ts";
import { type BareWorkload, workloadFrom } from "../mesh/from/workload.ts";
import type { KubeObject } from "../mesh/kubernetes.ts";
import type { WorkloadKind } from "../mesh/workload-kinds.ts";
import { ignoringFailure, type OptionalRead } from "./optional-read.ts";

/** The items of a list; none of an optional kind that is not installed. */
export const itemsOf = async <R>(list: Promise<ListResult<R> | undefined>): Promise<readonly R[]> =>
  (await list)?.items ?? [];

/** The objects of a kind: one list of all namespaces, or one of each that is named, at the same time. */
export const listKind = async <T extends KubeObject, R>(
  cluster: Cluster,
  namespaces: readonly string[] | "all",
  optional: OptionalRead,
  kind: Kind<T>,
  project: (object: T) => R,
  query: ListQuery = {},
): Promise<readonly R[]> => {
  if (namespaces === "all") return (await optional(kind.plural, itemsOf(cluster.list(kind, query, project)))) ?? [];
  const lists = namespaces.map((namespace) =>
    optional(
      `${kind.plural} in namespace ${namespace}`,
      itemsOf(cluster.list(kind, { ...query, namespace }, project)),
      namespace,
    ),
  );
  return (await Promise.all(lists)).flatMap((list) => list ?? []);
};

/** The workloads of these kinds. */
export const listWorkloads = async (
  cluster: Cluster,
  namespaces: readonly string[] | "all",
  optional: OptionalRead,
  wanted: readonly WorkloadKind[],
): Promise<readonly BareWorkload[]> => {
  const lists = wanted.map((kind) =>
    listKind(cluster, namespaces, optional, workloadApi[kind], (object) => workloadFrom(kind, object)),
  );
  return (await Promise.all(lists)).flat();
};

/**
 * The ReplicaSets with their owners, and nothing else of them; none where they may not be read. That is no gap: the
 * name of a ReplicaSet says which Deployment it belongs to.
 */
export const listReplicaSets = (
  cluster: Cluster,
  namespaces: readonly string[] | "all",
): Promise<readonly KubeObject[]> =>
  listKind(cluster, namespaces, ignoringFailure, kinds.replicaSets, withOwners, { metadataOnly: true });

const withOwners = ({ metadata: { name, uid, ownerReferences = [] } }: KubeObject): KubeObject => ({
  metadata: { name, uid, ownerReferences },
});
