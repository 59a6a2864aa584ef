import assert from "node:assert/strict";
import test from "node:test";
import { movingOf, namespaceMoves } from "../../../src/upgrade/plan/namespace-move.ts";
import { notMoved } from "../../../src/upgrade/plan/not-moved.ts";
import { resolveTarget } from "../../../src/upgrade/plan/target.ts";
import type { MeshWords, WorkloadWords } from "../../fixtures/mesh.ts";
import { mission, request } from "../../fixtures/plan.ts";
import { ownedBy, pod } from "../../fixtures/pods.ts";

const namespace = "production";
const there: WorkloadWords = { namespace, name: "web", runs: ["1-20", "1-20"] };
const late: WorkloadWords = { namespace, name: "late", runs: ["1-20", "default"] };
const batch = pod(namespace, "batch-1-x", "default", {
  owner: ownedBy("batch", "Job", "batch-1"),
});

const told = (words: MeshWords, wish: Parameters<typeof request>[0] = {}, selected?: ReadonlySet<string>) => {
  const mesh = mission({ namespaces: [{ name: namespace, labels: { "istio.io/rev": "1-20" } }], ...words });
  const resolved = resolveTarget(mesh, "1-20");
  assert.ok(resolved.ok);
  return notMoved(namespaceMoves(movingOf(mesh, resolved.target, request(wish), selected), [namespace])).map(
    ({ object, reason }) => `${object.kind}/${object.name}: ${reason}`,
  );
};

const cases: readonly (readonly [title: string, told: readonly string[], wanted: readonly string[]])[] = [
  ["all on the target", told({ workloads: [there] }), []],
  [
    "a pod on the old one",
    told({ workloads: [there, late] }),
    ["Deployment/late: 1 pod on default that came up while the run was on"],
  ],
  ["one that is going", told({ workloads: [{ ...late, pod: { terminating: true } }] }), []],
  [
    "one that a restart would not move",
    told({ workloads: [{ ...late, podLabels: { "istio.io/rev": "default" } }] }),
    ["Deployment/late: 1 pod on default that came up while the run was on"],
  ],
  [
    "a pod that nobody owns",
    told({ workloads: [there], pods: [pod(namespace, "lonely", "default")] }),
    ["Pod/lonely: 1 pod on default that came up while the run was on"],
  ],
  ["left by name", told({ workloads: [there, late] }, { leave: ["deploy/late"] }), []],
  ["left by selector", told({ workloads: [there, late] }, { selector: "app=web" }, new Set(["uid-of-web"])), []],
  ["a running Job", told({ workloads: [there], pods: [batch] }), []],
  ["of another namespace", told({ workloads: [there, { ...late, namespace: "elsewhere" }] }), []],
];

for (const [title, found, wanted] of cases) test(title, () => assert.deepEqual(found, wanted));
