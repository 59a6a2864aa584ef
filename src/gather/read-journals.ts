/** Reads the journals of namespaces, and which cluster this is. */
import type { Cluster } from "../cluster/cluster.ts";
import { ClusterError } from "../cluster/cluster-error.ts";
import { kinds } from "../cluster/kinds.ts";
import { labelOf } from "../mesh/labels.ts";
import type { FoundJournal, Journals } from "../upgrade/record/found-journal.ts";
import { isMalformed } from "../upgrade/record/record-fields.ts";
import { journalKey, parseJournal, stateName } from "../upgrade/record/run-journal.ts";

/** Throws `ClusterError` where one of them cannot be read: an unknown journal is not "none". */
export async function readJournals(cluster: Cluster, namespaces: readonly string[]): Promise<Journals> {
  const [clusterUid, found] = await Promise.all([
    readClusterUid(cluster),
    Promise.all(namespaces.map(async (name) => [name, await readJournal(cluster, name)] as const)),
  ]);
  return { clusterUid, byNamespace: new Map(found) };
}

/** The namespace kube-system is never created again, so its UID names the cluster. */
export async function readClusterUid(cluster: Cluster): Promise<string> {
  const system = await cluster.get(kinds.namespaces, "kube-system");
  if (system) return system.metadata.uid;
  throw new ClusterError("namespace kube-system is not there: which cluster this is cannot be told", {
    reason: "not-found",
  });
}

async function readJournal(cluster: Cluster, namespace: string): Promise<FoundJournal> {
  const object = await cluster.get(kinds.configMaps, stateName, namespace);
  const text = object && labelOf(object.data ?? {}, journalKey);
  if (text === undefined) return { kind: "none" };
  const journal = parseJournal(text);
  return isMalformed(journal) ? { kind: "malformed", reason: journal.malformed } : { kind: "journal", journal };
}
