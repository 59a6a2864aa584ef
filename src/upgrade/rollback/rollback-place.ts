/** What a rollback has to do in one namespace, by its undo record, its journal and its labels of today. Pure. */
import { instantOf, isBefore } from "../../mesh/instant.ts";
import { labelOf } from "../../mesh/labels.ts";
import { type Namespace, undoAnnotation } from "../../mesh/model.ts";
import { type RevisionLabels, revisionLabelsOf, sameRevisionLabels } from "../../mesh/revision-labels.ts";
import { labelsTo } from "../plan/namespace-move.ts";
import { onlyCaughtUp } from "../plan/outdated.ts";
import {
  changedNothing,
  type FoundJournal,
  foreignReason,
  type Journals,
  runNamed,
  runsOf,
} from "../record/found-journal.ts";
import { isMalformed } from "../record/record-fields.ts";
import type { RunRecord } from "../record/run-journal.ts";
import { parseUndoRecord, type UndoRecord } from "../record/undo-record.ts";
import type { RollbackRequest } from "./rollback-request.ts";

/** A namespace that the rollback was asked for. */
export interface Place {
  readonly name: string;
  readonly standing: Standing;
}

/**
 * `missing`: there is no such namespace · `nothing`: it has nothing to put back, or nothing that was asked for ·
 * `record`, `journal`: this record cannot be used, and whether the journal has an undo record beside it · `lost`: a run changed it, and its undo record is gone ·
 * `superseded`: another run changed it after the one asked for · `changed`: somebody else changed its labels ·
 * `back`: it goes back.
 */
export type Standing =
  | { readonly kind: "missing" }
  | { readonly kind: "nothing"; readonly reason: string }
  | { readonly kind: "record"; readonly reason: string }
  | { readonly kind: "journal"; readonly reason: string; readonly record: "there" | "none" }
  | { readonly kind: "lost"; readonly run: RunRecord }
  | { readonly kind: "superseded"; readonly last: string }
  | { readonly kind: "changed"; readonly found: RevisionLabels; readonly back: Back }
  | { readonly kind: "back"; readonly back: Back };

/** How a namespace goes back. */
export interface Back {
  readonly record: UndoRecord;
  /** The labels that it gets. */
  readonly after: RevisionLabels;
  /** The run that is undone, where the journal has it. */
  readonly run: RunRecord | undefined;
  /** The rollback of it that was begun and has not ended. */
  readonly begun: RunRecord | undefined;
}

/** The undo record in the annotation of a namespace; a reason where it cannot be used; undefined where there is none. */
export const usableRecord = ({
  annotations,
  uid,
}: Pick<Namespace, "annotations" | "uid">): UndoRecord | { readonly malformed: string } | undefined => {
  const text = labelOf(annotations, undoAnnotation);
  if (text === undefined) return undefined;
  const record = parseUndoRecord(text);
  if (isMalformed(record)) return record;
  if (record.namespaceUid !== uid)
    return { malformed: "it was written for another namespace of this name, which was deleted since" };
  return instantOf(record.stamp) === undefined ? { malformed: "its stamp is not a time" } : record;
};

/** `journals`: undefined where they could not be read; then a check stops the run. */
export const standingPlace = (
  name: string,
  namespace: StandingNamespace | undefined,
  journals: Journals | undefined,
  request: RollbackRequest,
): Place => ({
  name,
  standing: namespace ? standingOf(namespace, journals, request) : { kind: "missing" },
});

/** What of a namespace decides how it stands. */
export type StandingNamespace = Pick<Namespace, "name" | "uid" | "labels" | "annotations" | "terminating">;

/**
 * Whether a namespace without an undo record has to be told of all the same, where every namespace with something to
 * put back was asked for: a run changed it, or may have. A journal of another cluster has no run of `--run`.
 */
export const concerns = ({ standing }: Place, { run }: RollbackRequest, found: FoundJournal | undefined): boolean =>
  standing.kind === "journal"
    ? run === undefined || found?.kind === "malformed"
    : standing.kind === "lost" && (run === undefined || standing.run.run === run);

const standingOf = (
  namespace: StandingNamespace,
  journals: Journals | undefined,
  request: RollbackRequest,
): Standing => {
  if (namespace.terminating) return { kind: "nothing", reason: "it is being deleted" };
  const found: FoundJournal = journals?.byNamespace.get(namespace.name) ?? { kind: "none" };
  const unusable = journals && foreignReason(found, namespace, journals.clusterUid);
  const record = usableRecord(namespace);
  if (record === undefined)
    return unusable === undefined
      ? withoutRecord(found, revisionLabelsOf(namespace.labels))
      : { kind: "journal", reason: unusable, record: "none" };
  if (isMalformed(record)) return { kind: "record", reason: record.malformed };
  if (unusable !== undefined) return { kind: "journal", reason: unusable, record: "there" };
  return unselected(record, found, request) ?? byLabels(namespace, record, found, request);
};

/**
 * A rollback removes the annotation last, when everything is proven: where one is the last run, it has ended. An open
 * or finished migration without its record was changed by somebody else, unless it ended before its first change.
 */
const withoutRecord = (found: FoundJournal, today: RevisionLabels): Standing => {
  const last = runsOf(found).at(-1);
  if (last?.verb === "migrate" && changedNothing(last, today))
    return { kind: "nothing", reason: `its run ${last.run} ended before it changed anything` };
  if (last && movedOnlyTag(last))
    return {
      kind: "nothing",
      reason: `its run ${last.run} moved tag ${last.label}, which goes back with --tag ${last.label}`,
    };
  if (last && onlyCaughtUp(last))
    return {
      kind: "nothing",
      reason: `its run ${last.run} replaced older proxies by newer ones of revision ${last.to}, which injects no older ones any more`,
    };
  return last?.verb === "migrate" && (last.state === "open" || last.state === "done")
    ? { kind: "lost", run: last }
    : { kind: "nothing", reason: "it has no undo record: no migration changed it, or everything was put back" };
};

/** The entry of a tag in the journal of the Istio namespace: no label of that namespace, and no workload, was changed. */
const movedOnlyTag = ({ verb, before, after, workloads }: RunRecord): boolean =>
  verb === "migrate" && sameRevisionLabels(before, after) && workloads.length === 0;

const unselected = (
  record: UndoRecord,
  found: FoundJournal,
  { run, toBefore }: RollbackRequest,
): Standing | undefined => {
  if (run !== undefined && record.run !== run)
    return runNamed(found, run) === undefined
      ? { kind: "nothing", reason: `its last run is ${record.run}, not ${run}` }
      : { kind: "superseded", last: record.run };
  if (isBefore(record.stamp, toBefore))
    return { kind: "nothing", reason: `its run began at ${record.stamp}, before ${toBefore}` };
  return undefined;
};

/** Labels are put back only where nobody else changed them: they are the run's, or those of a way back that was begun. */
const byLabels = (
  { labels }: Pick<Namespace, "labels">,
  record: UndoRecord,
  found: FoundJournal,
  { pin }: RollbackRequest,
): Standing => {
  const after = pin ? pinnedTo(record) : record.before;
  const run = runNamed(found, record.run);
  const begun = runsOf(found).findLast(
    ({ verb, undoes, state }) => verb === "rollback" && undoes === record.run && state === "open",
  );
  const back = { record, after, run, begun };
  const today = revisionLabelsOf(labels);
  const ours = [
    labelsTo(record.target),
    ...(run ? [run.after] : []),
    record.before,
    after,
    ...runsOf(found)
      .filter(({ verb, undoes }) => verb === "rollback" && undoes === record.run)
      .map((rollback) => rollback.after),
  ];
  return ours.some((each) => sameRevisionLabels(each, today)) && othersAreOurs(labels, record)
    ? { kind: "back", back }
    : { kind: "changed", found: today, back };
};

/** Labels that the run wrote beside the two are as it wrote them, or as before again. */
const othersAreOurs = (labels: Namespace["labels"], { set = {}, before }: UndoRecord): boolean =>
  Object.entries(set).every(([key, value]) =>
    [value, before.also?.[key] ?? null].includes(labelOf(labels, key) ?? null),
  );

/** The labels of `--pin`. */
export const pinnedTo = ({ from, before: { also } }: UndoRecord): RevisionLabels => ({
  ...labelsTo({ label: from.revision }),
  ...(also && { also }),
});
