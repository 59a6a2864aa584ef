/** How a journal changes while runs begin, go on and end. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { beginRun, changeWorkload, endRun, type RunDraft } from "../../../src/upgrade/record/run-changes.ts";
import type { RunRecord } from "../../../src/upgrade/record/run-journal.ts";
import { stamp } from "../../fixtures/instants.ts";
import { runJournal, runRecord, workloadRecord } from "../../fixtures/runs.ts";

const { before, after } = runRecord();
const draft = (change: Partial<RunDraft> = {}): RunDraft => ({
  ...{ verb: "migrate", undoes: undefined, from: "default", to: "1-20", label: "prod", before, after },
  ...{ workloads: [workloadRecord({ state: "planned" })], resumed: undefined },
  ...change,
});
const beginning = { run: "n1", stamp, by: "ann@laptop", startedAt: stamp };
const begin = (runs: readonly RunRecord[], change?: Partial<RunDraft>, run = "n1") =>
  beginRun(runJournal(runs), draft(change), { ...beginning, run }).runs;
const brief = (runs: readonly RunRecord[]) => runs.map(({ run, verb, state }) => `${run} ${verb} ${state}`);
const planned = [workloadRecord({ state: "planned", stamp: undefined })];

describe("a run that begins", () => {
  const cases: Readonly<
    Record<string, readonly [runs: readonly RunRecord[], change: Partial<RunDraft>, after: readonly string[]]>
  > = {
    "is open": [[], {}, ["n1 migrate open"]],
    "leaves what has ended": [
      [runRecord({ run: "d", state: "done" }), runRecord({ run: "u", state: "undone" })],
      {},
      ["d migrate done", "u migrate undone", "n1 migrate open"],
    ],
    "supersedes what was left open": [[runRecord()], {}, ["a1 migrate superseded", "n1 migrate open"]],
    "drops one that wrote nothing": [[runRecord({ workloads: planned })], {}, ["n1 migrate open"]],
    "keeps one without workloads": [[runRecord({ workloads: [] })], {}, ["a1 migrate superseded", "n1 migrate open"]],
    "as a rollback leaves the run open that it undoes": [
      [runRecord()],
      { verb: "rollback", undoes: "a1" },
      ["a1 migrate open", "n1 rollback open"],
    ],
    "as a rollback keeps the run that wrote labels and restarted nothing": [
      [runRecord({ workloads: planned })],
      { verb: "rollback", undoes: "a1" },
      ["a1 migrate open", "n1 rollback open"],
    ],
    "supersedes a rollback that was left open": [
      [runRecord(), runRecord({ run: "b1", verb: "rollback", undoes: "a1" })],
      {},
      ["a1 migrate superseded", "b1 rollback superseded", "n1 migrate open"],
    ],
  };
  for (const [name, [runs, change, expected]] of Object.entries(cases))
    test(name, () => assert.deepEqual(brief(begin(runs, change)), expected));

  test("and goes on with one keeps what that found and did, becomes the last, and is open again", () => {
    const earlier = runRecord({ by: "bob@desk", stoppedAt: stamp, before: after, state: "superseded" });
    const runs = begin([earlier, runRecord({ run: "b1", state: "done" })], { resumed: { run: "a1", stamp } }, "a1");
    assert.deepEqual(brief(runs), ["b1 migrate done", "a1 migrate open"]);
    const { by, stoppedAt, before: found, workloads } = runs[1] as RunRecord;
    assert.deepEqual([by, stoppedAt, found, workloads], ["ann@laptop", undefined, after, earlier.workloads]);
  });

  test("turned round after half a rollback: the migration is open again, the rollback superseded", () => {
    const runs = begin(
      [runRecord(), runRecord({ run: "b1", verb: "rollback", undoes: "a1" })],
      { resumed: { run: "a1", stamp } },
      "a1",
    );
    assert.deepEqual(brief(runs), ["b1 rollback superseded", "a1 migrate open"]);
  });

  test("merges workloads by kind, name and UID", () => {
    const earlier = runRecord({
      workloads: [
        workloadRecord({ stampBefore: "s0" }),
        workloadRecord({ name: "db", uid: "old" }),
        workloadRecord({ name: "gone", uid: "g" }),
        workloadRecord({ kind: "StatefulSet", uid: "sts" }),
      ],
    });
    const workloads = [
      workloadRecord({ stampBefore: stamp, state: "planned" }),
      workloadRecord({ name: "db", uid: "new", state: "planned" }),
      workloadRecord({ name: "more", uid: "m", state: "planned" }),
    ];
    const [run] = begin([earlier], { resumed: { run: "a1", stamp }, workloads }, "a1");
    assert.deepEqual(
      run?.workloads.map(({ kind, name, uid, stampBefore, state }) => `${kind}/${name} ${uid} ${stampBefore} ${state}`),
      [
        "Deployment/gone g null proven",
        "StatefulSet/web sts null proven",
        "Deployment/web uid-of-web s0 proven",
        "Deployment/db new null planned",
        "Deployment/more m null planned",
      ],
    );
  });
});

test("a workload is changed in its run alone, by kind and name", () => {
  const runs = [
    runRecord(),
    runRecord({ run: "b1", workloads: [workloadRecord(), workloadRecord({ kind: "DaemonSet" })] }),
  ];
  const changed = changeWorkload(runJournal(runs), "b1", { kind: "DaemonSet", name: "web" }, { state: "failed" });
  assert.deepEqual(
    changed.runs.map(({ workloads }) => workloads.map(({ state }) => state)),
    [["proven"], ["proven", "failed"]],
  );
  assert.deepEqual(changeWorkload(changed, "none", { kind: "DaemonSet", name: "web" }, { state: "begun" }), changed);
});

describe("a run that ends", () => {
  const rollback = runRecord({ run: "b1", verb: "rollback", undoes: "a1" });
  for (const [name, state, expected] of [
    ["done: with it what it undid", "done", ["a1 migrate undone", "b1 rollback done"]],
    ["otherwise: alone", "restored", ["a1 migrate open", "b1 rollback restored"]],
  ] as const)
    test(name, () => assert.deepEqual(brief(endRun(runJournal([runRecord(), rollback]), "b1", state).runs), expected));
});
