import assert from "node:assert/strict";
import test from "node:test";
import { ClusterError } from "../../../src/cluster/cluster-error.ts";
import { kinds } from "../../../src/cluster/kinds.ts";
import type { Where } from "../../../src/gather/list-kind.ts";
import { readConfig } from "../../../src/gather/preflight/read-config.ts";
import type { ReadFor } from "../../../src/gather/preflight/read-for.ts";
import { evidence } from "../../../src/gather/read-evidence.ts";
import type { KubeObject, PodTemplateSpec } from "../../../src/mesh/kubernetes.ts";
import type { MissingEvidence } from "../../../src/upgrade/evidence/cluster-evidence.ts";
import { requestText } from "../../fixtures/fake-cluster.ts";
import { type Given, listedCluster } from "../../fixtures/listed-cluster.ts";
import { mission } from "../../fixtures/plan.ts";

const at = (name: string, rest: object, namespace?: string, meta: object = {}): KubeObject => ({
  metadata: { name, uid: `uid-of-${name}`, ...(namespace && { namespace }), ...meta },
  ...rest,
});
const router = { filterChain: { filter: { name: "hcm", subFilter: { name: "router" } } } };
const here = { server: "https://kubernetes.default.svc", namespace: "production" };
const resource = (kind: string, name: string, namespace?: string) => ({ kind, name, ...(namespace && { namespace }) });

const objects: Given["objects"] = {
  deployments: [],
  mutatingwebhookconfigurations: [],
  validatingwebhookconfigurations: [],
  clusterroles: [],
  envoyfilters: [
    at("lua", { spec: { workloadSelector: { labels: { app: "web" } }, configPatches: [{ applyTo: "HTTP_FILTER", match: { proxy: { proxyVersion: "^1\\.19" }, listener: router } }, { applyTo: "CLUSTER", match: { proxy: { proxyVersion: "" } } }] } }, "shop", { labels: { "istio.io/rev": "x" } }),
    at("empty", {}, "production"),
    at("targeted", { spec: { targetRefs: [{ kind: "Gateway", name: "way" }] } }, "production"),
  ],
  gateways: [at("g", { spec: { selector: { istio: "edge" }, servers: [{ port: { number: 80 } }, {}] } }, "shop"), at("bare", {}, "shop")],
  services: [
    at("edge", { spec: { selector: { istio: "edge" }, ports: [{ port: 80, targetPort: 8080 }, { port: 443 }, { port: 15021, targetPort: "status" }] } }, "ingress"),
    at("outside", { spec: { ports: [{ port: 80 }] } }, "ingress"),
    at("web", { spec: { selector: { app: "web" }, ports: [] } }, "production"),
  ],
  applications: [
    at("shop", { spec: { destination: here, syncPolicy: { automated: { selfHeal: true }, syncOptions: ["Replace=true"], managedNamespaceMetadata: { labels: { a: "b" } } } }, status: { resources: [resource("Deployment", "web", "production"), resource("Deployment", "x", "shop"), resource("Namespace", "production"), resource("Service", "web", "production"), {}] } }, "argocd"),
    at("off", { spec: { destination: { name: "in-cluster" }, syncPolicy: { automated: { enabled: false, selfHeal: true } } } }, "argocd"),
    at("other", { spec: { destination: { server: "https://other:6443" } } }, "argocd"),
    at("named", { spec: { destination: { name: "other" } } }, "argocd"),
    at("bare", {}, "argocd"),
  ],
  workloadentries: [at("vm", {}, "production", { annotations: { "istio.io/autoRegistrationGroup": "vms" } }), at("ip", {}, "production"), at("far", {}, "shop")],
  workloadgroups: [at("vms", {}, "production")],
}; // biome-ignore format: a table

const injectedGateway = {
  metadata: { annotations: { "inject.istio.io/templates": "gateway" } },
  spec: { containers: [] },
} satisfies PodTemplateSpec;
const mesh = mission({
  workloads: [
    { namespace: "ingress", name: "edge", runs: ["default"], template: injectedGateway },
    { namespace: "production", name: "web", runs: ["default"] },
  ],
});
const bodies = {
  "ingress/edge-0": { "/certs": "{}" },
  "istio-system/istiod-1-20-7f-abc": { "/debug/clusterz": "null" },
  "istio-system/istiod-7f-abc": {
    "/debug/clusterz": JSON.stringify([{ id: "here" }, { id: "east", secretName: "istio-system/east" }]),
  },
};

const read = async (given: Given, where: Where = ["production"]) => {
  const missing: MissingEvidence[] = [];
  const cluster = listedCluster(given);
  const found = await readConfig(cluster, mesh, where, (check, essential) => evidence(missing, check, essential));
  return { found, missing, requests: cluster.requests.map(requestText) };
};

test("everything is read, with few fields, in few requests", async () => {
  const { found, missing, requests } = await read({ objects, bodies });
  assert.deepEqual(missing, []);
  assert.deepEqual(found, {
    envoyFilters: [
      { namespace: "shop", name: "lua", revision: "x", selector: { app: "web" }, targeted: false, patches: [{ applyTo: "HTTP_FILTER", versions: "^1\\.19", filters: ["hcm", "router"] }, { applyTo: "CLUSTER", versions: undefined, filters: [] }] },
      { namespace: "production", name: "empty", revision: undefined, selector: undefined, targeted: false, patches: [] },
      { namespace: "production", name: "targeted", revision: undefined, selector: undefined, targeted: true, patches: [] },
    ],
    servers: [{ namespace: "shop", name: "g", selector: { istio: "edge" }, ports: [80] }, { namespace: "shop", name: "bare", selector: {}, ports: [] }],
    services: [{ namespace: "ingress", name: "edge", selector: { istio: "edge" }, untranslated: false, ports: [{ port: 80, target: 8080 }, { port: 443, target: 443 }, { port: 15021, target: "status" }] }],
    applications: [
      { namespace: "argocd", name: "shop", automated: true, selfHeal: true, replaces: true, managed: { namespace: "production", labels: { a: "b" } }, owns: [{ kind: "Deployment", namespace: "production", name: "web" }, { kind: "Namespace", namespace: "production", name: "production" }] },
      { namespace: "argocd", name: "off", automated: false, selfHeal: false, replaces: false, managed: undefined, owns: [] },
      { namespace: "argocd", name: "bare", automated: false, selfHeal: false, replaces: false, managed: undefined, owns: [] },
    ],
    workloadEntries: [{ namespace: "production", name: "vm", group: "vms" }, { namespace: "production", name: "ip", group: undefined }],
    workloadGroups: [{ namespace: "production", name: "vms" }],
    remoteClusters: [{ revision: "default", clusters: ["east"] }],
    leftovers: [],
    labelled: [],
    certificates: [
      { kind: "answered", gateway: { kind: "Deployment", namespace: "ingress", name: "edge" }, certificates: [] },
    ],
  }); // biome-ignore format: a table
  assert.ok(requests.length < 20, requests.join(", "));
});

test("of all namespaces everything counts", async () => {
  const { found } = await read({ objects, bodies }, "all");
  assert.equal(found.workloadEntries.length, 3);
  assert.equal(found.applications[0]?.owns.length, 3);
});

test("kinds that are not installed are empty, and nothing is missing", async () => {
  const { deployments, mutatingwebhookconfigurations, validatingwebhookconfigurations, clusterroles } = objects as Record<string, readonly KubeObject[]>; // biome-ignore format: one line
  const bare = {
    deployments,
    mutatingwebhookconfigurations,
    validatingwebhookconfigurations,
    clusterroles,
    services: [],
  };
  const { found, missing } = await read({ objects: bare as Given["objects"], bodies });
  assert.deepEqual(missing, []);
  assert.deepEqual(
    [found.envoyFilters, found.servers, found.applications, found.workloadEntries, found.workloadGroups],
    [[], [], [], [], []],
  );
});

test("a read that fails is missed by its check, and the rest is there", async () => {
  const failures = {
    "list envoyfilters": "forbidden",
    "list gateways": "server",
    "list services ingress": "forbidden",
    applications: "forbidden",
    workloadentries: "forbidden",
    workloadgroups: "forbidden",
    clusterroles: "forbidden",
  } as const;
  const { found, missing } = await read({ objects, failures });
  assert.deepEqual(missing.map(({ check, subject, essential }) => [check, subject, essential]).sort(), [
    ["envoy-filters-stop", "envoyfilters", false],
    ["gateway-ports", "gateways", false],
    ["gateway-ports", "services in namespace ingress", false],
    ["gitops-reverts", "applications", false],
    ["leftovers", "objects of removed revisions", false],
    ["remote-clusters", "clusters of istiod istiod-1-20-7f-abc", false],
    ["remote-clusters", "clusters of istiod istiod-7f-abc", false],
    ["virtual-machines", "workloadentries in namespace production", false],
    ["virtual-machines", "workloadgroups in namespace production", false],
  ]);
  assert.deepEqual([found.envoyFilters, found.services, found.applications], [[], [], []]);
});

const webhook = (revision: string) =>
  at(
    `istio-sidecar-injector-${revision}`,
    { webhooks: [{ name: "rev.namespace.sidecar-injector.istio.io", clientConfig: { service: { name: `istiod-${revision}`, namespace: "istio-system", path: "/inject" } } }] },
    undefined,
    { labels: { "istio.io/rev": revision, app: "sidecar-injector" } },
  ); // biome-ignore format: one line

test("revisions without an istiod are leftovers, unless something still runs on them", async () => {
  const kinds = ["pods", "configmaps", "endpointslices", "horizontalpodautoscalers", "poddisruptionbudgets", "networkpolicies", "serviceaccounts", "roles", "rolebindings", "clusterrolebindings", "statefulsets", "daemonsets", "replicationcontrollers", "jobs", "cronjobs", "leases", "customresourcedefinitions", "replicasets", "namespaces"]; // biome-ignore format: a list
  const given = {
    ...Object.fromEntries(kinds.map((kind) => [kind, []])),
    ...objects,
    mutatingwebhookconfigurations: [webhook("1-18"), webhook("default")],
  };
  const { found, missing } = await read({ objects: given, bodies });
  assert.deepEqual(missing, []);
  assert.deepEqual(
    found.leftovers.map(({ revision }) => revision),
    ["1-18"],
  );
});

test("configuration with a revision's label is read of every kind of Istio's groups, by its metadata", async () => {
  const labels = { "istio.io/rev": "1-19" };
  const given: Given["objects"] = {
    ...objects,
    gateways: [at("g", {}, "shop", { labels }), at("h", {}, "shop")],
    envoyfilters: [at("f", {}, "shop", { labels })],
  };
  const cluster = listedCluster({ objects: given, bodies });
  const missing: MissingEvidence[] = [];
  const readFor: ReadFor = (check, essential) => evidence(missing, check, essential);
  const served = async () => [kinds.istioGateways, kinds.envoyFilters, kinds.workloadGroups];
  const found = await readConfig({ ...cluster, served }, mesh, ["production"], readFor);
  assert.deepEqual(found.labelled, [{ kind: "Gateway", namespace: "shop", name: "g", revision: "1-19" }]);
  assert.deepEqual(
    cluster.requests.map(requestText).filter((text) => text.includes("istio.io/rev") && !/istiod|=/.test(text)),
    ["list envoyfilters istio.io/rev", "list gateways istio.io/rev", "list workloadgroups istio.io/rev"],
  );
  const failing = async () => {
    throw new ClusterError("no", { reason: "forbidden" });
  };
  const without = await readConfig({ ...cluster, served: failing }, mesh, ["production"], readFor);
  assert.deepEqual(without.labelled, []);
  assert.deepEqual(
    missing.map(({ check, subject, essential }) => [check, subject, essential]),
    [["config-labelled", "kinds of Istio", false]],
  );
});
