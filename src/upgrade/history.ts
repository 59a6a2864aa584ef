/** What was done to each namespace, run by run, from its undo record and its journal. Pure. */
import type { Finding } from "../mesh/finding.ts";
import { labelOf } from "../mesh/labels.ts";
import { type Namespace, undoAnnotation } from "../mesh/model.ts";
import { revisionLabelsOf } from "../mesh/revision-labels.ts";
import { changedNothing, type FoundJournal, foreignReason, type Journals, runsOf } from "./record/found-journal.ts";
import { isMalformed } from "./record/record-fields.ts";
import { type RunRecord, stateName } from "./record/run-journal.ts";
import { parseUndoRecord, type UndoRecord } from "./record/undo-record.ts";

/** What a history is made from. */
export interface HistoryFacts {
  /** RFC 3339, by the API server's clock. */
  readonly takenAt: string;
  readonly namespaces: readonly NamespaceRecord[];
  readonly journals: Journals;
  /** The locks that are held, by namespace. */
  readonly locks: ReadonlyMap<string, HeldLock>;
}

/** What of a namespace its history needs. */
export type NamespaceRecord = Pick<Namespace, "name" | "uid" | "annotations" | "labels">;

/** A lock whose owner works, or was killed. */
export interface HeldLock {
  readonly holder: string;
  /** When the owner renewed it last, by the owner's clock; undefined where the Lease has no such time. */
  readonly renewedAt: string | undefined;
}

/**
 * `open`: neither proven to the end nor put back · `stopped`: the same, and its program has ended by itself ·
 * `unchanged`: it ended before its first change · `done` ·
 * `restored`: it put everything back itself · `undone`: a later rollback put it back · `unreadable`: its record or
 * journal cannot be used · `foreign`: its record or journal was written for another cluster or namespace.
 */
export type HistoryState =
  | "open"
  | "stopped"
  | "unchanged"
  | "done"
  | "restored"
  | "undone"
  | "superseded"
  | "unreadable"
  | "foreign";

/** What a rollback of the run would find today. `nothing`: there would be nothing to put back. */
export interface WayBack {
  readonly state: "ready" | "blocked" | "unknown" | "nothing";
  readonly findings: readonly Finding[];
}

/** One run in one namespace. Of an `unreadable` or `foreign` one only namespace, state and reason are known. */
export interface HistoryRun {
  readonly namespace: string;
  readonly run: string | undefined;
  readonly verb: RunRecord["verb"] | undefined;
  /** Of a rollback: the run that it undoes. */
  readonly undoes: string | undefined;
  /** Revisions. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** Value of `istio.io/rev` that a migration goes to: a revision or a tag. */
  readonly label: string | undefined;
  /** USER@HOST of whoever ran it last; undefined without a journal. */
  readonly by: string | undefined;
  /** RFC 3339. Without a journal the restart stamp, which a run takes when it starts. */
  readonly startedAt: string | undefined;
  readonly stoppedAt: string | undefined;
  readonly state: HistoryState;
  /** Why it is unreadable or foreign, or why nothing else is known of it. */
  readonly reason: string | undefined;
  /** Of the newest run: the lock of its namespace, where it is held. */
  readonly lock: HeldLock | undefined;
  /** Only for the run that the undo record names, and where there is none for one that is `unchanged`. */
  readonly wayBack: WayBack | undefined;
}

/**
 * The runs of every namespace, namespaces by name, runs oldest first. `wayBack`: for each namespace what the checks of
 * a rollback found; an empty list is `ready`, and a namespace that is missing is `unknown`.
 */
export const runHistory = (
  facts: HistoryFacts,
  wayBack: ReadonlyMap<string, readonly Finding[]>,
): readonly HistoryRun[] =>
  facts.namespaces
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((namespace) => runsIn(namespace, facts, wayBack.get(namespace.name)));

/** The namespaces whose undo record names a run that could be rolled back: for them `wayBack` has to be found out. */
export const undoableNamespaces = ({ namespaces }: HistoryFacts): readonly string[] =>
  namespaces.flatMap((namespace) => (undoRecordOf(namespace).kind === "record" ? [namespace.name] : []));

function runsIn(
  namespace: NamespaceRecord,
  { journals, locks }: HistoryFacts,
  findings: readonly Finding[] | undefined,
): readonly HistoryRun[] {
  const undo = undoRecordOf(namespace);
  const found = journalRuns(namespace, journals);
  const rows = found.map(({ row }) => row);
  const today = revisionLabelsOf(namespace.labels);
  const idle = new Set(found.flatMap(({ row, of }) => (of && changedNothing(of, today) ? [row] : [])));
  const named = undo.kind === "record" ? rows.findIndex(({ run }) => run === undo.record.run) : -1;
  if (undo.kind === "record" && named < 0) rows.push(recordRun(namespace, undo.record));
  else if (undo.kind === "unreadable" || undo.kind === "foreign")
    rows.push(unknownRun(namespace, undo.kind, `annotation ${undoAnnotation}: ${undo.reason}`));
  const lock = locks.get(namespace.name);
  if (lock && rows.length === 0) rows.push(unknownRun(namespace, "open", "its lock is held, and no run is recorded"));
  return rows.map((row, index) => {
    const ofRecord = undo.kind === "record" && row.run === undo.record.run;
    const state = ofRecord ? ofBoth(row.state, undo.record.state) : row.state;
    const isLast = index === rows.length - 1;
    const held = isLast ? lock : undefined;
    // Of a run that goes on it is not known yet.
    const unchanged = isLast && !held && (undo.kind === "none" || undo.kind === "record") && !ofRecord && idle.has(row);
    return {
      ...row,
      state: unchanged ? "unchanged" : held && state === "stopped" ? "open" : state,
      lock: held,
      wayBack: ofRecord ? wayBackOf(findings) : unchanged && undo.kind === "none" ? nothingBack : undefined,
    };
  });
}

type FoundRecord =
  | { readonly kind: "none" }
  | { readonly kind: "record"; readonly record: UndoRecord }
  | { readonly kind: "unreadable" | "foreign"; readonly reason: string };

const undoRecordOf = ({ uid, annotations }: NamespaceRecord): FoundRecord => {
  const text = labelOf(annotations, undoAnnotation);
  if (text === undefined) return { kind: "none" };
  const record = parseUndoRecord(text);
  if (isMalformed(record)) return { kind: "unreadable", reason: record.malformed };
  return record.namespaceUid === uid
    ? { kind: "record", record }
    : { kind: "foreign", reason: "it was written for another namespace of this name, which was deleted since" };
};

/** Each run of the journal, as its row and as it was read; one row for a journal that cannot be used. */
const journalRuns = (
  namespace: NamespaceRecord,
  { clusterUid, byNamespace }: Journals,
): readonly { readonly row: HistoryRun; readonly of: RunRecord | undefined }[] => {
  const found: FoundJournal = byNamespace.get(namespace.name) ?? { kind: "none" };
  const reason = foreignReason(found, namespace, clusterUid);
  if (reason !== undefined) {
    const state = found.kind === "malformed" ? "unreadable" : "foreign";
    return [{ row: unknownRun(namespace, state, `ConfigMap ${stateName}: ${reason}`), of: undefined }];
  }
  return runsOf(found).map((run) => ({ row: journalRun(namespace, run), of: run }));
};

const journalRun = (
  { name }: NamespaceRecord,
  { run, verb, undoes, from, to, label, by, startedAt, stoppedAt, state }: RunRecord,
): HistoryRun => ({
  ...{ namespace: name, run, verb, undoes, from, to, label, by, startedAt, stoppedAt },
  state: state === "open" && stoppedAt !== undefined ? "stopped" : state,
  ...{ reason: undefined, lock: undefined, wayBack: undefined },
});

const recordRun = ({ name }: NamespaceRecord, { run, from, target, stamp, state }: UndoRecord): HistoryRun => ({
  ...{ namespace: name, run, verb: "migrate", undoes: undefined },
  ...{ from: from.revision, to: target.revision, label: target.label },
  ...{ by: undefined, startedAt: stamp, stoppedAt: undefined, state },
  ...{ reason: undefined, lock: undefined, wayBack: undefined },
});

const unknownRun = ({ name }: NamespaceRecord, state: HistoryState, reason: string): HistoryRun => ({
  ...{ namespace: name, run: undefined, verb: undefined, undoes: undefined },
  ...{ from: undefined, to: undefined, label: undefined },
  ...{ by: undefined, startedAt: undefined, stoppedAt: undefined, state, reason, lock: undefined, wayBack: undefined },
});

/**
 * A record is closed only where every workload was proven, before the journal is; while it is open, the run is too.
 */
const ofBoth = (state: HistoryState, record: UndoRecord["state"]): HistoryState =>
  state === "done" && record === "open"
    ? "open"
    : ["open", "stopped"].includes(state) && record === "done"
      ? "done"
      : state;

const nothingBack: WayBack = { state: "nothing", findings: [] };

const wayBackOf = (findings: readonly Finding[] | undefined): WayBack => {
  if (findings === undefined) return { state: "unknown", findings: [] };
  const has = (severity: Finding["severity"]): boolean => findings.some((each) => each.severity === severity);
  return { state: has("blocker") ? "blocked" : has("unknown") ? "unknown" : "ready", findings };
};
