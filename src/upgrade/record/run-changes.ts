/** How a journal changes while a run goes on: pure steps from one state of it to the next. */
import type { ObjectRef } from "../../mesh/model.ts";
import type { RunJournal, RunRecord, RunState, WorkloadRecord } from "./run-journal.ts";

/** What is known of a run in one namespace before it begins there. */
export type RunDraft = Pick<
  RunRecord,
  "verb" | "undoes" | "from" | "to" | "label" | "before" | "after" | "workloads"
> & {
  /** Run id and stamp of the unfinished run that is gone on with; undefined: a new one. */
  readonly resumed: Pick<RunRecord, "run" | "stamp"> | undefined;
};

export type RunBeginning = Pick<RunRecord, "run" | "stamp" | "by" | "startedAt">;

/**
 * The journal with the run in it, open. A run that is gone on with keeps what it found when it began, and what it has
 * done. Whatever else was left open is superseded, but for the run that a rollback undoes.
 */
export const beginRun = (journal: RunJournal, draft: RunDraft, beginning: RunBeginning): RunJournal => {
  const earlier = journal.runs.find(({ run, verb }) => run === beginning.run && verb === draft.verb);
  const { resumed: _, ...known } = draft;
  const { by } = beginning;
  const fresh: RunRecord = { ...known, ...beginning, state: "open", stoppedAt: undefined };
  const record: RunRecord = earlier
    ? {
        ...earlier,
        by,
        after: draft.after,
        state: "open",
        stoppedAt: undefined,
        workloads: merged(earlier.workloads, draft.workloads),
      }
    : fresh;
  const others = journal.runs.filter((each) => each !== earlier && (each.run === draft.undoes || !wroteNothing(each)));
  return {
    ...journal,
    runs: [
      ...others.map((each) =>
        each.state === "open" && each.run !== draft.undoes ? { ...each, state: "superseded" as const } : each,
      ),
      record,
    ],
  };
};

/** A run that was killed between its first entry and its first restart, and whose record is nowhere else. */
const wroteNothing = ({ state, verb, workloads }: RunRecord): boolean =>
  state === "open" && verb === "migrate" && workloads.length > 0 && workloads.every((each) => each.state === "planned");

/** An object that was created again since has a state before of its own. */
const merged = (earlier: readonly WorkloadRecord[], planned: readonly WorkloadRecord[]): readonly WorkloadRecord[] => {
  const known = new Map(earlier.map((each) => [`${each.kind}/${each.name}/${each.uid}`, each]));
  const names = new Set(planned.map(({ kind, name }) => `${kind}/${name}`));
  return [
    ...earlier.filter(({ kind, name }) => !names.has(`${kind}/${name}`)),
    ...planned.map((each) => known.get(`${each.kind}/${each.name}/${each.uid}`) ?? each),
  ];
};

/** The journal with one workload of a run changed. */
export const changeWorkload = (
  journal: RunJournal,
  run: string,
  ref: Pick<ObjectRef, "kind" | "name">,
  change: Partial<WorkloadRecord>,
): RunJournal =>
  changeRun(journal, run, (record) => ({
    ...record,
    workloads: record.workloads.map((each) =>
      each.kind === ref.kind && each.name === ref.name ? { ...each, ...change } : each,
    ),
  }));

/** The journal with one run changed. */
export const changeRun = (journal: RunJournal, run: string, change: (record: RunRecord) => RunRecord): RunJournal => ({
  ...journal,
  runs: journal.runs.map((each) => (each.run === run ? change(each) : each)),
});

/** The end of a run; with a rollback ends the run that it undid. */
export const endRun = (journal: RunJournal, run: string, state: RunState): RunJournal => {
  const ended = journal.runs.find((each) => each.run === run);
  const others =
    state === "done" && ended?.verb === "rollback" && ended.undoes !== undefined
      ? changeRun(journal, ended.undoes, (record) => ({ ...record, state: "undone" }))
      : journal;
  return changeRun(others, run, (record) => ({ ...record, state }));
};
