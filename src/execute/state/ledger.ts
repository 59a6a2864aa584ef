/**
 * What makes a run safe against being killed and against other operators: before every write the lock is held and the
 * intent is in the cluster, and after it what came of it is written too.
 */
import type { Clock } from "../../cluster/clock.ts";
import { unlessAborted } from "../../cluster/clock.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { instantOf, isBefore } from "../../mesh/instant.ts";
import type { StepOutcome, StepState } from "../../upgrade/plan/outcome.ts";
import {
  closesRecord,
  type MoveTagStep,
  namespaceOf,
  type ProveStep,
  type RelabelStep,
  type RestartStep,
  type Step,
} from "../../upgrade/plan/step.ts";
import { type Journals, runsOf } from "../../upgrade/record/found-journal.ts";
import { beginRun, changeRun, changeWorkload, endRun, type RunDraft } from "../../upgrade/record/run-changes.ts";
import type { RunJournal, RunRecord, WorkloadRecord, WorkloadState } from "../../upgrade/record/run-journal.ts";
import { laterStamp, stampAt } from "../steps/stamp.ts";
import { createJournalWriter, type JournalWriter } from "./journal-writer.ts";
import type { Lock } from "./lock.ts";

export interface Ledger {
  /**
   * Before every write. `current`: the lock is held and the intent is durable · `stale`: the same, but this machine was
   * away for a while, so what the write was decided on has to be read again. Throws `ClusterError`: then nothing may be
   * written. `stamp`: the restart stamp that is written, where it is not the one of the plan.
   */
  begin(step: Step, stamp?: string): Promise<"current" | "stale">;
  /** What came of a step. It is written soon, together with what came of others meanwhile. */
  record(step: Step, outcome: StepOutcome): void;
  /** Run id and restart stamp of the namespace's run. Throws an `Error` before the first `begin` in it: a bug. */
  runOf(namespace: string): Pick<RunRecord, "run" | "stamp">;
  /** The ledger of a lane's way back: what it proves is undone. */
  forUndo(): Ledger;
  /** The namespace is as it was before the run. */
  restored(namespace: string): void;
}

/** The ledger of a whole run. */
export interface RunLedger extends Ledger {
  /** Notes that the program ends, and waits until everything is written, for some seconds at most. Never throws. */
  close(): Promise<void>;
}

export interface LedgerOptions {
  readonly lock: Lock;
  /** Id of a new run. */
  readonly run: string;
  /** USER@HOST. */
  readonly by: string;
  readonly journals: Journals;
  /** Of each namespace that is locked: its UID, and what its run is about to do. */
  readonly drafts: ReadonlyMap<string, { readonly uid: string; readonly draft: RunDraft }>;
  readonly clock: Clock;
  /** Ends the wait for a later second. */
  readonly signal: AbortSignal;
  readonly warn: (text: string) => void;
}

interface Entry {
  readonly namespace: string;
  readonly writer: JournalWriter;
  readonly run: string;
  readonly stamp: string;
  /** Of restarts that are begun and of which nothing has come yet: what was known of the workload before. */
  readonly before: Map<string, WorkloadRecord | undefined>;
}

/** How long the last entries may take when the program ends (ms). */
const lastEntriesMs = 2_000;

export function openLedger(cluster: Cluster, options: LedgerOptions): RunLedger {
  const { lock, journals, drafts, clock, signal, warn } = options;
  const entries = new Map<string, Promise<Entry>>();
  const opened = new Map<string, Entry>();
  /** Workloads that were proven without a write, before anything was begun in their namespace. */
  const provenBefore = new Map<string, ProveStep[]>();
  let warned = false;

  const entryOf = (namespace: string): Promise<Entry> => {
    const known = entries.get(namespace);
    if (known !== undefined) return known;
    const opening = open(namespace).catch((error: unknown) => {
      entries.delete(namespace);
      throw error;
    });
    entries.set(namespace, opening);
    return opening;
  };

  async function open(namespace: string): Promise<Entry> {
    const found = drafts.get(namespace);
    if (!found) throw new Error(`no run was planned for namespace ${namespace}`);
    const { uid, draft } = found;
    const runs = runsOf(journals.byNamespace.get(namespace));
    const before: RunJournal = { version: 1, clusterUid: journals.clusterUid, namespaceUid: uid, runs };
    const startedAt = stampAt(await cluster.now());
    const { run, stamp } = draft.resumed ?? { run: options.run, stamp: await newStamp(stampsOf(runs, draft)) };
    const writer = createJournalWriter(cluster, namespace, before);
    writer.change((journal) => beginRun(journal, draft, { run, stamp, by: options.by, startedAt }));
    const entry = { namespace, writer, run, stamp, before: new Map() };
    opened.set(namespace, entry);
    for (const step of provenBefore.get(namespace) ?? []) writer.change((journal) => proven(journal, run, step));
    return entry;
  }

  /** Another one than all of these, and later than those of the past, so that the run's restarts are rollouts. */
  async function newStamp(known: readonly string[]): Promise<string> {
    for (;;) {
      const last = lastStamp(known, stampAt(await cluster.now()));
      const stamp = await laterStamp({ cluster, clock, signal }, last);
      if (!known.includes(stamp) || signal.aborted) return stamp;
    }
  }

  /** A journal is written under the lock too: whoever took it over meanwhile writes there now. */
  async function save(entry: Entry): Promise<void> {
    await lock.ensure(entry.namespace, entry);
    await entry.writer.commit();
  }

  /** What came of a step is no precondition of anything: the next intent writes it too. */
  function commitSoon(entry: Entry): void {
    save(entry).catch((error: unknown) => {
      if (!(error instanceof ClusterError)) throw error;
      if (!warned) warn(`what was done is not in the journal: ${error.message}`);
      warned = true;
    });
  }

  const ledger = (states: WorkloadStates): Ledger => ({
    begin: async (step, stamp) => {
      const namespace = namespaceOf(step);
      const before = await lock.ensure(namespace, step);
      const entry = await entryOf(namespace);
      if (step.kind === "restart") {
        const { journal } = entry.writer;
        if (!entry.before.has(keyOf(step))) entry.before.set(keyOf(step), workloadOf(journal(), entry.run, step));
        entry.writer.change((now) => begun(now, entry, step, stamp));
      }
      await entry.writer.commit();
      const after = await lock.ensure(namespace, step);
      return before === "stale" ? before : after;
    },
    record: (step, outcome) => {
      const namespace = namespaceOf(step);
      const entry = opened.get(namespace);
      if (step.kind === "prove") {
        if (outcome.state !== "proven") return;
        if (!entry) return void provenBefore.set(namespace, [...(provenBefore.get(namespace) ?? []), step]);
        entry.writer.change((journal) => proven(journal, entry.run, step));
        return commitSoon(entry);
      }
      if (!entry) return;
      const update =
        step.kind === "restart" ? restartUpdate(entry, step, outcome, states) : closeUpdate(entry, step, outcome);
      if (!update) return;
      entry.writer.change(update);
      commitSoon(entry);
    },
    runOf: (namespace) => {
      const entry = opened.get(namespace);
      if (!entry) throw new Error(`nothing was begun in namespace ${namespace}`);
      return { run: entry.run, stamp: entry.stamp };
    },
    forUndo: () => ledger(undone),
    restored: (namespace) => {
      const entry = opened.get(namespace);
      if (!entry) return;
      entry.writer.change((journal) => endRun(journal, entry.run, "restored"));
      commitSoon(entry);
    },
  });

  return {
    ...ledger(done),
    close: () => unlessAborted(noteEnd(), clock.timeout(lastEntriesMs)),
  };

  async function noteEnd(): Promise<void> {
    if (opened.size === 0) return;
    const stoppedAt = stampAt(await cluster.now().catch(() => new Date(clock.wall())));
    const all = [...opened.values()].map(async (entry) => {
      entry.writer.change((journal) => changeRun(journal, entry.run, (record) => ({ ...record, stoppedAt })));
      await save(entry).catch(() => {});
    });
    await Promise.all(all);
  }
}

type Update = (journal: RunJournal) => RunJournal;

const keyOf = ({ workload: { kind, name } }: RestartStep): string => `${kind}/${name}`;

const workloadOf = (
  { runs }: RunJournal,
  run: string,
  { workload: { kind, name } }: RestartStep | ProveStep,
): WorkloadRecord | undefined =>
  runs.find((each) => each.run === run)?.workloads.find((each) => each.kind === kind && each.name === name);

/** What was refused is as it was before it was begun: it may have been restarted by an earlier program of this run. */
function restartUpdate(
  { run, before }: Entry,
  step: RestartStep,
  outcome: StepOutcome,
  states: WorkloadStates,
): Update | undefined {
  const key = keyOf(step);
  const isBegun = before.has(key);
  const earlier = before.get(key);
  before.delete(key);
  const { kind, name } = step.workload;
  if (outcome.state === "not-begun") {
    if (!isBegun) return undefined;
    return (journal) =>
      changeRun(journal, run, (record) => ({
        ...record,
        workloads: record.workloads.flatMap((each) =>
          each.kind === kind && each.name === name ? (earlier ?? []) : [each],
        ),
      }));
  }
  const state = states[outcome.state];
  return state && ((journal) => changeWorkload(journal, run, { kind, name }, { state, ...writtenStamp(outcome) }));
}

const closeUpdate = ({ run }: Entry, step: RelabelStep | MoveTagStep, { state }: StepOutcome): Update | undefined =>
  closesRecord(step) && state === "proven" ? (journal) => endRun(journal, run, "done") : undefined;

/** What an earlier program of the run has restarted is proven by this one. */
const proven = (journal: RunJournal, run: string, step: ProveStep): RunJournal => {
  const known = workloadOf(journal, run, step);
  return known?.uid === step.uid ? changeWorkload(journal, run, known, { state: "proven" }) : journal;
};

/** A restart that was read from no plan (its pods came up meanwhile) is entered when it begins. */
const begun = (
  journal: RunJournal,
  { run, stamp }: Entry,
  step: RestartStep,
  again: string | undefined,
): RunJournal => {
  const { kind, name } = step.workload;
  const written = again ?? (step.stamp.kind === "as-before" ? step.stamp.stamp : stamp);
  if (workloadOf(journal, run, step))
    return changeWorkload(journal, run, { kind, name }, { state: "begun", stamp: written });
  return changeRun(journal, run, (record) => ({
    ...record,
    workloads: [
      ...record.workloads,
      { kind, name, uid: step.uid, stampBefore: null, from: step.from, templates: [], stamp: written, state: "begun" },
    ],
  }));
};

/** What the journal makes of the state of a restart; undefined: nothing. */
type WorkloadStates = Readonly<Record<Exclude<StepState, "not-begun">, WorkloadState | undefined>>;

const done: WorkloadStates = {
  begun: undefined,
  proven: "proven",
  draining: "unproven",
  failed: "failed",
  unproven: "unproven",
  undone: "undone",
};

const undone: WorkloadStates = { ...done, proven: "undone" };

/** Of a template without a stamp the outcome has an empty one. */
const writtenStamp = ({ stamp }: StepOutcome): Pick<WorkloadRecord, "stamp"> | undefined =>
  stamp === undefined ? undefined : { stamp: stamp === "" ? null : stamp };

const stampsOf = (runs: readonly RunRecord[], { workloads }: RunDraft): readonly string[] =>
  [
    ...runs.flatMap((run) => [run.stamp, ...run.workloads.map(({ stamp }) => stamp)]),
    ...workloads.map(({ stampBefore }) => stampBefore),
  ].filter((stamp) => typeof stamp === "string");

/** The last of these times until now; what is no time is none. One of the time to come was made by another clock. */
const lastStamp = (stamps: readonly string[], now: string): string | undefined =>
  stamps
    .filter((stamp) => instantOf(stamp) !== undefined && !isBefore(now, stamp))
    .reduce<string | undefined>(
      (last, stamp) => (last !== undefined && isBefore(stamp, last) ? last : stamp),
      undefined,
    );
