import assert from "node:assert/strict";
import test from "node:test";
import type { LabelSelector } from "../../../../src/mesh/kubernetes.ts";
import type { ClusterEvidence, NamespaceReader } from "../../../../src/upgrade/evidence/cluster-evidence.ts";
import { mission, planOf, said } from "../../../fixtures/plan.ts";

const injection: LabelSelector = { matchLabels: { "istio-injection": "enabled" } };
const revision: LabelSelector = {
  matchExpressions: [{ key: "istio.io/rev", operator: "In", values: ["1-20", "1-21"] }],
};
const byName: LabelSelector = { matchLabels: { "kubernetes.io/metadata.name": "production" } };
const either: LabelSelector = { matchExpressions: [{ key: "nothing", operator: "DoesNotExist" }] };
const odd: LabelSelector = { matchExpressions: [{ key: "istio.io/rev", operator: "Like", values: ["1-*"] }] };

const reader = (
  kind: NamespaceReader["kind"],
  selector: LabelSelector | undefined,
  expression?: string,
): Partial<ClusterEvidence> => ({
  readers: [
    {
      kind,
      namespace: kind === "NetworkPolicy" || kind === "Gateway" ? "shop" : undefined,
      name: "it",
      where: "ingress rule 1",
      selector,
      ...(expression === undefined ? {} : { expression }),
    },
  ],
});
const discovery = (name: string, ...selectors: readonly LabelSelector[]): Partial<ClusterEvidence> => ({
  discovery: [{ revision: name, configMap: `istio-system/istio-${name}`, selectors }],
});

const table: readonly (readonly [what: string, surroundings: Partial<ClusterEvidence>, check: string, findings: readonly string[]])[] = [
  ["a policy that selects the old label", reader("NetworkPolicy", injection), "network-policies", ["network-policies blocker shop/NetworkPolicy/it"]],
  ["a policy that selects the new label", reader("NetworkPolicy", revision), "network-policies", ["network-policies blocker shop/NetworkPolicy/it"]],
  ["a policy that selects by name", reader("NetworkPolicy", byName), "network-policies", []],
  ["a policy that selects every namespace", reader("NetworkPolicy", {}), "network-policies", []],
  ["a policy that cannot be evaluated", reader("NetworkPolicy", odd), "network-policies", ["network-policies unknown shop/NetworkPolicy/it"]],
  ["a webhook of somebody else", reader("MutatingWebhookConfiguration", injection), "admission-readers", ["admission-readers blocker MutatingWebhookConfiguration/it"]],
  ["a validating webhook", reader("ValidatingWebhookConfiguration", revision), "admission-readers", ["admission-readers blocker ValidatingWebhookConfiguration/it"]],
  ["a policy binding", reader("ValidatingAdmissionPolicyBinding", injection), "admission-readers", ["admission-readers blocker ValidatingAdmissionPolicyBinding/it"]],
  ["an expression that names the label", reader("ValidatingAdmissionPolicy", undefined, "has(namespaceObject.metadata.labels['istio-injection'])"), "admission-readers", ["admission-readers warning ValidatingAdmissionPolicy/it"]],
  ["a policy that changes what is made", reader("MutatingAdmissionPolicy", injection), "admission-readers", ["admission-readers blocker MutatingAdmissionPolicy/it"]],
  ["a binding of such a policy", reader("MutatingAdmissionPolicyBinding", injection), "admission-readers", ["admission-readers blocker MutatingAdmissionPolicyBinding/it"]],
  ["a validating policy", reader("ValidatingAdmissionPolicy", injection), "admission-readers", ["admission-readers blocker ValidatingAdmissionPolicy/it"]],
  ["a policy of another check", reader("NetworkPolicy", injection), "admission-readers", []],
  ["a Gateway of another check", reader("Gateway", injection), "network-policies", []],
  ["an operator nobody knows on a label that is not there yet", reader("NetworkPolicy", { matchLabels: { "istio-injection": "enabled" }, matchExpressions: odd.matchExpressions ?? [] }), "network-policies", ["network-policies unknown shop/NetworkPolicy/it"]],
  ["an operator nobody knows on a label that is there no more", reader("NetworkPolicy", { matchLabels: { "istio.io/rev": "1-20" }, matchExpressions: odd.matchExpressions ?? [] }), "network-policies", ["network-policies unknown shop/NetworkPolicy/it"]],
  ["discovery by an operator nobody knows on a label that is not there yet", discovery("1-18", { matchLabels: { "istio-injection": "enabled" }, matchExpressions: odd.matchExpressions ?? [] }), "discovery-selectors", ["discovery-selectors unknown istio-system/istio-1-18"]],
  ["discovery by an operator nobody knows on a label that is there no more", discovery("1-18", { matchLabels: { "istio.io/rev": "1-20" }, matchExpressions: odd.matchExpressions ?? [] }), "discovery-selectors", ["discovery-selectors unknown istio-system/istio-1-18"]],
  ["a Gateway that admits routes by the label", reader("Gateway", injection), "gateway-routes", ["gateway-routes blocker shop/Gateway/it"]],
  ["no discovery selectors", discovery("default"), "discovery-selectors", []],
  ["discovery by another label", discovery("default", either), "discovery-selectors", []],
  ["discovery of any revision by the old label", discovery("1-18", injection), "discovery-selectors", ["discovery-selectors blocker istio-system/istio-1-18"]],
  ["discovery by the new label", discovery("1-20", revision), "discovery-selectors", ["discovery-selectors blocker istio-system/istio-1-20"]],
  ["discovery by either of two selectors that agree", discovery("1-20", injection, revision), "discovery-selectors", []],
  ["a target that never sees the namespace", discovery("1-20", { matchLabels: { team: "x" } }), "discovery-selectors", ["discovery-selectors blocker istio-system/istio-1-20"]],
  ["another revision that never sees it", discovery("1-18", { matchLabels: { team: "x" } }), "discovery-selectors", []],
  ["discovery that cannot be evaluated", discovery("1-20", odd), "discovery-selectors", ["discovery-selectors unknown istio-system/istio-1-20"]],
]; // biome-ignore format: a table

for (const [what, surroundings, check, findings] of table) {
  test(`${check}: ${what}`, () => {
    const mesh = mission();
    assert.deepEqual(said(planOf(mesh, { surroundings }), check), findings);
    assert.deepEqual(
      said(planOf(mesh, { surroundings, skipCheck: [check] }), check),
      findings.map((text) => text.replace(/ (blocker|unknown) /, " warning ")),
    );
  });
}

test("labels that are not written stay, and what reads them is not changed", () => {
  const mesh = mission({
    namespaces: [{ name: "production", labels: { "istio-injection": "enabled", team: "x", constructor: "y" } }],
  });
  for (const selector of [{ matchLabels: { team: "x" } }, { matchLabels: { constructor: "y" } }]) {
    assert.deepEqual(said(planOf(mesh, { surroundings: discovery("1-20", selector) }), "discovery-selectors"), []);
    assert.deepEqual(said(planOf(mesh, { surroundings: reader("NetworkPolicy", selector) }), "network-policies"), []);
  }
});

test("a label that is not written changes no answer, and nobody who reads it is named", () => {
  const mesh = mission({ namespaces: [{ name: "production", labels: { "istio.io/rev": "1-20" } }] });
  assert.deepEqual(said(planOf(mesh, { surroundings: reader("NetworkPolicy", injection) }), "network-policies"), []);
  assert.deepEqual(said(planOf(mesh, { surroundings: reader("NetworkPolicy", odd) }), "network-policies"), []);
  assert.deepEqual(
    said(planOf(mesh, { surroundings: reader("ValidatingAdmissionPolicy", undefined, "true") }), "admission-readers"),
    [],
  );
});

test("what would change, and the selector to change, are told", () => {
  const [lost, seen] = [injection, revision].map(
    (selector) => planOf(mission(), { surroundings: discovery("1-18", selector) }).findings[0],
  );
  assert.match(
    lost?.message ?? "",
    /^revision 1-18 sees namespace production by the labels that are to be changed: it would lose it$/,
  );
  assert.match(seen?.message ?? "", /it would begin to see it$/);
  const [finding] = planOf(mission(), { surroundings: reader("NetworkPolicy", injection) }).findings;
  assert.match(
    finding?.remedy ?? "",
    /such as kubernetes.io\/metadata.name \(now: \{"matchLabels":\{"istio-injection":"enabled"\}\}\)$/,
  );
});

test("one selector gives one finding, however many namespaces it tells apart", () => {
  const labels = { "istio-injection": "enabled" };
  const mesh = mission({ namespaces: ["a", "b", "c"].map((name) => ({ name, labels })) });
  const plan = planOf(mesh, { namespaces: "all", surroundings: reader("NetworkPolicy", injection) });
  const found = plan.findings.filter(({ check }) => check === "network-policies");
  assert.deepEqual(
    found.map(({ message }) => message),
    ["ingress rule 1 selects namespaces by the labels that are to be changed: it would no longer select a, b and c"],
  );
});
