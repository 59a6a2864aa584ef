import assert from "node:assert/strict";
import test from "node:test";
import {
  networkPolicyReaders,
  policyReaders,
  routeReaders,
  webhookReaders,
} from "../../../src/upgrade/evidence/namespace-readers.ts";

const metadata = { name: "it", namespace: "shop", uid: "u" };
const cluster = { name: "it", uid: "u" };
const selector = { matchLabels: { "istio-injection": "enabled" } };

test("a NetworkPolicy selects namespaces in each peer of each rule", () => {
  const spec = {
    ingress: [
      { from: [{ podSelector: {} }] },
      { from: [{ namespaceSelector: selector }, { namespaceSelector: {} }] },
      {},
    ],
    egress: [{ to: [{ namespaceSelector: selector }] }],
  };
  const place = { kind: "NetworkPolicy", namespace: "shop", name: "it" };
  assert.deepEqual(networkPolicyReaders({ metadata, spec }), [
    { ...place, where: "ingress rule 2", selector },
    { ...place, where: "ingress rule 2", selector: {} },
    { ...place, where: "egress rule 1", selector },
  ]);
  assert.deepEqual(networkPolicyReaders({ metadata }), []);
});

test("a webhook selects by the namespace of an object, and by the object where that is a namespace", () => {
  const entry = { name: "check.example.com", clientConfig: {}, objectSelector: selector };
  const rule = (apiGroups: readonly string[], resources: readonly string[]) => [
    { apiGroups, apiVersions: ["v1"], operations: ["CREATE"], resources },
  ];
  const read = (more: object) =>
    webhookReaders("ValidatingWebhookConfiguration", { metadata: cluster, webhooks: [{ ...entry, ...more }] });
  const reader = {
    kind: "ValidatingWebhookConfiguration",
    namespace: undefined,
    name: "it",
    where: "webhook check.example.com",
    selector,
  };
  assert.deepEqual(read({ rules: rule([""], ["pods"]) }), []);
  assert.deepEqual(read({ rules: rule([""], ["pods"]), namespaceSelector: selector }), [reader]);
  for (const rules of [rule([""], ["namespaces"]), rule(["*"], ["*"]), rule([""], ["*/*"])])
    assert.deepEqual(read({ rules }), [reader]);
  assert.deepEqual(read({ rules: rule(["apps"], ["*"]) }), []);
  assert.deepEqual(read({ rules: [...rule(["apps"], ["*"]), ...rule([""], ["pods", "namespaces"])] }), [reader]);
  for (const more of [{}, { rules: [] }, { rules: [{}] }]) assert.deepEqual(read(more), [], JSON.stringify(more));
  assert.deepEqual(webhookReaders("ValidatingWebhookConfiguration", { metadata: cluster }), []);
});

test("expressions that contain an injection label are listed unchanged", () => {
  const naming = "!('istio.io/rev' in namespaceObject.metadata.labels)";
  const spec = {
    matchConstraints: { namespaceSelector: {} },
    validations: [{ expression: naming, message: "no" }, { expression: "true" }],
    matchConditions: [{ name: "x", expression: "object.kind == 'Pod'" }],
  };
  const readers = policyReaders("ValidatingAdmissionPolicy", { metadata: cluster, spec });
  assert.deepEqual(
    readers.map(({ where, expression }) => [where, expression]),
    [
      ["matchConstraints", undefined],
      ["the policy", naming],
    ],
  );
  const [webhook] = webhookReaders("MutatingWebhookConfiguration", {
    metadata: cluster,
    webhooks: [{ name: "w", clientConfig: {}, matchConditions: [{ name: "x", expression: naming }] }],
  });
  assert.equal(webhook?.expression, naming);
});

test("absent and null fields of a policy select nothing", () => {
  assert.deepEqual(policyReaders("ValidatingAdmissionPolicy", { metadata: cluster }), []);
  const spec = JSON.parse('{"validations":null,"failurePolicy":null,"variables":[]}');
  assert.deepEqual(policyReaders("ValidatingAdmissionPolicy", { metadata: cluster, spec }), []);
});

test("a binding selects namespaces by its matchResources", () => {
  const readers = policyReaders("ValidatingAdmissionPolicyBinding", {
    metadata: cluster,
    spec: { matchResources: { namespaceSelector: selector } },
  });
  assert.deepEqual(
    readers.map(({ where, selector }) => [where, selector]),
    [["matchResources", selector]],
  );
});

test("a Gateway without listeners selects none", () => {
  assert.deepEqual([routeReaders({ metadata }), routeReaders({ metadata, spec: {} })], [[], []]);
});

test("a Gateway selects namespaces where a listener allows routes by selector", () => {
  const listeners = [
    { name: "a", allowedRoutes: { namespaces: { from: "Selector", selector } } },
    { name: "b", allowedRoutes: { namespaces: { from: "All", selector } } },
    { name: "c" },
    { name: "d", allowedRoutes: {} },
  ];
  assert.deepEqual(routeReaders({ metadata, spec: { listeners } }), [
    { kind: "Gateway", namespace: "shop", name: "it", where: "listener a", selector },
  ]);
});
