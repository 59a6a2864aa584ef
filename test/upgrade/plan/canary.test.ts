import assert from "node:assert/strict";
import test from "node:test";
import type { MeshWords, WorkloadWords } from "../../fixtures/mesh.ts";
import { mission, planOf, restarted } from "../../fixtures/plan.ts";

const runs = (count: number): readonly string[] => Array.from({ length: count }, () => "default");
const workload = (name: string, count: number, change: Partial<WorkloadWords> = {}): WorkloadWords => ({
  namespace: "production",
  name,
  runs: runs(count),
  ...change,
});
const rolling = (maxSurge: number, maxUnavailable: number) =>
  ({ type: "RollingUpdate", maxSurge, maxUnavailable, partition: 0 }) as const;
const ill = (count: number) => ({
  desired: count,
  observedGeneration: 1,
  replicas: count,
  updated: count,
  ready: count - 1,
  available: count - 1,
  currentRevision: undefined,
  updateRevision: undefined,
  phase: undefined,
  restartedAt: undefined,
  conditions: [],
});

const table: readonly (readonly [what: string, workloads: readonly WorkloadWords[], canary: string | undefined])[] = [
  ["the smallest of two or more pods", [workload("big", 5), workload("small", 2), workload("single", 1)], "Deployment/small"],
  ["the first by name among equals", [workload("b", 2), workload("a", 2)], "Deployment/a"],
  ["a Deployment among equals, whose new pod comes up beside the old ones", [workload("a", 2, { kind: "StatefulSet", strategy: rolling(0, 1) }), workload("b", 2)], "Deployment/b"],
  ["never one that is ill", [workload("ill", 2, { status: ill(2) }), workload("well", 4)], "Deployment/well"],
  ["never a gateway", [workload("edge", 2, { gateway: true }), workload("web", 3)], "Deployment/web"],
  ["none where there are only gateways", [workload("edge", 2, { gateway: true })], undefined],
  ["one pod that stays up before several that do not", [workload("single", 1), workload("all", 3, { strategy: { type: "Recreate" } })], "Deployment/single"],
  ["one that goes down where there is nothing else", [workload("db", 1, { kind: "StatefulSet", strategy: rolling(0, 1) })], "StatefulSet/db"],
  ["a Deployment among equals, whatever the names", [workload("b", 2), workload("c", 2, { kind: "StatefulSet", strategy: rolling(0, 1) }), workload("a", 2)], "Deployment/a"],
  ["one pod that stays up before one that does not", [workload("a", 1, { strategy: rolling(0, 1) }), workload("b", 1)], "Deployment/b"],
  ["a DaemonSet of one node, which another node would not miss", [workload("a", 1, { strategy: rolling(0, 1) }), workload("b", 1, { kind: "DaemonSet", strategy: rolling(0, 1) })], "DaemonSet/b"],
  ["none where all are ill", [workload("ill", 2, { status: ill(2) }), workload("single", 1, { status: ill(1) })], undefined],
  ["none where nothing is restarted", [workload("paused", 3, { paused: true })], undefined],
]; // biome-ignore format: a table

for (const [what, workloads, canary] of table) {
  test(`the canary is ${what}`, () => {
    for (const listed of [workloads, workloads.toReversed()]) {
      const chosen = restarted(planOf(mission({ workloads: listed }))).filter((text) => text.endsWith(" (canary)"));
      assert.deepEqual(chosen, canary === undefined ? [] : [`${canary} (canary)`]);
    }
  });
}

test("the canary comes from the first namespace that has one, however large it is", () => {
  const labels = { "istio-injection": "enabled" };
  const words: MeshWords = {
    namespaces: ["one", "two", "three"].map((name) => ({ name, labels })),
    workloads: [
      workload("single", 1, { namespace: "one" }),
      workload("large", 9, { namespace: "two" }),
      workload("small", 2, { namespace: "three" }),
    ],
  };
  const plan = planOf(mission(words), { namespaces: ["one", "two", "three"] });
  assert.deepEqual(restarted(plan), ["Deployment/large (canary)", "Deployment/single", "Deployment/small"]);
});
