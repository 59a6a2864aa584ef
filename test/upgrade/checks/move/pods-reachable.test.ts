import assert from "node:assert/strict";
import test from "node:test";
import type { Pod, Strategy, Workload } from "../../../../src/mesh/model.ts";
import type { WorkloadKind } from "../../../../src/mesh/workload-kinds.ts";
import { mission, planOf, restarted, said, stopping } from "../../../fixtures/plan.ts";
import { pod } from "../../../fixtures/pods.ts";

const rolling = (maxSurge: number, maxUnavailable: number): Strategy => ({
  ...{ type: "RollingUpdate", maxSurge, maxUnavailable, partition: 0 },
});
const unready = { type: "Ready", status: "False", reason: "", message: "" };
const stray = (name: string, kind: WorkloadKind, node: string, change: Partial<Omit<Pod, "proxy">>): Pod =>
  pod("production", name, "default", { node, workload: { kind, namespace: "production", name: "web" }, ...change });
const lost = (kind: WorkloadKind, index: number, change: Partial<Omit<Pod, "proxy">> = {}): Pod =>
  stray(`lost-${index}`, kind, `n${index}`, { ready: false, conditions: [unready], ...change });

/** Three pods that are well, these beside them, and as many available as there are of the first. */
const plan = (kind: WorkloadKind, strategy: Strategy, pods: readonly Pod[], desired: number, leave: readonly string[] = []) =>
  planOf(
    mission({
      workloads: [
        {
          ...{ namespace: "production", name: "web", kind, strategy, runs: ["default", "default", "default"] },
          status: { desired, replicas: desired, updated: desired, ready: 3, available: 3, observedGeneration: 1 } as Workload["status"],
        },
      ],
      pods,
    }),
    { leave },
  ); // biome-ignore format: one line of fields

const daemon = (...args: Parameters<typeof lost> extends [unknown, ...infer Rest] ? Rest : never) =>
  lost("DaemonSet", ...args);
const table: readonly (readonly [what: string, kind: WorkloadKind, strategy: Strategy, pods: readonly Pod[], desired: number, severity: string | undefined, message?: RegExp])[] = [
  ["a DaemonSet of which every pod is well", "DaemonSet", rolling(0, 1), [], 3, undefined],
  ["kubernetes/kubernetes#117204, the default of 1 and one lost node", "DaemonSet", rolling(0, 1), [daemon(7)], 4, "blocker", /^1 pod \(lost-7\) is on node n7, which does not answer, and cannot be replaced; with maxUnavailable 1 its restart would wait for it /],
  ["the same, its pod deleted already", "DaemonSet", rolling(0, 1), [daemon(7, { terminating: true })], 4, "blocker", /maxUnavailable 1/],
  ["kubernetes/test-infra#31706, 2 may be missing and 3 nodes are lost", "DaemonSet", rolling(0, 2), [daemon(7), daemon(8), daemon(9)], 6, "blocker", /^3 pods .* are on nodes n7, n8 and n9, .*maxUnavailable 2 its restart would wait for them/],
  ["a surge that never ends on the lost node", "DaemonSet", rolling(1, 0), [daemon(7)], 4, "blocker", /with maxSurge 1/],
  ["more may be missing than are lost", "DaemonSet", rolling(0, 2), [daemon(7)], 4, "warning", /cannot be replaced: the run proves the others/],
  ["a Deployment with an old pod that cannot end (kubernetes/kubernetes#72226)", "Deployment", rolling(1, 0), [lost("Deployment", 7, { terminating: true })], 3, "warning", /^1 pod \(lost-7\) is on node n7, which does not answer, and cannot end/],
]; // biome-ignore format: a table

for (const [what, kind, strategy, pods, desired, severity, message] of table) {
  test(`pods-reachable: ${what}`, () => {
    const found = plan(kind, strategy, pods, desired);
    assert.deepEqual(said(found, "pods-reachable"), severity ? [`pods-reachable ${severity} production/${kind}/web`] : []);
    assert.deepEqual(said(found, "workloads-healthy"), []);
    assert.equal(stopping(found).length, severity === "blocker" ? 1 : 0);
    const [finding] = found.findings.filter(({ check }) => check === "pods-reachable");
    if (message) assert.match(finding?.message ?? "", message);
    if (severity !== "blocker") return;
    assert.match(finding?.remedy ?? "", /^kubectl describe node n7; .*; or set max(Surge|Unavailable) to [24] or more while it moves$/);
    const left = plan(kind, strategy, pods, desired, [`${kind}/web`]);
    assert.deepEqual([stopping(left), restarted(left)], [[], []]);
  });
} // biome-ignore format: long lines

test("pods-reachable: a workload that waits for the pod of a lost node is not healthy, and that pod is named", () => {
  const found = plan("StatefulSet", rolling(0, 1), [lost("StatefulSet", 7)], 4);
  assert.deepEqual(said(found, "workloads-healthy"), ["workloads-healthy blocker production/StatefulSet/web"]);
  assert.match(stopping(found)[0]?.message ?? "", /: 3 of 4 ready \(lost-7 is on node n7, which does not answer\)$/);
});
