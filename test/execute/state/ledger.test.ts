/** The ledger of a run: intent before act, what came of it after, and what an earlier program of the run left. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ClusterError } from "../../../src/cluster/cluster-error.ts";
import { kinds } from "../../../src/cluster/kinds.ts";
import { type LedgerOptions, openLedger } from "../../../src/execute/state/ledger.ts";
import type { Lock } from "../../../src/execute/state/lock.ts";
import { notBegun, type StepOutcome } from "../../../src/upgrade/plan/outcome.ts";
import type { ProveStep, RelabelStep, RestartStep } from "../../../src/upgrade/plan/step.ts";
import type { RunDraft } from "../../../src/upgrade/record/run-changes.ts";
import {
  journalText,
  type RunJournal,
  type RunRecord,
  type WorkloadRecord,
} from "../../../src/upgrade/record/run-journal.ts";
import { fakeCluster } from "../../fixtures/fake-cluster.ts";
import { manualClock, settled } from "../../fixtures/manual-clock.ts";
import { clusterUid, runJournal, runRecord, workloadRecord } from "../../fixtures/runs.ts";

const namespace = "production";
const web = { kind: "Deployment", namespace, name: "web" } as const;
const restart = (change: Partial<RestartStep> = {}): RestartStep => ({
  ...{ kind: "restart", workload: web, uid: "uid-of-web", canary: false, podsInFlight: 1, stalePods: 2, pods: 2 },
  ...{ from: ["default"], to: "1-20", gateway: false, stamp: { kind: "of-record" }, guarded: true, blockingPods: [] },
  ...change,
});
const prove: ProveStep = { kind: "prove", workload: web, uid: "uid-of-web", restartedAt: undefined, to: "1-20" };
const { before, after } = runRecord();
const relabel = (kind: "open" | "close"): RelabelStep => ({
  ...{ kind: "relabel", namespace, uid: "uid-of-production", before, after, to: "1-20", probe: undefined },
  from: { revision: "default", deploymentUid: "uid-of-istiod" },
  record:
    kind === "close"
      ? { kind, proven: [] }
      : { kind, target: { label: "prod", revision: "1-20", tag: "prod" }, resumed: undefined },
});
const draftOf = (change: Partial<RunDraft> = {}): RunDraft => ({
  ...{ verb: "migrate", undoes: undefined, from: "default", to: "1-20", label: "prod", before, after },
  ...{ workloads: [workloadRecord({ state: "planned" })], resumed: undefined },
  ...change,
});
const came = (change: Partial<StepOutcome>): StepOutcome => ({ ...notBegun, ...change });
const time = "2026-11-03T04:05:06Z";

function world(found: readonly RunRecord[] = [], draft: Partial<RunDraft> = {}, change: Partial<LedgerOptions> = {}) {
  const clock = manualClock();
  const cluster = fakeCluster({ now: () => new Date(Date.parse(time) + clock.now()) });
  if (found.length > 0)
    cluster.put(
      kinds.configMaps,
      Object.assign(
        { metadata: { name: "kubectl-mesh", namespace } },
        { data: { journal: journalText(runJournal(found)) } },
      ),
    );
  const warnings: string[] = [];
  const ensured: string[] = [];
  const state = { lost: false, stale: 0 };
  const lock: Lock = {
    namespaces: new Set([namespace]),
    ensure: async (name) => {
      ensured.push(name);
      if (state.lost) throw new ClusterError("lost", { reason: "conflict" });
      return state.stale-- > 0 ? "stale" : "current";
    },
    release: async () => {},
  };
  const ledger = openLedger(cluster, {
    ...{ lock, run: "r9", by: "ann@laptop", clock, signal: new AbortController().signal },
    journals: {
      clusterUid,
      byNamespace: new Map([
        [namespace, found.length > 0 ? { kind: "journal", journal: runJournal(found) } : { kind: "none" }],
      ]),
    },
    drafts: new Map([[namespace, { uid: "uid-of-production", draft: draftOf(draft) }]]),
    warn: (text) => warnings.push(text),
    ...change,
  });
  const journal = (): RunJournal =>
    JSON.parse(cluster.object(kinds.configMaps, "kubectl-mesh", namespace)?.data.journal ?? "{}");
  const runs = () => journal().runs ?? [];
  const workload = (): WorkloadRecord | undefined => runs().at(-1)?.workloads[0];
  return { clock, cluster, ledger, warnings, ensured, state, runs, workload };
}

describe("a step", () => {
  test("begins when its intent is in the cluster, and the lock was looked at before and after", async () => {
    const w = world();
    assert.equal(await w.ledger.begin(restart()), "current");
    assert.deepEqual([w.workload()?.state, w.workload()?.stamp, w.ensured.length], ["begun", time, 2]);
    assert.deepEqual(w.ledger.runOf(namespace), { run: "r9", stamp: time });
    w.ledger.record(restart(), came({ state: "proven", stamp: time, stampBefore: null }));
    await settled();
    assert.equal(w.workload()?.state, "proven");
  });

  test("does not begin where the intent cannot be written, or the lock is lost", async () => {
    const w = world();
    w.cluster.next({ kind: "configmaps", verb: "create" }, "forbidden");
    await assert.rejects(w.ledger.begin(restart()), ({ reason }: ClusterError) => reason === "forbidden");
    assert.equal(await w.ledger.begin(restart()), "current");
    w.state.lost = true;
    const { length } = w.cluster.writes;
    await assert.rejects(w.ledger.begin(restart()), /lost/);
    assert.equal(w.cluster.writes.length, length);
  });

  test("is told that the machine was away, before or after its intent was written", async () => {
    const w = world();
    w.state.stale = 1;
    assert.deepEqual([await w.ledger.begin(restart()), await w.ledger.begin(restart())], ["stale", "current"]);
  });

  test("that was refused is as it was before it began, also where an earlier program restarted it", async () => {
    for (const state of ["planned", "failed"] as const) {
      const stamp = state === "planned" ? undefined : "2026-11-03T03:00:00Z";
      const earlier = runRecord({ workloads: [workloadRecord({ state, stamp })] });
      const w = world([earlier], { resumed: { run: "a1", stamp: earlier.stamp } });
      await w.ledger.begin(restart());
      await w.ledger.begin(restart());
      w.ledger.record(restart(), came({ state: "not-begun" }));
      w.ledger.record(restart(), came({ state: "not-begun", reason: "denied" }));
      await settled();
      assert.deepEqual([w.workload()?.state, w.workload()?.stamp], [state, stamp]);
    }
  });

  test("that was never begun leaves the record as it is", async () => {
    const earlier = runRecord({ workloads: [workloadRecord({ state: "begun" })] });
    const w = world([earlier], { resumed: { run: "a1", stamp: earlier.stamp } });
    await w.ledger.begin(relabel("open"));
    w.ledger.record(restart(), came({ state: "not-begun", reason: "its guard could not look" }));
    await settled();
    assert.equal(w.workload()?.state, "begun");
  });

  test("of a workload that no plan named is entered when it begins, and taken out where it is refused", async () => {
    const w = world();
    const late = restart({ workload: { ...web, name: "late" }, uid: "uid-of-late" });
    await w.ledger.begin(late);
    assert.deepEqual(
      w.runs()[0]?.workloads.map(({ name, state }) => `${name} ${state}`),
      ["web planned", "late begun"],
    );
    w.ledger.record(late, came({ state: "not-begun" }));
    await settled();
    assert.equal(w.runs()[0]?.workloads.length, 1);
  });

  test("of a way back is undone when it is proven; the namespace is restored then", async () => {
    const w = world();
    await w.ledger.begin(restart());
    const undo = w.ledger.forUndo();
    const back = restart({ stamp: { kind: "as-before", stamp: null }, guarded: false });
    await undo.begin(back);
    assert.deepEqual([w.workload()?.state, w.workload()?.stamp], ["begun", null]);
    undo.record(back, came({ state: "proven", stamp: "" }));
    w.ledger.restored(namespace);
    await settled();
    assert.deepEqual([w.runs()[0]?.state, w.runs()[0]?.workloads.length], ["restored", 1]);
    assert.equal(w.workload()?.state, "undone");
  });

  test("before the first one a run has no stamp", () => {
    assert.throws(() => world().ledger.runOf(namespace), /nothing was begun in namespace production/);
  });
});

describe("a run that is gone on with", () => {
  const earlier = runRecord({
    ...{ by: "bob@desk", stamp: "2026-11-03T03:00:00Z", stoppedAt: "2026-11-03T03:30:00Z" },
    workloads: [
      workloadRecord({ stampBefore: "2026-01-01T00:00:00Z", state: "begun", stamp: "2026-11-03T03:00:00Z" }),
      workloadRecord({ name: "db", uid: "uid-of-db", state: "proven" }),
    ],
  });
  const resumed = { run: "a1", stamp: earlier.stamp };

  test("keeps its id, its stamp, the state before and what was done, and names who goes on", async () => {
    const w = world([earlier], {
      resumed,
      workloads: [workloadRecord({ stampBefore: "2026-11-03T03:00:00Z", state: "planned" })],
    });
    await w.ledger.begin(relabel("open"));
    assert.deepEqual(w.ledger.runOf(namespace), resumed);
    const [run] = w.runs();
    assert.deepEqual(
      [w.runs().length, run?.by, run?.stoppedAt, run?.startedAt],
      [1, "ann@laptop", undefined, earlier.startedAt],
    );
    assert.deepEqual(
      run?.workloads.map(({ name, stampBefore, state }) => [name, stampBefore, state]),
      [
        ["db", null, "proven"],
        ["web", "2026-01-01T00:00:00Z", "begun"],
      ],
    );
  });

  test("notes as proven what needs no restart any more, before and after its first write", async () => {
    for (const first of [true, false]) {
      const w = world([earlier], { resumed });
      if (first) w.ledger.record(prove, came({ state: "proven" }));
      await w.ledger.begin(relabel("close"));
      if (!first) w.ledger.record(prove, came({ state: "proven" }));
      w.ledger.record(relabel("close"), came({ state: "proven" }));
      await settled();
      assert.deepEqual(
        [w.runs()[0]?.state, w.runs()[0]?.workloads.map(({ state }) => state)],
        ["done", ["proven", "proven"]],
      );
    }
  });

  test("does not call proven what was created again since", async () => {
    const w = world([earlier], { resumed });
    await w.ledger.begin(relabel("open"));
    w.ledger.record({ ...prove, uid: "another" }, came({ state: "proven" }));
    w.ledger.record(prove, came({ state: "failed" }));
    await settled();
    assert.equal(w.runs()[0]?.workloads.find(({ name }) => name === "web")?.state, "begun");
  });

  test("has a fresh record of a workload that was created again", async () => {
    const again = workloadRecord({ uid: "uid-2", state: "planned", stampBefore: null });
    const w = world([earlier], { resumed, workloads: [again] });
    await w.ledger.begin(relabel("open"));
    const found = w.runs()[0]?.workloads.find(({ name }) => name === "web");
    assert.deepEqual([found?.uid, found?.state, found?.stampBefore], ["uid-2", "planned", null]);
  });
});

describe("a rollback", () => {
  const undone = { verb: "rollback", undoes: "a1", from: "1-20", to: "default" } as const;
  for (const [name, state, workload] of [
    ["open", "open", "proven"],
    ["done", "done", "proven"],
    ["that wrote its labels and nothing else", "open", "planned"],
  ] as const)
    test(`of a run ${name} closes both`, async () => {
      const w = world(
        [
          runRecord({
            state,
            stamp: "2026-11-03T03:00:00Z",
            workloads: [workloadRecord({ state: workload, stamp: undefined })],
          }),
        ],
        undone,
      );
      await w.ledger.begin(relabel("open"));
      assert.deepEqual(
        w.runs().map((each) => `${each.run} ${each.verb} ${each.state}`),
        [`a1 migrate ${state}`, "r9 rollback open"],
      );
      await w.ledger.begin(relabel("close"));
      w.ledger.record(relabel("close"), came({ state: "proven" }));
      await settled();
      assert.deepEqual(
        w.runs().map((each) => `${each.run} ${each.state}`),
        ["a1 undone", "r9 done"],
      );
    });
});

describe("the stamp of a new run", () => {
  const withStamps = (...stamps: readonly (string | null)[]) => ({
    workloads: stamps.map((stampBefore, index) =>
      workloadRecord({ name: `web-${index}`, stampBefore, state: "planned" }),
    ),
  });
  const stampAfter = async (runs: readonly RunRecord[], draft: Partial<RunDraft>): Promise<string> => {
    const w = world(runs, draft);
    void w.ledger.begin(relabel("open"));
    await w.clock.advance(8_000);
    return w.ledger.runOf(namespace).stamp;
  };

  for (const [name, stamps, expected] of [
    ["without others", [null], time],
    ["after an earlier one", ["2026-11-03T04:05:05Z"], time],
    ["after one of this second", [time], "2026-11-03T04:05:07Z"],
    ["beside one of the far future", ["2030-01-01T00:00:00Z"], time],
    ["beside one of the next second, after one of this", [time, "2026-11-03T04:05:07Z"], "2026-11-03T04:05:08Z"],
    ["beside one that is not a time", ["soon", time, ""], "2026-11-03T04:05:07Z"],
  ] as const)
    test(name, async () => assert.equal(await stampAfter([], withStamps(...stamps)), expected));

  test("is later than those of earlier runs", async () => {
    const runs = [
      runRecord({ state: "done", stamp: time, workloads: [workloadRecord({ stamp: "2026-11-03T04:05:07Z" })] }),
    ];
    assert.equal(await stampAfter(runs, withStamps(null)), "2026-11-03T04:05:08Z");
  });
});

describe("what cannot be written", () => {
  test("after a step is warned of once, and written with the next intent", async () => {
    const w = world();
    await w.ledger.begin(restart());
    const back = w.cluster.fail({ kind: "configmaps", verb: "patch" }, "unreachable");
    w.ledger.record(restart(), came({ state: "proven", stamp: time }));
    await settled();
    w.ledger.record(restart(), came({ state: "failed", stamp: time }));
    await settled();
    assert.equal(w.warnings.length, 1);
    assert.match(w.warnings[0] ?? "", /^what was done is not in the journal: /);
    back();
    await w.ledger.begin(relabel("close"));
    assert.equal(w.workload()?.state, "failed");
  });

  test("without the lock is not written: somebody else writes there now", async () => {
    const w = world();
    await w.ledger.begin(restart());
    const { length } = w.cluster.writes;
    w.state.lost = true;
    w.ledger.record(restart(), came({ state: "proven", stamp: time }));
    await settled();
    await w.ledger.close();
    assert.equal(w.cluster.writes.length, length);
  });
});

describe("its end", () => {
  test("is noted with its time, in every namespace that was begun", async () => {
    const w = world();
    await w.ledger.close();
    assert.equal(w.cluster.requests.length, 0, "nothing was begun");
    await w.ledger.begin(restart());
    await w.clock.advance(60_000);
    await w.ledger.close();
    assert.equal(w.runs()[0]?.stoppedAt, "2026-11-03T04:06:06Z");
    assert.equal(w.runs()[0]?.state, "open");
  });

  for (const [name, fault] of [
    ["answers nothing", "hang"],
    ["is gone", "unreachable"],
  ] as const)
    test(`comes within 3 s where the server ${name}`, async () => {
      const w = world();
      await w.ledger.begin(restart());
      for (const verb of ["patch", "get", "now"] as const) w.cluster.fail({ verb }, fault);
      let closed = false;
      void w.ledger.close().then(() => {
        closed = true;
      });
      await w.clock.advance(3_100);
      assert.equal(closed, true);
    });
});
