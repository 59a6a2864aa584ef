import assert from "node:assert/strict";
import test from "node:test";
import type { Workload } from "../../../../src/mesh/model.ts";
import type { WorkloadWords } from "../../../fixtures/mesh.ts";
import { mission, planOf, said, type Wish } from "../../../fixtures/plan.ts";

const web: WorkloadWords = { namespace: "production", name: "web", runs: ["default", "default", "default"] };
const ends = (seconds: number, words: Partial<WorkloadWords> = {}): WorkloadWords => ({
  ...web,
  template: {
    metadata: { labels: { app: "web" } },
    spec: { containers: [{ name: "app" }], terminationGracePeriodSeconds: seconds },
  } as unknown as Workload["template"],
  ...words,
});
const rolling = (maxUnavailable: number, maxSurge = 0) =>
  ({ type: "RollingUpdate", maxSurge, maxUnavailable, partition: 0 }) as const;
const set = { kind: "StatefulSet", strategy: rolling(1) } as const;

// gitpod-io/gitpod#4344: 2 to 3 hours for open sockets; strimzi/strimzi-kafka-operator and other databases take minutes.
const table: readonly (readonly [what: string, words: WorkloadWords, wish: Wish, message: RegExp | undefined])[] = [
  ["Kubernetes' default", web, {}, undefined],
  ["as long as the run waits", ends(600), {}, undefined],
  ["2 hours", ends(7200), {}, /^its old pods may take up to 120m to end .* longer than --workload-timeout 10m: the run may end before/],
  ["2 hours, and a run that waits for it", ends(7200), { workloadTimeoutMs: 7_200_000 }, undefined],
  ["what most pods have, and an impatient run", ends(60), { workloadTimeoutMs: 10_000 }, undefined],
  ["six minutes, and an impatient run", ends(360), { workloadTimeoutMs: 90_000 }, /up to 6m to end .* longer than --workload-timeout 90s/],
  ["a StatefulSet of three, one after the other", ends(7200, set), {}, /^each old pod may take up to 120m .*: up to 360m in all$/],
  ["a DaemonSet that makes the new pod first", ends(7200, { kind: "DaemonSet", strategy: rolling(0, 1) }), {}, /^its old pods/],
  ["one that is left", ends(7200), { leave: ["deployment/web"] }, undefined],
]; // biome-ignore format: a table

for (const [what, words, wish, message] of table)
  test(`long-termination: ${what}`, () => {
    const plan = planOf(mission({ workloads: [words] }), wish);
    const object = `long-termination warning production/${words.kind ?? "Deployment"}/web`;
    assert.deepEqual(said(plan, "long-termination"), message ? [object] : []);
    if (message) assert.match(plan.findings.find(({ check }) => check === "long-termination")?.message ?? "", message);
  });
