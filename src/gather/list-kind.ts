/** Lists of a kind of object, in all namespaces or in some, as most readers need them. */
import type { Cluster, ListQuery, ListResult } from "../cluster/cluster.ts";
import { ClusterError } from "../cluster/cluster-error.ts";
import { type Kind, kinds, workloadApi } from "../cluster/kinds.ts";
import { type BareWorkload, workloadFrom } from "../mesh/from/workload.ts";
import type { KubeObject, NamespaceObject } from "../mesh/kubernetes.ts";
import type { WorkloadKind } from "../mesh/workload-kinds.ts";
import { ignoringFailure, type OptionalRead } from "./optional-read.ts";

/**
 * In which namespaces objects are read. `most`: in these, which are so many of all that one list of all namespaces costs
 * less than one of each.
 */
export type Where = readonly string[] | "all" | { readonly most: readonly string[] };

/** For fewer namespaces than this, one list of each is never worse. */
const fewNamespaces = 4;

/** These namespaces, of so many that there are. */
export const whereOf = (names: readonly string[], ofAll: number): Where =>
  names.length >= fewNamespaces && names.length * 4 >= ofAll ? { most: names } : names;

const isMost = (where: Where): where is { readonly most: readonly string[] } =>
  typeof where === "object" && "most" in where;

/** The names; undefined for all. */
export const namesIn = (where: Where): readonly string[] | undefined =>
  isMost(where) ? where.most : where === "all" ? undefined : where;

/** These of the namespaces, read in the same way. */
export const someOf = (where: Where, names: readonly string[]): Where => (isMost(where) ? { most: names } : names);

/** The items of a list; none of an optional kind that is not installed. */
export const itemsOf = async <R>(list: Promise<ListResult<R> | undefined>): Promise<readonly R[]> =>
  (await list)?.items ?? [];

/**
 * The objects of a kind: one list of all namespaces, or one of each that is named, at the same time. Who may not list
 * the most of all namespaces at once may still list each.
 */
export const listKind = async <T extends KubeObject, R>(
  cluster: Cluster,
  namespaces: Where,
  optional: OptionalRead,
  kind: Kind<T>,
  project: (object: T) => R,
  query: ListQuery = {},
): Promise<readonly R[]> => {
  if (namespaces === "all") return (await optional(kind.plural, itemsOf(cluster.list(kind, query, project)))) ?? [];
  if (isMost(namespaces)) {
    const within = new Set(namespaces.most);
    const ofThese = (object: T): readonly R[] => (within.has(object.metadata.namespace ?? "") ? [project(object)] : []);
    const listed = itemsOf(cluster.list(kind, query, ofThese)).catch(unlessForbidden);
    const items = await optional(kind.plural, listed);
    if (items !== "forbidden") return (items ?? []).flat();
    return listKind(cluster, namespaces.most, optional, kind, project, query);
  }
  const lists = namespaces.map((namespace) =>
    optional(
      `${kind.plural} in namespace ${namespace}`,
      itemsOf(cluster.list(kind, { ...query, namespace }, project)),
      namespace,
    ),
  );
  return (await Promise.all(lists)).flatMap((list) => list ?? []);
};

const unlessForbidden = (error: unknown): "forbidden" => {
  if (error instanceof ClusterError && error.reason === "forbidden") return "forbidden";
  throw error;
};

/** All namespaces, or those of the names that exist. */
export const listNamespaces = async (cluster: Cluster, where: Where): Promise<readonly NamespaceObject[]> => {
  const names = namesIn(where);
  if (names === undefined || isMost(where)) {
    const wanted = names && new Set(names);
    const isWanted = (namespace: NamespaceObject): readonly NamespaceObject[] =>
      !wanted || wanted.has(namespace.metadata.name) ? [namespace] : [];
    return (await itemsOf(cluster.list(kinds.namespaces, {}, isWanted))).flat();
  }
  const found = await Promise.all(names.map((name) => cluster.get(kinds.namespaces, name)));
  return found.filter((namespace) => namespace !== undefined);
};

/** The workloads of these kinds. */
export const listWorkloads = async (
  cluster: Cluster,
  namespaces: Where,
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
export const listReplicaSets = (cluster: Cluster, namespaces: Where): Promise<readonly KubeObject[]> =>
  listKind(cluster, namespaces, ignoringFailure, kinds.replicaSets, withOwners, { metadataOnly: true });

const withOwners = ({ metadata: { name, uid, ownerReferences = [] } }: KubeObject): KubeObject => ({
  metadata: { name, uid, ownerReferences },
});
