import assert from "node:assert/strict";
import test from "node:test";
import type { UndoRecord } from "../../../src/upgrade/record/undo-record.ts";
import { undoText } from "../../../src/upgrade/record/undo-record.ts";
import { ownInjector, type WorkloadWords } from "../../fixtures/mesh.ts";
import { mission, planOf, restarted, said, stopping } from "../../fixtures/plan.ts";

const namespace = "production";
const record: UndoRecord = {
  ...{
    version: 1,
    run: "r1",
    target: { label: "1-20", revision: "1-20", tag: undefined },
    stamp: "2026-11-03T04:05:06Z",
  },
  ...{
    namespaceUid: "uid-of-production",
    before: { "istio-injection": "enabled", "istio.io/rev": null },
    state: "open",
  },
  from: { revision: "default", deploymentUid: "uid-of-istiod" },
};
const bare: WorkloadWords = { namespace, name: "web", runs: [null, null, null] };

const cases: readonly (readonly [title: string, workload: WorkloadWords, record: UndoRecord, restarted: boolean])[] = [
  ["restarted by the run that is gone on with", { ...bare, restartedAt: record.stamp }, record, true],
  ["restarted once more by it", { ...bare, restartedAt: "2026-11-03T04:09:00Z" }, record, true],
  [
    "some of them, the others on the target",
    { ...bare, runs: ["1-20", null], restartedAt: record.stamp },
    record,
    true,
  ],
  ["restarted before it", { ...bare, restartedAt: "2026-11-03T04:00:00Z" }, record, false],
  ["restarted at no known time", { ...bare, restartedAt: "yesterday" }, record, false],
  ["never restarted", bare, record, false],
  ["of a run that is over", { ...bare, restartedAt: record.stamp }, { ...record, state: "done" }, false],
  [
    "and not due one",
    { ...bare, restartedAt: record.stamp, podLabels: { "sidecar.istio.io/inject": "false" } },
    record,
    false,
  ],
];

for (const [title, workload, undo, wanted] of cases)
  test(`pods without a sidecar, ${title}: ${wanted ? "restarted" : "left alone"}`, () => {
    const annotations = { "kubectl-mesh/undo": undoText(undo) };
    const plan = planOf(
      mission({
        namespaces: [{ name: namespace, labels: { "istio.io/rev": "1-20" }, annotations }],
        workloads: [workload],
      }),
    );
    assert.deepEqual(restarted(plan), wanted ? ["Deployment/web (canary)"] : []);
    assert.deepEqual(stopping(plan), []);
  });

test("what another revision would inject, or the target refuse, is not given back by a restart", () => {
  const annotations = { "kubectl-mesh/undo": undoText(record) };
  const namespaces = [{ name: namespace, labels: { "istio.io/rev": "1-20" }, annotations }];
  const grabbing = ownInjector("1-18").map((each) => ({
    ...each,
    configuration: "zz-by-hand",
    entry: { ...each.entry, namespaceSelector: {}, objectSelector: { matchLabels: { app: "web" } } },
  }));
  for (const injectors of [[...ownInjector("1-20"), ...grabbing], ownInjector("1-20", { readyEndpoints: 0 })]) {
    const plan = planOf(mission({ namespaces, injectors, workloads: [{ ...bare, restartedAt: record.stamp }] }));
    assert.deepEqual([restarted(plan), said(plan, "sidecars-kept")], [[], []]);
  }
});
