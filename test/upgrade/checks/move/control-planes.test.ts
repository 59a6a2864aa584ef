import assert from "node:assert/strict";
import test from "node:test";
import type { Barrier, IstiodAnswer, Mesh } from "../../../../src/mesh/model.ts";
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
  ["a Service without a selector", { controlPlanes: [old], injectors: injectors({ service: "addresses" }) }, "target-ready", ["target-ready unknown revision/1-20"]],
  ["a Service whose endpoints are no istiod that is known", { controlPlanes: [old], injectors: injectors({ service: "pods" }) }, "target-ready", ["target-ready unknown revision/1-20"]],
  ["a Service that is not there", { controlPlanes: [old], injectors: injectors({ service: "absent", readyEndpoints: 0 }) }, "target-ready", ["target-ready blocker revision/1-20"]],
  ["a Service of type ExternalName", { injectors: injectors({ service: "name", readyEndpoints: undefined }) }, "target-endpoints", ["target-endpoints unknown istio-system/Service/istiod-1-20"]],
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

/** A mesh whose istiods cannot be asked, by what keeps them from answering. */
const unasked = (revision: string, change: Partial<Extract<IstiodAnswer, { kind: "unanswered" }>>): Mesh => {
  const asked = mission();
  return {
    ...asked,
    answers: asked.answers.map((answer) =>
      answer.revision === revision
        ? { kind: "unanswered", istiod: answer.istiod, revision, reason: "answered 404", ...change }
        : answer,
    ),
  };
};

test("an istiod that cannot be asked is named with the reason, and --proof pods takes less", () => {
  const found = (given: Mesh, wish = {}) =>
    planOf(given, wish).findings.filter(({ check }) => check === "istiods-answer");
  const words = {
    "debug-off": /ENABLE_DEBUG_ON_HTTP=false/,
    "debug-closed": /credentials/,
    "no-port-forward": /right/,
  };
  for (const [barrier, word] of Object.entries(words))
    for (const revision of ["1-20", "default"]) {
      const given = unasked(revision, { barrier: barrier as Barrier });
      const [first] = found(given);
      assert.deepEqual([first?.severity, first?.accept], ["unknown", { flag: "--proof", value: "pods" }]);
      assert.match(first?.message ?? "", word);
      assert.doesNotMatch(first?.remedy ?? "", /wait/);
      const less = planOf(given, { proof: "pods" });
      assert.deepEqual(less.proof?.unasked, [revision]);
      assert.deepEqual(
        less.findings.filter(({ severity }) => severity === "unknown"),
        [],
      );
    }
});

test("an old istiod that is not ready and does not answer keeps nobody; one of the target does", () => {
  assert.deepEqual(said(planOf(unasked("default", { ready: false })), "istiods-answer"), ["istiods-answer warning istiod istio-system/istiod-7f-abc"]);
  assert.deepEqual(said(planOf(unasked("1-20", { ready: false })), "istiods-answer"), ["istiods-answer unknown istiod istio-system/istiod-1-20-7f-abc"]);
}); // biome-ignore format: long names

test("a target by name is planned by --proof pods alone, and the trial pod has to be injected", () => {
  const given = mission({ injectors: injectors({ service: "name", readyEndpoints: undefined }) });
  assert.deepEqual(said(planOf(given), "sidecars-kept"), ["sidecars-kept unknown production/Deployment/web"]);
  const less = planOf(given, { proof: "pods" });
  assert.deepEqual(less.findings.map(({ severity }) => severity).filter((severity) => severity !== "warning"), []);
  assert.equal(less.steps.find((step) => step.kind === "relabel")?.probe?.required, true);
}); // biome-ignore format: long names
