/**
 * Another mesh's webhook, as OpenShift Service Mesh 2 has it (maistra/istio-operator resources/helm/v2.6; the official
 * migration: openshift/openshift-docs#86917, #89164): the label that keeps it away, written in the same patch and undone.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Injector } from "../../../src/mesh/model.ts";
import { parseUndoRecord, undoText } from "../../../src/upgrade/record/undo-record.ts";
import { type MeshWords, ownInjector, tagInjector } from "../../fixtures/mesh.ts";
import { mission, planOf, said } from "../../fixtures/plan.ts";

const absent = (key: string) => ({ key, operator: "DoesNotExist" });
/** The one entry of its webhook: `change` other requirements. */
const maistra = (...also: readonly object[]): readonly Injector[] =>
  ownInjector("basic")
    .slice(0, 1)
    .map((each) => ({
      ...each,
      configuration: "istiod-basic-istio-system",
      entry: {
        ...each.entry,
        name: "sidecar-injector.istio.io",
        objectSelector: {},
        namespaceSelector: {
          matchExpressions: [
            { key: "maistra.io/member-of", operator: "In", values: ["istio-system"] },
            { key: "istio-injection", operator: "NotIn", values: ["disabled"] },
            ...(also as { key: string; operator: string }[]),
          ],
        },
      },
    }));
const member = { "maistra.io/member-of": "istio-system" };
const ossm = (labels: Readonly<Record<string, string>>, webhook = maistra(absent("maistra.io/ignore-namespace"))) =>
  mission({
    injectors: [...webhook, ...ownInjector("1-20"), ...tagInjector("default", "default")],
    namespaces: [{ name: "production", labels: { ...member, ...labels } }],
  } satisfies MeshWords);
const remedies = (given: ReturnType<typeof ossm>, wish = {}) =>
  planOf(given, wish).findings.flatMap(({ severity, remedy }) => (severity === "blocker" ? [remedy ?? ""] : []));

test("the label that keeps the other webhook away is named, and that webhook is never to be removed", () => {
  for (const labels of [{}, { "istio-injection": "enabled" }]) {
    const [remedy = "", ...more] = remedies(ossm(labels));
    assert.deepEqual(more, []);
    assert.match(remedy, /--set-label maistra\.io\/ignore-namespace=true/);
    assert.doesNotMatch(remedy, /delete|remove|kubectl label/);
  }
});

test("without such a requirement, none is made up; labels of Istio and of Kubernetes are none", () => {
  for (const webhook of [maistra(), maistra({ ...absent("kubernetes.io/metadata.name") })]) {
    const [remedy = ""] = remedies(ossm({ "istio-injection": "enabled" }, webhook));
    assert.doesNotMatch(remedy, /--set-label|delete|remove the/);
    assert.notEqual(remedy, "");
  }
});

test("told to, the label is written with the two, the record knows what was, and the plan is judged by it", () => {
  const setLabels = { "maistra.io/ignore-namespace": "true" };
  const plan = planOf(ossm({ "istio-injection": "enabled" }), { setLabels });
  assert.deepEqual(said(plan, "sidecars-kept"), []);
  assert.deepEqual(said(plan, "one-injector"), []);
  const step = plan.steps.find((each) => each.kind === "relabel");
  assert.deepEqual(step?.before, { "istio-injection": "enabled", "istio.io/rev": null, also: { "maistra.io/ignore-namespace": null } });
  assert.deepEqual(step?.after, { "istio-injection": null, "istio.io/rev": "1-20", also: setLabels });
}); // biome-ignore format: labels

test("a record with labels of its own is read as it was written; a damaged one is not", () => {
  const record = {
    version: 1,
    run: "r1",
    target: { label: "1-20", revision: "1-20", tag: undefined },
    stamp: "2026-01-01T00:00:00Z",
    namespaceUid: "u",
    before: { "istio-injection": "enabled", "istio.io/rev": null, also: { "maistra.io/ignore-namespace": null } },
    from: { revision: "default", deploymentUid: "d" },
    set: { "maistra.io/ignore-namespace": "true" },
    proof: "pods",
    state: "open",
  } as const;
  assert.deepEqual(parseUndoRecord(undoText(record)), record);
  for (const damage of [{ set: { "istio.io/rev": "x" } }, { set: { other: "x" } }, { set: "x" }, { set: {} }]) {
    const found = parseUndoRecord(JSON.stringify({ ...record, ...damage }));
    assert.ok("malformed" in found, JSON.stringify(damage));
  }
});
