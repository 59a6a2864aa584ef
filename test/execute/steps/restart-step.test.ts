/** The write of a restart step: the stamp, then the pods that block a StatefulSet. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../src/cluster/kinds.ts";
import type { Progress } from "../../../src/execute/progress.ts";
import { type Machine, runPlan } from "../../../src/execute/run-plan.ts";
import type { Ledger } from "../../../src/execute/state/ledger.ts";
import { readingLedger } from "../../../src/execute/state/locked-run.ts";
import { restartActions } from "../../../src/execute/steps/restart-step.ts";
import { createUndoStop } from "../../../src/execute/stop.ts";
import { openTools, type Tools } from "../../../src/execute/tools.ts";
import type { Plan, Stage } from "../../../src/upgrade/plan/plan.ts";
import type { RestartStep } from "../../../src/upgrade/plan/step.ts";
import { type FakeCluster, fakeCluster } from "../../fixtures/fake-cluster.ts";
import { fakeLedger } from "../../fixtures/ledger.ts";
import { manualClock } from "../../fixtures/manual-clock.ts";

const db = { kind: "StatefulSet", namespace: "production", name: "db" };
const step: RestartStep = {
  ...{ kind: "restart", workload: db, uid: "uid-of-db", canary: false, podsInFlight: 1, stalePods: 1, pods: 1 },
  ...{ from: ["1-20"], to: "default", gateway: false, stamp: { kind: "as-before", stamp: null }, guarded: false },
  blockingPods: [
    { name: "db-0", uid: "uid-of-gone" },
    { name: "db-1", uid: "uid-before" },
    { name: "db-2", uid: "uid-of-db-2" },
    { name: "db-3", uid: "uid-of-db-3" },
  ],
};

interface World {
  readonly cluster: FakeCluster;
  readonly tools: Tools;
}

function world(ledger: Ledger): World {
  const clock = manualClock();
  const cluster = fakeCluster({ now: () => new Date(Date.parse("2026-11-03T04:05:06Z") + clock.now()) });
  const statefulSet = { metadata: { namespace: "production", name: "db", uid: "uid-of-db" }, spec: { template: {} } };
  cluster.put(kinds.statefulSets, statefulSet);
  const task = { update: () => {}, done: () => {}, fail: () => {}, skip: () => {} };
  const tools = openTools(cluster, [db], createUndoStop(new AbortController().signal, 60_000, clock), {
    ...{
      ledger,
      direction: "back",
      fieldManager: "mesh-migrate",
      oldRevisions: [],
      istioNamespace: "istio-system",
      parallel: 1,
      warn: () => {},
      clock,
    },
    timeouts: { overall: 60_000, workload: 60_000, probe: 30_000 },
    progress: { section: () => ({ task: () => task }) } as unknown as Progress,
  });
  return { cluster, tools };
}

test("a blocking pod that is gone or replaced is no failure, one that is ready now stays, and the others are deleted", async () => {
  const { cluster, tools } = world(readingLedger);
  cluster.put(kinds.pods, { metadata: { namespace: "production", name: "db-1", uid: "uid-of-another" } });
  cluster.put(kinds.pods, { metadata: { namespace: "production", name: "db-2", uid: "uid-of-db-2" } });
  const ready = { conditions: [{ type: "Ready", status: "True" }] };
  const db3 = { metadata: { namespace: "production", name: "db-3", uid: "uid-of-db-3" }, status: ready };
  cluster.put(kinds.pods, db3);
  await restartActions.apply(step, tools, undefined);
  assert.notEqual(cluster.object(kinds.pods, "db-1", "production"), undefined);
  assert.equal(cluster.object(kinds.pods, "db-2", "production"), undefined);
  assert.notEqual(cluster.object(kinds.pods, "db-3", "production"), undefined);
});

test("a stamp of its own is in the intent before it is written: after a kill the same rollout goes on", async () => {
  const killed = new Error("killed");
  const intents: (string | undefined)[] = [];
  const after = "2026-11-03T04:05:05Z";
  const { cluster, tools } = world(
    fakeLedger({
      begin: async (_step, stamp) => {
        intents.push(stamp);
        return "current";
      },
    }),
  );
  const own: RestartStep = { ...step, stamp: { kind: "new", after }, blockingPods: [] };
  const machine: Machine = {
    actionsOf: () => ({ ...restartActions, prove: () => Promise.reject(killed) }),
    gate: async ({ lanes }) => lanes,
    undo: async () => undefined,
  };
  const stage: Stage = {
    ...{ name: "restarts", lanes: [{ namespace: "production", steps: [own], onFailure: "stop" }], sideBySide: 1 },
    ...{ until: "all-pods", gate: undefined, evenAfterFailure: false },
  };
  const plan: Plan = { stages: [stage], oldRevisions: [] };
  await assert.rejects(runPlan(plan, machine, tools), (error) => error === killed);
  const { annotations } = cluster.object(kinds.statefulSets, "db", "production")?.spec.template.metadata ?? {};
  assert.deepEqual(intents, ["2026-11-03T04:05:06Z"]);
  assert.equal(annotations["kubectl.kubernetes.io/restartedAt"], intents[0]);
});
