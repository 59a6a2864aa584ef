/**
 * The journal of a namespace: which runs changed it, what each found and what it has done, as data and as text. It is
 * kept in ConfigMap `kubectl-mesh` of the namespace, so that a run can be continued or undone from any machine. It
 * holds names, UIDs, labels, hashes and times; never a pod spec.
 */
import type { RevisionLabels } from "../../mesh/revision-labels.ts";
import { isWorkloadKind } from "../../mesh/workload-kinds.ts";
import {
  fields,
  isInstant,
  isLabelValue,
  isMalformed,
  isText,
  labelsOf,
  type Malformed,
  type RecordFields,
  versionedFields,
} from "./record-fields.ts";

/** Name of the ConfigMap, and of the Lease beside it. */
export const stateName = "kubectl-mesh";
/** Key of the journal in the ConfigMap. */
export const journalKey = "journal";
/** On the ConfigMap, so that all journals of a cluster can be listed. */
export const stateLabels = { "app.kubernetes.io/managed-by": "kubectl-mesh" } as const;

export interface RunJournal {
  readonly version: 1;
  /** UID of Namespace kube-system: it stands for the cluster. */
  readonly clusterUid: string;
  readonly namespaceUid: string;
  /** Oldest first. */
  readonly runs: readonly RunRecord[];
}

export interface RunRecord {
  readonly run: string;
  readonly verb: "migrate" | "rollback";
  /** Of a rollback: the run that it undoes. */
  readonly undoes: string | undefined;
  /** USER@HOST of whoever ran it last. */
  readonly by: string;
  /** RFC 3339, whole seconds, by the API server's clock. */
  readonly startedAt: string;
  /** When the program that ran it last ended by itself; absent while it runs, and where it was killed. */
  readonly stoppedAt: string | undefined;
  /** Revisions. */
  readonly from: string;
  readonly to: string;
  /** Value of `istio.io/rev` that a migration goes to: a revision or a tag. */
  readonly label: string;
  /** The labels that it found and those that it writes. */
  readonly before: RevisionLabels;
  readonly after: RevisionLabels;
  /** Its restart stamp. */
  readonly stamp: string;
  readonly state: RunState;
  readonly workloads: readonly WorkloadRecord[];
}

/**
 * `open`: not proven to the end; it can be continued or undone · `done` · `restored`: it put everything back itself ·
 * `undone`: a later rollback put it back · `superseded`: it was left open, and a later run began from what was there.
 */
export type RunState = "open" | "done" | "restored" | "undone" | "superseded";

/** A workload that the run restarts. */
export interface WorkloadRecord {
  /** One of `workloadKinds`, or the kind of an operator's object with its group. */
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  /** The restart stamp of its template before the run; null: none. */
  readonly stampBefore: string | null;
  /** Revisions of its pods before the run; empty: it had none. */
  readonly from: readonly string[];
  /** What its controller called the templates of its pods before the run (`pod-template-hash`). */
  readonly templates: readonly string[];
  /** The stamp that was written last; null: none on purpose; undefined: nothing was written. */
  readonly stamp: string | null | undefined;
  readonly state: WorkloadState;
}

/** `begun`: written, or it may have been. */
export type WorkloadState = "planned" | "begun" | "proven" | "failed" | "unproven" | "undone";

/** A journal keeps its open runs and so many of the last ones. */
const mostRuns = 12;

/** Bytes of text that a ConfigMap holds with room for the rest of the object (Kubernetes allows 1 MiB). */
export const mostJournalBytes = 900_000;

/**
 * The text of a journal, bounded: runs that were put back keep no workloads, superseded ones only those whose rollouts
 * may still be under way, the oldest ended ones are left out, and where there is still no room, superseded runs and then
 * those that are done lose their workloads too, the oldest first. The newest run and open ones always stay whole: see
 * `journalExcess`.
 */
export const journalText = (journal: RunJournal): string => textWithin(journal, mostJournalBytes);

const textWithin = ({ version, clusterUid, namespaceUid, runs }: RunJournal, most: number): string => {
  const newest = runs.at(-1);
  const unfinished = unfinishedRuns(runs);
  const kept = runs
    .filter((each, index) => each === newest || each.state === "open" || index >= runs.length - mostRuns)
    .map((each) => runFields(each === newest ? each : { ...each, workloads: keptWorkloads(each, unfinished) }));
  const textOf = (all: readonly RunRecord[]): string =>
    JSON.stringify({ version, clusterUid, namespaceUid, runs: all });
  let text = textOf(kept);
  for (const losing of ["superseded", "done"])
    for (const [index, each] of kept.entries()) {
      if (index === kept.length - 1 || each.state !== losing || each.workloads.length === 0) continue;
      if (bytesOf(text) <= most) return text;
      kept[index] = { ...each, workloads: [] };
      text = textOf(kept);
    }
  return text;
};

/**
 * The runs that may have rollouts under way: the open ones, and the superseded ones, until a later run has proven what
 * is in the namespace.
 */
export const unfinishedRuns = (runs: readonly RunRecord[]): readonly RunRecord[] => {
  const proven = runs.findLastIndex(({ state }) => state !== "open" && state !== "superseded");
  return runs.filter(({ state }, index) => state === "open" || (state === "superseded" && index > proven));
};

/** Whether a run has restarted the workload, or may have, and has not seen the end of that rollout. */
export const isStarted = ({ state, stamp }: WorkloadRecord): boolean =>
  stamp !== undefined && state !== "planned" && state !== "proven";

const keptWorkloads = (run: RunRecord, unfinished: readonly RunRecord[]): readonly WorkloadRecord[] => {
  if (run.state === "open" || run.state === "done") return run.workloads;
  return unfinished.includes(run) ? run.workloads.filter(isStarted) : [];
};

/** Why a text of a journal cannot be kept in a ConfigMap; undefined where it fits. */
export const journalExcess = (text: string): string | undefined => excess(text, mostJournalBytes);

/** Bytes that a run may need for workloads that are in no plan: their pods came up while it was under way. */
const lateBytes = 50_000;

/**
 * Why a journal whose newest run begins could not be kept until that run ends; undefined where it can: every entry of
 * the run fits when it is as long as it may become.
 */
export const runExcess = ({ runs, ...journal }: RunJournal): string | undefined => {
  const most = mostJournalBytes - lateBytes;
  return excess(textWithin({ ...journal, runs: [...runs.slice(0, -1), ...runs.slice(-1).map(atMost)] }, most), most);
};

/** The run with the longest values that it writes. A restart stamp is always as long as the one of the run. */
const atMost = (run: RunRecord): RunRecord => ({
  ...run,
  stoppedAt: run.startedAt,
  state: "restored",
  workloads: run.workloads.map((each) => ({ ...each, stamp: longest(each, run), state: "unproven" })),
});

const longest = ({ stamp, stampBefore }: WorkloadRecord, run: RunRecord): string =>
  [stampBefore, stamp, run.stamp]
    .filter((each) => typeof each === "string")
    .reduce((a, b) => (bytesOf(JSON.stringify(b)) > bytesOf(JSON.stringify(a)) ? b : a));

const excess = (text: string, most: number): string | undefined => {
  const bytes = bytesOf(text);
  return bytes <= most
    ? undefined
    : `its journal would have ${bytes} bytes, and ConfigMap ${stateName} has room for ${most}: too many workloads for one run`;
};

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** The order of the fields is always the same, so that two texts of one journal are equal. */
const runFields = (each: RunRecord): RunRecord => {
  const { run, verb, undoes, by, startedAt, stoppedAt, from, to, label, before, after, stamp, state, workloads } = each;
  return {
    ...{ run, verb, undoes, by, startedAt, stoppedAt, from, to, label },
    ...{
      before: labelFields(before),
      after: labelFields(after),
      stamp,
      state,
      workloads: workloads.map(workloadFields),
    },
  };
};

const labelFields = (labels: RevisionLabels): RevisionLabels => ({
  "istio-injection": labels["istio-injection"],
  "istio.io/rev": labels["istio.io/rev"],
});

const workloadFields = (each: WorkloadRecord): WorkloadRecord => {
  const { kind, name, uid, stampBefore, from, templates, stamp, state } = each;
  return { kind, name, uid, stampBefore, from, templates, stamp, state };
};

/** The journal in a text. Never throws. What a later release wrote is not guessed at: it is malformed here. */
export const parseJournal = (text: string): RunJournal | Malformed => {
  if (bytesOf(text) > mostJournalBytes) return { malformed: `it has more than ${mostJournalBytes} bytes` };
  const head = versionedFields(text);
  if (isMalformed(head)) return head;
  const { clusterUid, namespaceUid, runs } = head.record;
  if (!isText(clusterUid) || !isText(namespaceUid))
    return { malformed: "its field clusterUid or namespaceUid is missing" };
  if (!Array.isArray(runs)) return { malformed: "its field runs is no list" };
  const read = runs.map((run) => runOf(fields(run)));
  const damaged = read.indexOf(undefined);
  if (damaged >= 0) return { malformed: `entry ${damaged + 1} of its runs is incomplete` };
  const ids = read.map((each) => each?.run);
  const twice = ids.findIndex((id, index) => ids.indexOf(id) < index);
  if (twice >= 0) return { malformed: `entry ${twice + 1} of its runs has the id of another one` };
  return { version: 1, clusterUid, namespaceUid, runs: read as readonly RunRecord[] };
};

const runOf = (record: RecordFields): RunRecord | undefined => {
  const { run, verb, undoes, by, startedAt, stoppedAt, from, to, label, stamp, state, workloads } = record;
  const before = labelsOf(fields(record.before));
  const after = labelsOf(fields(record.after));
  if (!isLabelValue(run) || !isLabelValue(from) || !isLabelValue(to) || !isLabelValue(label)) return undefined;
  if (!isInstant(startedAt) || !isInstant(stamp) || !(stoppedAt === undefined || isInstant(stoppedAt)))
    return undefined;
  if (!isText(by) || (verb !== "migrate" && verb !== "rollback")) return undefined;
  if (!(undoes === undefined || isLabelValue(undoes)) || !before || !after) return undefined;
  if (!isOneOf(runStates, state) || !Array.isArray(workloads)) return undefined;
  const read = workloads.map((workload) => workloadOf(fields(workload)));
  if (read.includes(undefined)) return undefined;
  const inside = read as readonly WorkloadRecord[];
  if (new Set(inside.map(({ kind, name }) => `${kind}/${name}`)).size < inside.length) return undefined;
  return {
    run,
    verb,
    undoes,
    by,
    startedAt,
    stoppedAt,
    from,
    to,
    label,
    before,
    after,
    stamp,
    state,
    workloads: inside,
  };
};

const workloadOf = (record: RecordFields): WorkloadRecord | undefined => {
  const { kind, name, uid, stampBefore, from, templates, stamp, state } = record;
  if (!isKind(kind) || !isName(name) || !isText(uid)) return undefined;
  if (!isStamp(stampBefore) || !(stamp === undefined || isStamp(stamp))) return undefined;
  if (!isTexts(from) || !isTexts(templates) || !isOneOf(workloadStates, state)) return undefined;
  return { kind, name, uid, stampBefore, from, templates, stamp, state };
};

const runStates: readonly RunState[] = ["open", "done", "restored", "undone", "superseded"];
const workloadStates: readonly WorkloadState[] = ["planned", "begun", "proven", "failed", "unproven", "undone"];

/** Of a template before a run it is what somebody else wrote there: any text. */
const isStamp = (value: unknown): value is string | null => value === null || typeof value === "string";
const isOneOf = <T extends string>(known: readonly T[], value: unknown): value is T => known.includes(value as T);
const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every(isText);

/** A kind of workload of ours, or one with the group of an operator: never one of Kubernetes that is no workload. */
const isKind = (value: unknown): value is string =>
  isText(value) &&
  value.length <= 317 &&
  (isWorkloadKind(value) || /^[A-Z][A-Za-z0-9]{0,62}(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?){2,}$/.test(value));

/**
 * A name of an object of the API (RFC 1123 subdomain), so that a journal can name nothing outside its own namespace:
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names
 */
const isName = (value: unknown): value is string =>
  isText(value) &&
  value.length <= 253 &&
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(value);
