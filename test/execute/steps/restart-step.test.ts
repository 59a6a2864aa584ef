/** The write of a restart step: the stamp, then the pods that block a StatefulSet. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../src/cluster/kinds.ts";
import type { Progress } from "../../../src/execute/progress.ts";
import { readingLedger } from "../../../src/execute/state/locked-run.ts";
import { restartActions } from "../../../src/execute/steps/restart-step.ts";
import { createUndoStop } from "../../../src/execute/stop.ts";
import { openTools } from "../../../src/execute/tools.ts";
import type { RestartStep } from "../../../src/upgrade/plan/step.ts";
import { fakeCluster } from "../../fixtures/fake-cluster.ts";
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

test("a blocking pod that is gone or replaced is no failure, one that is ready now stays, and the others are deleted", async () => {
  const [cluster, clock] = [fakeCluster(), manualClock()];
  const statefulSet = { metadata: { namespace: "production", name: "db", uid: "uid-of-db" }, spec: { template: {} } };
  cluster.put(kinds.statefulSets, statefulSet);
  cluster.put(kinds.pods, { metadata: { namespace: "production", name: "db-1", uid: "uid-of-another" } });
  cluster.put(kinds.pods, { metadata: { namespace: "production", name: "db-2", uid: "uid-of-db-2" } });
  const ready = { conditions: [{ type: "Ready", status: "True" }] };
  const db3 = { metadata: { namespace: "production", name: "db-3", uid: "uid-of-db-3" }, status: ready };
  cluster.put(kinds.pods, db3);
  const task = { update: () => {}, done: () => {}, fail: () => {}, skip: () => {} };
  const tools = openTools(cluster, [db], createUndoStop(new AbortController().signal, 60_000, clock), {
    ...{
      ledger: readingLedger,
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
  await restartActions.apply(step, tools);
  assert.notEqual(cluster.object(kinds.pods, "db-1", "production"), undefined);
  assert.equal(cluster.object(kinds.pods, "db-2", "production"), undefined);
  assert.notEqual(cluster.object(kinds.pods, "db-3", "production"), undefined);
});
