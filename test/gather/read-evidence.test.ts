import assert from "node:assert/strict";
import test from "node:test";
import { ClusterError } from "../../src/cluster/cluster-error.ts";
import { discoverySelectors } from "../../src/gather/config/discovery-selectors.ts";
import { meshConfigOf } from "../../src/gather/config/mesh-config.ts";
import { readClusterEvidence } from "../../src/gather/read-evidence.ts";
import type { KubeObject } from "../../src/mesh/kubernetes.ts";
import { type FakeCluster, requestText } from "../fixtures/fake-cluster.ts";
import { type Given, listedCluster } from "../fixtures/listed-cluster.ts";
import { mission } from "../fixtures/plan.ts";

const at = (name: string, rest: object, namespace?: string): KubeObject => ({
  metadata: { name, uid: `uid-of-${name}`, ...(namespace && { namespace }) },
  ...rest,
});
const selector = { matchLabels: { "istio-injection": "enabled" } };
const webhook = (name: string) =>
  at(name, { webhooks: [{ name: "w", clientConfig: {}, namespaceSelector: selector }] });
const blind = (name: string, reason: string) =>
  at(name, { spec: { scaleTargetRef: { kind: "Deployment", name }, maxReplicas: 3 }, status: { conditions: [{ type: "AbleToScale", status: "True" }, { type: "ScalingActive", status: "False", reason }] } }, "production"); // biome-ignore format: one line of fields

const objects: Given["objects"] = {
  configmaps: [at("istio", { data: { mesh: "accessLogFile: /dev/stdout\ndiscoverySelectors:\n- matchLabels:\n    istio-injection: enabled\n" } }, "istio-system")],
  networkpolicies: [at("np", { spec: { egress: [{ to: [{ namespaceSelector: selector }] }] } }, "shop")],
  mutatingwebhookconfigurations: [webhook("istio-sidecar-injector-1-20"), webhook("kyverno")],
  validatingwebhookconfigurations: [webhook("gatekeeper")],
  validatingadmissionpolicybindings: [at("binding", { spec: { matchResources: { namespaceSelector: selector } } })],
  gatewayclasses: [at("istio", { spec: { controllerName: "istio.io/gateway-controller" } }), at("nginx", { spec: { controllerName: "k8s.nginx.org/gateway" } })],
  resourcequotas: [
    at("team", { spec: { hard: { pods: "9" } }, status: { hard: { pods: "10" }, used: { pods: "3" } } }, "production"),
    at("batch", { spec: { hard: { pods: "1" }, scopes: ["Terminating"] } }, "production"),
    at("best", { spec: { hard: { pods: "1" }, scopes: ["BestEffort"] } }, "production"),
    at("other", { spec: { hard: { pods: "1" } } }, "shop"),
  ],
  horizontalpodautoscalers: [at("web", { spec: { scaleTargetRef: { kind: "Deployment", name: "web" }, maxReplicas: 3 }, status: { currentReplicas: 3 } }, "production"), blind("api", "FailedGetScale"), blind("idle", "ScalingDisabled")],
  poddisruptionbudgets: [at("web", { spec: { selector }, status: { disruptionsAllowed: 0 } }, "production")],
  persistentvolumeclaims: [at("data", { spec: { accessModes: ["ReadWriteOnce"] } }, "production")],
  services: [at("web", { spec: { selector: { app: "web" } } }, "production"), at("outside", { spec: { type: "ExternalName" } }, "production"), at("web", { spec: { selector: { app: "web" } } }, "shop")],
  cronjobs: [at("nightly", {}, "production")],
  pods: [at("web-0", { spec: { containers: [{ name: "app", resources: { requests: { cpu: "100m" } } }] } }, "production")],
}; // biome-ignore format: a table

const requestsOf = ({ requests }: FakeCluster): readonly string[] => requests.map(requestText);

test("everything that the checks look at is read, narrow, of the namespaces that move", async () => {
  const cluster = listedCluster({ objects });
  const found = await readClusterEvidence(cluster, mission(), ["production", "nowhere"]);
  assert.deepEqual(found.unknown, []);
  assert.deepEqual(
    found.discovery.map(({ revision, configMap, selectors }) => [revision, configMap, selectors]),
    [
      ["1-20", "istio-system/istio-1-20", []],
      ["default", "istio-system/istio", [selector]],
    ],
  );
  assert.deepEqual(
    found.readers.map(({ kind, namespace, name }) => [kind, namespace, name].filter(Boolean).join("/")),
    [
      "NetworkPolicy/shop/np",
      "MutatingWebhookConfiguration/kyverno",
      "ValidatingWebhookConfiguration/gatekeeper",
      "ValidatingAdmissionPolicyBinding/binding",
    ],
  );
  assert.deepEqual(found.gatewayClasses, ["istio"]);
  assert.deepEqual(
    found.quotas.map(({ name, hard, used, scoped }) => [name, hard, used, scoped]),
    [
      ["team", { pods: "10" }, { pods: "3" }, false],
      ["best", { pods: "1" }, {}, true],
    ],
  );
  assert.deepEqual(found.autoscalers, [
    { namespace: "production", name: "web", target: { kind: "Deployment", name: "web" }, max: 3, current: 3 },
    { namespace: "production", name: "api", target: { kind: "Deployment", name: "api" }, max: 3, current: 0, blind: "FailedGetScale" },
    { namespace: "production", name: "idle", target: { kind: "Deployment", name: "idle" }, max: 3, current: 0 },
  ]); // biome-ignore format: one line of fields
  assert.deepEqual(found.disruptionBudgets, [{ namespace: "production", name: "web", selector, allowed: 0 }]);
  assert.deepEqual(found.claims, [{ namespace: "production", name: "data", accessModes: ["ReadWriteOnce"] }]);
  assert.deepEqual(found.services, [{ namespace: "production", name: "web", selector: { app: "web" } }]);
  assert.deepEqual(found.cronJobs, [{ namespace: "production", name: "nightly" }]);
  assert.deepEqual([...found.podUsage], [["uid-of-web-0", { "requests.cpu": "100m" }]]);
  assert.ok(
    !requestsOf(cluster).some((request) => request.endsWith("nowhere")),
    "a namespace that does not exist is not asked for",
  );
});

test("all names are read where one is not there, to suggest another, and not being allowed to is no trouble", async () => {
  const namespaces = [at("production", {}), at("shop", {})];
  const asked = async (names: readonly string[], given: Given) =>
    (await readClusterEvidence(listedCluster(given), mission(), names)).namespaces;
  assert.deepEqual(await asked(["production", "productoin"], { objects: { ...objects, namespaces } }), [
    "production",
    "shop",
  ]);
  assert.deepEqual(await asked(["production"], { objects: { ...objects, namespaces } }), []);
  assert.deepEqual(await asked(["productoin"], { objects, failures: { namespaces: "forbidden" } }), []);
});

test("pods are read only where a quota counts them, and everything at once where all namespaces move", async () => {
  const { resourcequotas: _, ...rest } = objects;
  const cluster = listedCluster({ objects: rest });
  const found = await readClusterEvidence(cluster, mission(), "all");
  assert.equal(found.podUsage.size, 0);
  assert.deepEqual(
    requestsOf(cluster).filter((request) => /list (pods|cronjobs|resourcequotas)/.test(request)),
    ["list resourcequotas", "list cronjobs"],
  );
});

test("a read that fails is evidence that its check lacks, with the rest there", async () => {
  const cluster = listedCluster({
    objects,
    failures: {
      networkpolicies: "forbidden",
      "resourcequotas/production": "forbidden",
      horizontalpodautoscalers: "server",
      configmaps: "forbidden",
    },
  });
  const found = await readClusterEvidence(cluster, mission(), ["production"]);
  assert.deepEqual(found.unknown.map(({ check, subject, essential }) => [check, subject, essential]).sort(), [
    ["autoscalers", "horizontalpodautoscalers in namespace production", false],
    ["discovery-selectors", "ConfigMap istio-system/istio", true],
    ["discovery-selectors", "ConfigMap istio-system/istio-1-20", true],
    ["network-policies", "networkpolicies", true],
    ["quota", "resourcequotas in namespace production", true],
  ]);
  assert.deepEqual(found.claims.length, 1);
});

test("being unreachable is no missing evidence but the end", async () => {
  const cluster = listedCluster({ objects, failures: { networkpolicies: "unreachable" } });
  await assert.rejects(readClusterEvidence(cluster, mission(), ["production"]), ClusterError);
});

const meshConfig = (mesh: string) => ({
  metadata: { name: "istio", namespace: "istio-system", uid: "u" },
  data: { mesh },
});
const configs: readonly (readonly [what: string, mesh: string, selectors: number | undefined])[] = [
  ["an empty mesh config", "", 0],
  ["one of comments", "# nothing\n", 0],
  ["one without selectors", "defaultConfig: {}", 0],
  ["empty selectors", "discoverySelectors: []", 0],
  ["two selectors", "discoverySelectors:\n- matchLabels: {a: b}\n- matchExpressions:\n  - {key: a, operator: In, values: [b]}\n", 2],
  ["no YAML", "discoverySelectors: [", undefined],
  ["a list", "- a", undefined],
  ["selectors that are none", "discoverySelectors: yes", undefined],
  ["a requirement without an operator", "discoverySelectors:\n- matchExpressions:\n  - {key: a}\n", undefined],
]; // biome-ignore format: a table

/** ConfigMaps of a revision's own, and of the one that `SHARED_MESH_CONFIG` names (azure-aks-docs istio-meshconfig.md). */
const own = "discoverySelectors: [{matchLabels: {own: own}}]";
const common = "discoverySelectors: [{matchLabels: {istio.io/rev: asm-1-28}}]";
const sharings: readonly (readonly [what: string, own: string, shared: string | undefined, selects: object | undefined])[] = [
  ["the shared one alone has selectors", "", common, { "istio.io/rev": "asm-1-28" }],
  ["its own ones win", own, common, { own: "own" }],
  ["the shared one is not there", own, undefined, { own: "own" }],
  ["neither has any", "", "", undefined],
]; // biome-ignore format: a table

for (const [what, mesh, shared, selects] of sharings) {
  test(`discoverySelectors of an istiod with a second mesh config: ${what}`, async () => {
    const config = (name: string, data: string) => at(name, { data: { mesh: data } }, "istio-system");
    const configmaps = [config("istio", mesh), ...(shared === undefined ? [] : [config("common", shared)])];
    const found = mission();
    const controlPlanes = found.controlPlanes.map((plane) => ({ ...plane, sharedMeshConfig: "common" }));
    const cluster = listedCluster({ objects: { ...objects, configmaps } });
    const { discovery } = await readClusterEvidence(cluster, { ...found, controlPlanes }, ["production"]);
    assert.deepEqual(
      discovery.find(({ revision }) => revision === "default")?.selectors.map(({ matchLabels }) => matchLabels),
      selects === undefined ? [] : [selects],
    );
  });
}

test("selectors are unknown where the second mesh config cannot be read", async () => {
  const found = mission();
  const controlPlanes = found.controlPlanes.map((plane) => ({ ...plane, sharedMeshConfig: "common" }));
  const cluster = listedCluster({ objects });
  cluster.fail({ kind: "configmaps", name: "common" }, new ClusterError("no", { reason: "forbidden" }));
  const { discovery, unknown } = await readClusterEvidence(cluster, { ...found, controlPlanes }, ["production"]);
  assert.deepEqual(discovery, []);
  assert.deepEqual(
    [...new Set(unknown.map(({ check, subject, essential }) => `${check} ${subject} ${essential}`))],
    ["discovery-selectors ConfigMap istio-system/common true"],
  );
});

const selectorsOf = (mesh: string) => discoverySelectors(meshConfigOf(meshConfig(mesh)), "istio-system/istio");

for (const [what, mesh, selectors] of configs) {
  test(`discoverySelectors: ${what}`, () => {
    if (selectors === undefined)
      assert.throws(() => selectorsOf(mesh), /ConfigMap istio-system\/istio: its mesh config cannot be read/);
    else assert.equal(selectorsOf(mesh).length, selectors);
  });
}

test("an istiod without a ConfigMap sees everything", () => {
  assert.deepEqual(discoverySelectors(meshConfigOf(undefined), "istio-system/istio"), []);
});
