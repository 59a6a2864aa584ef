import assert from "node:assert/strict";
import test from "node:test";
import { type MeshWords, ownInjector, plane, tagInjector } from "../../../fixtures/mesh.ts";
import { mission, planOf, said } from "../../../fixtures/plan.ts";

const old = plane("default", { version: "1.19.0" });
const injectors = (change: Parameters<typeof ownInjector>[1]) => [
  ...ownInjector("1-20", change),
  ...tagInjector("default", "default"),
];
const byUrl = ownInjector("1-20").map((each) => ({
  ...each,
  readyEndpoints: undefined,
  caBundle: false,
  entry: { ...each.entry, clientConfig: { url: "https://istiod.example.com/inject" } },
}));

const table: readonly (readonly [what: string, change: MeshWords, check: string, findings: readonly string[]])[] = [
  ["a ready istiod", {}, "target-ready", []],
  ["no istiod", { controlPlanes: [old] }, "target-ready", ["target-ready blocker revision/1-20"]],
  ["no istiod, only what its webhook says", { controlPlanes: [plane("1-20", { deployment: undefined, istiods: [] }), old] }, "target-ready", ["target-ready blocker revision/1-20"]],
  ["no istiod, and another revision's outside the cluster", { controlPlanes: [old], injectors: [...injectors({}), ...byUrl.map((each) => ({ ...each, revision: "1-18", entry: { ...each.entry, namespaceSelector: { matchLabels: { team: "x" } } } }))] }, "target-ready", ["target-ready blocker revision/1-20"]],
  ["no ready istiod", { controlPlanes: [plane("1-20", { readyReplicas: 0 }), old] }, "target-ready", ["target-ready blocker revision/1-20"]],
  ["some istiods ready", { controlPlanes: [plane("1-20", { readyReplicas: 1, desiredReplicas: 2 }), old] }, "target-ready", ["target-ready warning revision/1-20"]],
  ["an istiod outside the cluster", { controlPlanes: [plane("1-20", { deployment: undefined, istiods: [] }), old], injectors: [...byUrl, ...tagInjector("default", "default")] }, "target-ready", ["target-ready unknown revision/1-20"]],
  ["a CA bundle", {}, "target-ca-bundle", []],
  ["no CA bundle", { injectors: injectors({ caBundle: false }) }, "target-ca-bundle", ["target-ca-bundle blocker MutatingWebhookConfiguration/istio-sidecar-injector-1-20"]],
  ["no CA bundle, called by URL", { injectors: [...byUrl, ...tagInjector("default", "default")] }, "target-ca-bundle", []],
  ["a Service without endpoints", { injectors: injectors({ readyEndpoints: 0 }) }, "target-endpoints", ["target-endpoints blocker istio-system/Service/istiod-1-20"]],
  ["a Service of which nothing is known", { injectors: injectors({ readyEndpoints: undefined }) }, "target-endpoints", ["target-endpoints unknown istio-system/Service/istiod-1-20"]],
  ["a webhook by URL", { injectors: [...byUrl, ...tagInjector("default", "default")] }, "target-endpoints", []],
  ["every istiod answering", {}, "istiods-answer", []],
  ["a silent istiod of the target", { silent: ["istio-system/istiod-1-20-7f-abc"] }, "istiods-answer", ["istiods-answer unknown istiod istio-system/istiod-1-20-7f-abc"]],
  ["a silent istiod of the old revision", { silent: ["istio-system/istiod-7f-abc"] }, "istiods-answer", ["istiods-answer unknown istiod istio-system/istiod-7f-abc"]],
  ["a silent istiod of neither", { controlPlanes: [plane("1-20"), old, plane("1-18")], silent: ["istio-system/istiod-1-18-7f-abc"] }, "istiods-answer", []],
  ["a silent istiod of a revision that only a pod is on", { controlPlanes: [plane("1-20"), old, plane("1-18")], silent: ["istio-system/istiod-1-18-7f-abc"], workloads: [{ namespace: "production", name: "web", runs: ["default", "1-18"] }] }, "istiods-answer", ["istiods-answer unknown istiod istio-system/istiod-1-18-7f-abc"]],
]; // biome-ignore format: a table

for (const [what, change, check, findings] of table) {
  test(`${check}: ${what}`, () => {
    assert.deepEqual(said(planOf(mission(change)), check), findings);
  });
}

test("an istiod that was not asked has not answered, and one that is still coming up holds no proxy", () => {
  const asked = mission();
  const silent = { ...asked, answers: [] };
  const unasked = [
    "istiods-answer unknown istiod istio-system/istiod-1-20-7f-abc",
    "istiods-answer unknown istiod istio-system/istiod-7f-abc",
  ];
  assert.deepEqual(said(planOf(silent), "istiods-answer"), unasked);
  const unsaid = silent.controlPlanes.map((each) => ({
    ...each,
    istiods: each.istiods.map(({ phase: _, ...istiod }) => istiod),
  }));
  assert.deepEqual(said(planOf({ ...silent, controlPlanes: [...unsaid, plane("1-18")] }), "istiods-answer"), unasked);
  assert.deepEqual(said(planOf({ ...silent, answers: asked.answers.slice(0, 1) }), "istiods-answer"), unasked.slice(1));
  const pending = silent.controlPlanes.map((each) => ({
    ...each,
    istiods: each.istiods.map((istiod) => ({ ...istiod, phase: "Pending" })),
  }));
  assert.deepEqual(said(planOf({ ...silent, controlPlanes: pending }), "istiods-answer"), []);
});

test("with nothing to do, the old control plane may be gone or silent", () => {
  const moved: MeshWords = {
    namespaces: [{ name: "production", labels: { "istio.io/rev": "1-20" } }],
    workloads: [{ namespace: "production", name: "web", runs: ["1-20"] }],
    silent: ["istio-system/istiod-7f-abc"],
  };
  assert.deepEqual(planOf(mission(moved)).findings, []);
});
