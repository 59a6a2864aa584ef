import assert from "node:assert/strict";
import test from "node:test";
import type { WorkloadWords } from "../../fixtures/mesh.ts";
import { mission, planOf, said } from "../../fixtures/plan.ts";

const six = Array.from({ length: 6 }, () => "default");
const web: WorkloadWords = { namespace: "production", name: "web", runs: six };
const rolling = (maxSurge: number, maxUnavailable: number) =>
  ({ type: "RollingUpdate", maxSurge, maxUnavailable, partition: 0 }) as const;
const [hour, minute] = [3_600_000, 60_000];

interface Row {
  readonly words: Partial<WorkloadWords>;
  readonly pods?: number;
  readonly pauseMs?: number;
  readonly bounds?: readonly [maxSurge: number, maxUnavailable: number];
  readonly found?: "warning" | "blocker";
  readonly message?: RegExp;
}
const table: Readonly<Record<string, Row>> = {
  "a Deployment that is quicker than that": { words: { strategy: rolling(2, 1) }, bounds: [2, 0] },
  "a Deployment that goes slower by itself": { words: { strategy: rolling(1, 0) }, bounds: [1, 0] },
  "a Deployment without a surge": { words: { strategy: rolling(0, 3) }, bounds: [0, 2] },
  "a StatefulSet": { words: { kind: "StatefulSet", strategy: rolling(0, 1) }, bounds: [0, 1] },
  "one that has no more pods than come at a time": { words: { strategy: rolling(2, 1) }, pods: 6 },
  "a DaemonSet": {
    words: { kind: "DaemonSet", strategy: rolling(0, 3) },
    found: "warning",
    message: /up to 3 pods at once/,
  },
  "a DaemonSet with no more pods": { words: { kind: "DaemonSet", strategy: rolling(0, 3) }, pods: 6 },
  "an Argo Rollout": {
    words: { kind: "Rollout", strategy: { type: "RolloutRestart", maxUnavailable: 1 } },
    found: "warning",
    message: /a Rollout cannot be held/,
  },
  "pauses within the time": { words: { strategy: rolling(2, 0) }, pauseMs: 50 * minute, bounds: [2, 0] },
  "pauses that are longer than the run": {
    words: { strategy: rolling(2, 0) },
    pauseMs: hour,
    bounds: [2, 0],
    found: "blocker",
    message: /^its pauses alone take 120m, and the run ends after 120m$/,
  },
};

for (const [what, { words, pods = 2, pauseMs = 0, bounds, found, message }] of Object.entries(table))
  test(`workload-pace: ${what}`, () => {
    const workload = { ...web, ...words };
    const plan = planOf(mission({ workloads: [workload] }), { pace: { pods, pauseMs, withinMs: 2 * hour } });
    const object = `production/${workload.kind ?? "Deployment"}/web`;
    assert.deepEqual(said(plan, "workload-pace"), found ? [`workload-pace ${found} ${object}`] : []);
    if (message) assert.match(plan.findings.find(({ check }) => check === "workload-pace")?.message ?? "", message);
    const step = plan.steps.find((each) => each.kind === "restart");
    const asked = bounds && { pods, pauseMs, bounds: { maxSurge: bounds[0], maxUnavailable: bounds[1] } };
    assert.deepEqual(step?.pace, asked);
    if (bounds) assert.equal(step?.podsInFlight, bounds[0] + bounds[1]);
  });

test("without --workload-pods nothing is paced and nothing is said", () => {
  const plan = planOf(mission({ workloads: [web, { ...web, kind: "DaemonSet", name: "agent" }] }));
  assert.deepEqual(said(plan, "workload-pace"), []);
  assert.deepEqual(
    plan.steps.filter((step) => "pace" in step),
    [],
  );
});

test("what an earlier run left held goes on by a restart, although every pod is there already", () => {
  const record = { version: 1, kind: "StatefulSet", partition: 0 } as const;
  const held = { ...web, kind: "StatefulSet", runs: six.map(() => "1-20"), strategy: rolling(0, 1), pace: record };
  const plan = planOf(mission({ workloads: [held as WorkloadWords] }));
  assert.ok(plan.steps.some((step) => step.kind === "restart" && step.workload.name === "web"));
});
