/** Reads what the history of namespaces is made from: undo records, journals, and the locks that are held. */
import type { Cluster, ListResult } from "../cluster/cluster.ts";
import { ClusterError } from "../cluster/cluster-error.ts";
import { kinds } from "../cluster/kinds.ts";
import type { NamespaceObject } from "../mesh/kubernetes.ts";
import { labelOf } from "../mesh/labels.ts";
import { undoAnnotation } from "../mesh/model.ts";
import type { HeldLock, HistoryFacts, NamespaceRecord } from "../upgrade/history.ts";
import { holderOf } from "../upgrade/record/lock-holder.ts";
import { isText } from "../upgrade/record/record-fields.ts";
import { stateLabels, stateName } from "../upgrade/record/run-journal.ts";
import { itemsOf } from "./list-kind.ts";
import { readJournals } from "./read-journals.ts";

/** The facts of a history, and the names that were asked for and are no namespaces. */
export interface ReadHistory {
  readonly facts: HistoryFacts;
  readonly missing: readonly string[];
}

/**
 * Reads these namespaces, or with `all` every namespace that has an undo record or a journal. Throws `ClusterError`
 * where a part cannot be read: an unknown history is not "none".
 */
export async function readHistory(cluster: Cluster, wanted: readonly string[] | "all"): Promise<ReadHistory> {
  const names = wanted === "all" ? wanted : [...new Set(wanted)];
  const [namespaces, now] = await Promise.all([
    names === "all" ? withHistory(cluster) : named(cluster, names),
    cluster.now(),
  ]);
  const present = namespaces.map(({ name }) => name);
  const [journals, locks] = await Promise.all([readJournals(cluster, present), readLocks(cluster, present)]);
  const missing = names === "all" ? [] : names.filter((name) => !present.includes(name));
  return { facts: { takenAt: now.toISOString(), namespaces, journals, locks }, missing };
}

const named = async (cluster: Cluster, names: readonly string[]): Promise<readonly NamespaceRecord[]> => {
  const found = await Promise.all(names.map((name) => cluster.get(kinds.namespaces, name)));
  return found.flatMap((object) => (object ? [recordOf(object)] : []));
};

async function withHistory(cluster: Cluster): Promise<readonly NamespaceRecord[]> {
  const [namespaces, journals] = await Promise.all([
    itemsOrHint(cluster.list(kinds.namespaces, { metadataOnly: true }, recordOf)),
    itemsOrHint(cluster.list(kinds.configMaps, journalsOfAll, ({ metadata }) => metadata.namespace)),
  ]);
  const withJournal = new Set(journals);
  return namespaces.filter(
    ({ name, annotations }) => withJournal.has(name) || labelOf(annotations, undoAnnotation) !== undefined,
  );
}

/** The journals of a cluster: https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/ */
export const journalsOfAll = {
  labelSelector: Object.entries(stateLabels)
    .map(([key, value]) => `${key}=${value}`)
    .join(","),
  fieldSelector: `metadata.name=${stateName}`,
  metadataOnly: true,
} as const;

/** The user may have no right to list in all namespaces, and still the right to read in some: the error says so. */
const itemsOrHint = async <R>(list: Promise<ListResult<R> | undefined>): Promise<readonly R[]> => {
  try {
    return await itemsOf(list);
  } catch (error) {
    if (!(error instanceof ClusterError) || error.reason !== "forbidden") throw error;
    const hint = [error.hint, "or name the namespaces with -n"].filter((part) => part !== undefined).join("; ");
    throw new ClusterError(error.message, { reason: error.reason, status: error.status, hint, cause: error });
  }
};

const recordOf = ({ metadata: { name, uid, annotations = {}, labels = {} } }: NamespaceObject): NamespaceRecord => ({
  ...{ name, uid, annotations, labels },
});

async function readLocks(cluster: Cluster, namespaces: readonly string[]): Promise<ReadonlyMap<string, HeldLock>> {
  const found = await Promise.all(
    namespaces.map(async (name) => [name, await cluster.get(kinds.leases, stateName, name)] as const),
  );
  return new Map(
    found.flatMap(([name, lease]) => {
      const holder = holderOf(lease);
      const renewTime: unknown = lease?.spec?.renewTime;
      return holder
        ? [[name, { holder: holder.by, renewedAt: isText(renewTime) ? renewTime : undefined }] as const]
        : [];
    }),
  );
}
