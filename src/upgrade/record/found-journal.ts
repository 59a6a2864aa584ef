/** What a namespace has of journals, and whether it may be trusted. Pure. */
import type { Namespace } from "../../mesh/model.ts";
import { type RevisionLabels, sameRevisionLabels } from "../../mesh/revision-labels.ts";
import { isStarted, type RunJournal, type RunRecord, unfinishedRuns } from "./run-journal.ts";

/** `none`: there is no ConfigMap, or it has no journal · `malformed`: what it holds cannot be used, and why. */
export type FoundJournal =
  | { readonly kind: "none" }
  | { readonly kind: "journal"; readonly journal: RunJournal }
  | { readonly kind: "malformed"; readonly reason: string };

export interface Journals {
  /** UID of Namespace kube-system: it stands for the cluster. */
  readonly clusterUid: string;
  /** Every namespace that was asked for. */
  readonly byNamespace: ReadonlyMap<string, FoundJournal>;
}

/** Why the journal is not one of this namespace in this cluster; undefined where it is, or where there is none. */
export const foreignReason = (
  found: FoundJournal,
  namespace: Pick<Namespace, "name" | "uid">,
  clusterUid: string,
): string | undefined => {
  if (found.kind === "none") return undefined;
  if (found.kind === "malformed") return found.reason;
  if (found.journal.clusterUid !== clusterUid) return "it was written in another cluster";
  if (found.journal.namespaceUid !== namespace.uid)
    return `it was written for another namespace of this name, which was deleted since`;
  return undefined;
};

export const runsOf = (found: FoundJournal | undefined): readonly RunRecord[] =>
  found?.kind === "journal" ? found.journal.runs : [];

export const runNamed = (found: FoundJournal | undefined, run: string): RunRecord | undefined =>
  runsOf(found).find((each) => each.run === run);

/**
 * Whether an open run has not changed anything in its namespace, whose labels of today are given. The journal has the
 * intent first, and an undo record of the run comes with the labels: neither these nor a restart was begun. It does not
 * hold for a run that the undo record names.
 */
export const changedNothing = ({ state, before, workloads }: RunRecord, today: RevisionLabels): boolean =>
  state === "open" && sameRevisionLabels(today, before) && workloads.every((each) => each.state === "planned");

/** A rollout: the UID of a workload and its restart stamp. */
export const rolloutKey = (uid: string, stamp: string | undefined): string => `${uid} ${stamp ?? ""}`;

/** The rollouts that unfinished runs have started and not proven, as `rolloutKey`. A migration or a rollback did it. */
export const startedRollouts = ({ byNamespace }: Journals): ReadonlySet<string> =>
  new Set(
    [...byNamespace.values()]
      .flatMap((found) => unfinishedRuns(runsOf(found)))
      .flatMap(({ workloads }) => workloads)
      .filter(isStarted)
      .map(({ uid, stamp }) => rolloutKey(uid, stamp ?? undefined)),
  );
