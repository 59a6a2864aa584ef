/**
 * Keeps the journal of one namespace in its ConfigMap. What several steps note at the same time goes out in one write,
 * so that a migration of many workloads waits for few.
 */
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { kinds } from "../../cluster/kinds.ts";
import type { ConfigMapObject } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import { isMalformed } from "../../upgrade/record/record-fields.ts";
import {
  journalExcess,
  journalKey,
  journalText,
  parseJournal,
  type RunJournal,
  stateLabels,
  stateName,
} from "../../upgrade/record/run-journal.ts";
import { goneIsConflict, settle } from "../settle.ts";

export interface JournalWriter {
  journal(): RunJournal;
  /** Nothing is written yet. */
  change(update: (journal: RunJournal) => RunJournal): void;
  /** Resolves when everything that was changed until now is in the cluster. Throws `ClusterError` where it is not. */
  commit(): Promise<void>;
}

/** `journal`: as it was read, or without runs where there was none. */
export function createJournalWriter(cluster: Cluster, namespace: string, journal: RunJournal): JournalWriter {
  let current = journal;
  let changes = 0;
  let saved = 0;
  let writing: { readonly upTo: number; readonly end: Promise<void> } | undefined;
  /** What the ConfigMap may hold without anybody else having written to it. */
  const ours = new Set([journalText(journal)]);
  let known: ConfigMapObject | undefined;

  async function write(upTo: number): Promise<void> {
    const text = journalText(current);
    const excess = journalExcess(text);
    // A run that would not fit is refused before it begins: here are only those whose namespace grew meanwhile.
    if (excess !== undefined) throw tooLarge(namespace, excess);
    ours.add(text);
    known = await settle<ConfigMapObject | undefined, ConfigMapObject>({
      read: async () => known ?? cluster.get(kinds.configMaps, stateName, namespace),
      settled: (now) => {
        const there = now && textOf(now);
        if (!now || there === undefined) return undefined;
        if (there === text) return now;
        if (!ours.has(there)) throw changedByOthers(namespace);
        return undefined;
      },
      write: async (now) => {
        known = undefined;
        const body = bodyOf(now, text);
        if (!now) return cluster.create(kinds.configMaps, body, { namespace });
        return cluster.patch(kinds.configMaps, { namespace, name: stateName }, body, {}).catch(goneIsConflict);
      },
    });
    ours.clear();
    ours.add(text);
    saved = upTo;
  }

  return {
    journal: () => current,
    change: (update) => {
      current = update(current);
      changes++;
    },
    commit: async () => {
      const wanted = changes;
      while (saved < wanted) {
        const upTo = changes;
        writing ??= {
          upTo,
          end: write(upTo).finally(() => {
            writing = undefined;
          }),
        };
        // What fails without these changes is a matter of those who wait for it.
        if (writing.upTo < wanted) await writing.end.catch(() => {});
        else await writing.end;
      }
    },
  };
}

/** As this release would write it, so that the order of fields does not matter. */
function textOf({ data }: ConfigMapObject): string | undefined {
  const text = labelOf(data ?? {}, journalKey);
  if (text === undefined) return undefined;
  const journal = parseJournal(text);
  return isMalformed(journal) ? text : journalText(journal);
}

const bodyOf = (now: ConfigMapObject | undefined, text: string): object => ({
  ...(now ? {} : { apiVersion: "v1", kind: "ConfigMap" }),
  metadata: {
    ...(now ? { resourceVersion: now.metadata.resourceVersion, uid: now.metadata.uid } : { name: stateName }),
    labels: stateLabels,
  },
  data: { [journalKey]: text },
});

const changedByOthers = (namespace: string): ClusterError =>
  new ClusterError(
    `the journal of namespace ${namespace} (ConfigMap ${stateName}) was changed by somebody else meanwhile`,
    { reason: "conflict", hint: "'kubectl mesh-rollback --list' shows what stands in it; run the command again" },
  );

const tooLarge = (namespace: string, excess: string): ClusterError =>
  new ClusterError(`namespace ${namespace}: ${excess}`, {
    reason: "invalid",
    hint: "move the namespace in parts, with -l",
  });
