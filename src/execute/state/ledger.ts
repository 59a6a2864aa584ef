/**
 * What makes a run safe against being killed and against other operators: before every write the lock is held and the
 * intent is in the cluster, and after it what came of it is written too.
 */
import type { Clock } from "../../cluster/clock.ts";
import { unlessAborted } from "../../cluster/clock.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { isBefore } from "../../mesh/instant.ts";
import { isWorkloadKind } from "../../mesh/workload-kinds.ts";
import type { StepOutcome, StepState } from "../../upgrade/plan/outcome.ts";
import { namespaceOf, type RestartStep, type Step } from "../../upgrade/plan/step.ts";
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
   * written.
   */
  begin(step: Step): Promise<"current" | "stale">;
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
  readonly writer: JournalWriter;
  readonly run: string;
  readonly stamp: string;
}

/** How long the last entries may take when the program ends (ms). */
const lastEntriesMs = 3_000;

export function openLedger(cluster: Cluster, options: LedgerOptions): RunLedger {
  const { lock, journals, drafts, clock, signal, warn } = options;
  const entries = new Map<string, Promise<Entry>>();
  const opened = new Map<string, Entry>();
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
    const { run, stamp } = draft.resumed ?? {
      run: options.run,
      stamp: await laterStamp({ cluster, clock, signal }, lastStamp(runs, draft, startedAt)),
    };
    const writer = createJournalWriter(cluster, namespace, before);
    writer.change((journal) => beginRun(journal, draft, { run, stamp, by: options.by, startedAt }));
    const entry = { writer, run, stamp };
    opened.set(namespace, entry);
    return entry;
  }

  /** What came of a step is no precondition of anything: the next intent writes it too. */
  function commitSoon({ writer }: Entry): void {
    writer.commit().catch((error: unknown) => {
      if (!(error instanceof ClusterError)) throw error;
      if (!warned) warn(`what was done is not in the journal: ${error.message}`);
      warned = true;
    });
  }

  const ledger = (states: Readonly<Record<StepState, WorkloadState | undefined>>): Ledger => ({
    begin: async (step) => {
      const namespace = namespaceOf(step);
      const before = await lock.ensure(namespace);
      const entry = await entryOf(namespace);
      if (step.kind === "restart") entry.writer.change((journal) => begun(journal, entry, step));
      await entry.writer.commit();
      const after = await lock.ensure(namespace);
      return before === "stale" ? before : after;
    },
    record: (step, outcome) => {
      const entry = opened.get(namespaceOf(step));
      if (!entry) return;
      const state = states[outcome.state];
      if (step.kind === "restart" && state) {
        entry.writer.change((journal) =>
          changeWorkload(journal, entry.run, step.workload, { state, ...writtenStamp(outcome) }),
        );
        commitSoon(entry);
      } else if (step.kind === "relabel" && step.record.kind === "close" && outcome.state === "proven") {
        entry.writer.change((journal) => endRun(journal, entry.run, "done"));
        commitSoon(entry);
      }
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
    close: async () => {
      const stoppedAt = stampAt(await cluster.now().catch(() => new Date(clock.wall())));
      const all = [...opened.values()].map(async ({ writer, run }) => {
        writer.change((journal) => changeRun(journal, run, (record) => ({ ...record, stoppedAt })));
        await writer.commit().catch(() => {});
      });
      await unlessAborted(Promise.all(all), clock.timeout(lastEntriesMs));
    },
  };
}

/** A restart that was read from no plan (its pods came up meanwhile) is entered when it begins. */
const begun = (journal: RunJournal, { run, stamp }: Entry, step: RestartStep): RunJournal => {
  const { kind, name } = step.workload;
  if (!isWorkloadKind(kind)) return journal;
  const written = step.stamp.kind === "as-before" ? step.stamp.stamp : stamp;
  const known = journal.runs
    .find((each) => each.run === run)
    ?.workloads.some((each) => each.kind === kind && each.name === name);
  if (known) return changeWorkload(journal, run, { kind, name }, { state: "begun", stamp: written });
  return changeRun(journal, run, (record) => ({
    ...record,
    workloads: [
      ...record.workloads,
      { kind, name, uid: step.uid, stampBefore: null, from: step.from, templates: [], stamp: written, state: "begun" },
    ],
  }));
};

const done: Readonly<Record<StepState, WorkloadState | undefined>> = {
  "not-begun": "planned",
  begun: undefined,
  proven: "proven",
  failed: "failed",
  unproven: "unproven",
  undone: "undone",
};

const undone: typeof done = { ...done, "not-begun": undefined, proven: "undone" };

/** Of a template without a stamp the outcome has an empty one. */
const writtenStamp = ({ stamp }: StepOutcome): Pick<WorkloadRecord, "stamp"> | undefined =>
  stamp === undefined ? undefined : { stamp: stamp === "" ? null : stamp };

/**
 * The stamp of a run is later than every one before it, so that its restarts are rollouts. One of the time to come,
 * which somebody else's clock made, is none that it can be equal to.
 */
const lastStamp = (runs: readonly RunRecord[], draft: RunDraft, now: string): string | undefined =>
  [
    ...runs.flatMap(({ stamp, workloads }) => [stamp, ...workloads.map((each) => each.stamp)]),
    ...draft.workloads.map(({ stampBefore }) => stampBefore),
  ]
    .filter((stamp) => typeof stamp === "string" && !isBefore(now, stamp))
    .reduce<string | undefined>(
      (last, stamp) => (last === undefined || isBefore(last, stamp ?? undefined) ? (stamp ?? last) : last),
      undefined,
    );
