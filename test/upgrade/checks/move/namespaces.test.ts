import assert from "node:assert/strict";
import test from "node:test";
import type { UndoRecord } from "../../../../src/upgrade/record/undo-record.ts";
import { undoText } from "../../../../src/upgrade/record/undo-record.ts";
import {
  type MeshWords,
  type NamespaceWords,
  ownInjector,
  plane,
  tagInjector,
  type WorkloadWords,
} from "../../../fixtures/mesh.ts";
import { brief, mission, planOf, said, type Wish } from "../../../fixtures/plan.ts";

const name = "production";
const enabled = { "istio-injection": "enabled" };
const object = "namespace/production";
const on = (labels: Readonly<Record<string, string>>, change: Partial<NamespaceWords> = {}): MeshWords => ({
  namespaces: [{ name, labels, ...change }],
});
const asking = (label: string, value: string): WorkloadWords => ({
  namespace: name,
  name: "web",
  runs: ["default"],
  podLabels: { [label]: value },
});
const without: WorkloadWords = { namespace: name, name: "web", runs: [null] };

const injected: readonly (readonly [what: string, change: MeshWords, message: RegExp | undefined])[] = [
  ["istio-injection=enabled", on(enabled), undefined],
  ["istio.io/rev of a revision", on({ "istio.io/rev": "1-20" }), undefined],
  ["istio.io/rev of a tag", on({ "istio.io/rev": "prod" }), undefined],
  ["both labels", on({ ...enabled, "istio.io/rev": "nobody" }), undefined],
  ["istio-injection=disabled", on({ "istio-injection": "disabled" }), /istio-injection=disabled keeps every sidecar out/],
  ["istio-injection=disabled beside istio.io/rev", on({ "istio-injection": "disabled", "istio.io/rev": "1-20" }), /keeps every sidecar out/],
  ["an empty istio-injection", on({ "istio-injection": "" }), /keeps every sidecar out/],
  ["ambient", on({ "istio.io/dataplane-mode": "ambient" }), /ambient mode/],
  ["ambient and injection", on({ ...enabled, "istio.io/dataplane-mode": "ambient" }), undefined],
  ["no label", { ...on({}), workloads: [without] }, /no label of it injects/],
  ["no label, pods that name a revision", { ...on({}), workloads: [asking("istio.io/rev", "default")] }, /labels of their own \(deployment\/web\)/],
  ["no label, and only some pods that ask", { ...on({}), workloads: [{ ...without, name: "api" }, asking("sidecar.istio.io/inject", "true")] }, /labels of their own \(deployment\/web\)/],
  ["no label, pods that ask for injection", { ...on({}), workloads: [asking("sidecar.istio.io/inject", "true")] }, /labels of their own \(deployment\/web\)/],
  ["a label that nobody serves", { ...on({ "istio.io/rev": "1-2o" }), workloads: [without] }, /no webhook serves its label istio.io\/rev=1-2o/],
  ["a label that nobody serves any more, above running sidecars", on({ "istio.io/rev": "1-18" }), undefined],
  ["istio-injection=enabled without a default", { ...on(enabled), workloads: [without], injectors: ownInjector("1-20") }, /no webhook serves its label istio-injection=enabled/],
  ["a webhook that refuses", { ...on(enabled), injectors: [...ownInjector("1-20"), ...tagInjector("default", "default", { readyEndpoints: 0 })] }, undefined],
  ["no label, a gateway that names a revision", { ...on({}), workloads: [{ ...without, gateway: true, podLabels: { "istio.io/rev": "1-20" } }] }, /no label of it injects/],
  ["no label, pods that name a revision and opt out", { ...on({}), workloads: [{ ...without, podLabels: { "istio.io/rev": "1-20", "sidecar.istio.io/inject": "false" } }] }, /no label of it injects/],
  ["no label, pods without labels or a template that is known", { ...on({}), workloads: [{ ...without, template: { spec: { containers: [] } } }, { ...without, name: "api", template: undefined }] }, /no label of it injects/],
  ["a label that nobody serves any more, above gateways that run", { ...on({ "istio.io/rev": "1-18" }), workloads: [{ ...without, runs: ["1-18"], gateway: true, proxy: { kind: "gateway" } }] }, undefined],
  ["a label that only a workload's own labels make a webhook serve", { ...on(enabled), injectors: [...ownInjector("1-20"), ...tagInjector("default", "default", { policy: { policy: "disabled", neverInject: [], alwaysInject: [], templates: [] } })], workloads: [{ ...without, podLabels: { "sidecar.istio.io/inject": "true" } }] }, undefined],
  ["a namespace that is being deleted", on(enabled, { terminating: true }), /being deleted/],
]; // biome-ignore format: a table

for (const [what, change, message] of injected) {
  test(`namespaces-injected: ${what} ${message === undefined ? "moves" : "is refused"}`, () => {
    const plan = planOf(mission(change));
    const found = plan.findings.filter(({ check }) => check === "namespaces-injected");
    assert.deepEqual(
      found.map(({ severity, object }) => [severity, object]),
      message === undefined ? [] : [["blocker", object]],
    );
    if (message === undefined) return;
    assert.match(found[0]?.message ?? "", message);
    assert.ok(found[0]?.remedy);
    assert.deepEqual([plan.steps, plan.namespaces], [[], []]);
  });
}

test("namespaces-injected: istiod's own four, and namespaces of nothing but a control plane, are never touched", () => {
  const controlPlanes = [plane("1-20"), plane("default"), plane("1-18", { namespace: "istio-old" })];
  for (const protectedName of ["kube-system", "local-path-storage", "istio-system", "istio-old"]) {
    const mesh = mission({ controlPlanes, namespaces: [{ name: protectedName, labels: enabled }] });
    const plan = planOf(mesh, { namespaces: [protectedName] });
    const [finding] = plan.findings.filter(({ check }) => check === "namespaces-injected");
    assert.match(finding?.message ?? "", /belongs to Kubernetes or to Istio itself/);
    assert.deepEqual(
      [finding?.severity, plan.steps, planOf(mesh, { namespaces: "all" }).namespaces],
      ["blocker", [], []],
    );
  }
});

test("one-injector: the webhooks are named", () => {
  const again = ownInjector("1-20").map((each) => ({ ...each, configuration: "zz-by-hand" }));
  const { findings } = planOf(
    mission({ injectors: [...ownInjector("1-20"), ...tagInjector("default", "default"), ...again] }),
  );
  assert.match(findings[0]?.message ?? "", /: zz-by-hand and istio-sidecar-injector-1-20$/);
});

test("namespaces-injected: the Istio namespace is Istio's own, whatever runs there", () => {
  const plan = planOf(
    mission({
      controlPlanes: [plane("1-20", { namespace: "istio-new" }), plane("default", { namespace: "istio-old" })],
      namespaces: [{ name: "istio-system", labels: enabled }],
    }),
    { namespaces: ["istio-system"] },
  );
  assert.deepEqual(said(plan, "namespaces-injected"), ["namespaces-injected blocker namespace/istio-system"]);
});

test("namespaces-exist: an unknown one is refused with the name that was meant", () => {
  const plan = planOf(mission(), { namespaces: ["productoin", name] });
  const [finding] = plan.findings.filter(({ check }) => check === "namespaces-exist");
  assert.deepEqual(
    [finding?.severity, finding?.object, finding?.message],
    ["blocker", "namespace/productoin", "there is no namespace productoin, did you mean production?"],
  );
  const alone = planOf(mission({ namespaces: [] }), {
    namespaces: ["productoin"],
    surroundings: { namespaces: ["shop", name] },
  });
  assert.match(alone.findings[0]?.message ?? "", /, did you mean production\?$/);
  assert.deepEqual(said(planOf(mission({ namespaces: [] }), { namespaces: "all" }), "namespaces-exist"), [
    "namespaces-exist note namespaces",
  ]);
  assert.deepEqual(brief(planOf(mission({ namespaces: [] }), { namespaces: [] }).findings), []);
  assert.deepEqual(brief(planOf(mission(), { namespaces: "all" }).findings), []);
});

const others: readonly (readonly [what: string, change: MeshWords, wish: Wish, check: string, findings: readonly string[]])[] = [
  ["one label", on(enabled), {}, "one-injection-label", []],
  ["the revision's label", on({ "istio.io/rev": "default" }), {}, "one-injection-label", []],
  ["both labels", on({ ...enabled, "istio.io/rev": "1-20" }), {}, "one-injection-label", [`one-injection-label warning ${object}`]],
  ["injection and ambient", on({ ...enabled, "istio.io/dataplane-mode": "ambient" }), {}, "one-injection-label", [`one-injection-label warning ${object}`]],
  ["one webhook", on(enabled), {}, "one-injector", []],
  ["two webhooks for the target's label", { injectors: [...ownInjector("1-20"), ...tagInjector("default", "default"), ...ownInjector("1-20").map((each) => ({ ...each, configuration: "zz-by-hand" }))] }, {}, "one-injector", [`one-injector blocker ${object}`]],
  ["two webhooks, and nothing to restart", { injectors: [...ownInjector("1-20"), ...tagInjector("default", "default"), ...ownInjector("1-20").map((each) => ({ ...each, configuration: "zz-by-hand" }))], workloads: [{ ...without, runs: ["1-20"] }] }, {}, "one-injector", []],
  ["a webhook that cannot be told today", { injectors: [...ownInjector("1-20"), ...tagInjector("default", "default", { policy: "unknown" })] }, {}, "label-served", [`label-served unknown ${object}`]],
  ["a webhook that refuses, of a label that is not written", { ...on({ "istio.io/rev": "1-20" }), injectors: [...ownInjector("1-20", { readyEndpoints: 0 }), ...tagInjector("default", "default")] }, {}, "label-served", []],
  ["a webhook that refuses today", { injectors: [...ownInjector("1-20"), ...tagInjector("default", "default", { readyEndpoints: 0 })] }, {}, "label-served", [`label-served warning ${object}`]],
  ["the revision it comes from", on(enabled), { from: "default" }, "from-exists", []],
  ["another revision than said", on(enabled), { from: "1-20" }, "from-exists", [`from-exists blocker ${object}`]],
  ["a revision that nobody knows", on(enabled), { from: "defualt" }, "from-exists", ["from-exists blocker revision/defualt"]],
  ["a revision that only pods run", { ...on(enabled), workloads: [{ ...without, runs: ["1-18", null] }] }, { from: "1-18" }, "from-exists", []],
  ["a revision that only a webhook has", { ...on(enabled), injectors: [...ownInjector("1-20"), ...tagInjector("default", "default"), ...ownInjector("1-17")] }, { from: "1-17" }, "from-exists", [`from-exists blocker ${object}`]],
  ["a record that is none, where nothing moves", on({ "istio-injection": "disabled" }, { annotations: { "kubectl-mesh/undo": "{" } }), {}, "no-other-migration", []],
]; // biome-ignore format: a table

for (const [what, change, wish, check, findings] of others) {
  test(`${check}: ${what}`, () => {
    assert.deepEqual(said(planOf(mission(change), wish), check), findings);
  });
}

const record: UndoRecord = {
  version: 1, run: "r1", target: { label: "1-21", revision: "1-21", tag: undefined }, stamp: "2026-11-03T04:05:06Z", namespaceUid: "uid-of-production",
  before: { "istio-injection": "enabled", "istio.io/rev": null }, from: { revision: "default", deploymentUid: undefined }, state: "open",
}; // biome-ignore format: one line of fields

const records: readonly (readonly [what: string, text: string, message: RegExp | undefined])[] = [
  ["an unfinished run to another target", undoText(record), /migration to 1-21 \(revision 1-21\) was begun and is not finished/],
  ["a finished run to another target", undoText({ ...record, state: "done" }), undefined],
  ["an unfinished run to this target", undoText({ ...record, target: { label: "1-20", revision: "1-20", tag: undefined } }), undefined],
  ["an unfinished run to a tag of this revision", undoText({ ...record, target: { label: "prod", revision: "1-20", tag: "prod" } }), /migration to prod \(revision 1-20\) was begun/],
  ["an unfinished run to a tag of the same name that meant another revision", undoText({ ...record, target: { label: "1-20", revision: "1-19", tag: "1-20" } }), /not finished/],
  ["a record of a namespace of this name that is gone", undoText({ ...record, namespaceUid: "other" }), /another namespace of this name/],
  ["a record that is none", "{", /cannot be read: it is not JSON/],
  ["a record of a later form", JSON.stringify({ ...record, version: 2 }), /its version is 2/],
]; // biome-ignore format: a table

for (const [what, text, message] of records) {
  test(`no-other-migration: ${what}`, () => {
    const plan = planOf(mission(on(enabled, { annotations: { "kubectl-mesh/undo": text } })));
    const found = plan.findings.filter(({ check }) => check === "no-other-migration");
    assert.deepEqual(
      found.map(({ severity, object }) => [severity, object]),
      message === undefined ? [] : [["blocker", object]],
    );
    if (message !== undefined) assert.match(found[0]?.message ?? "", message);
  });
}
