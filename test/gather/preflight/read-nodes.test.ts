import assert from "node:assert/strict";
import test from "node:test";
import { readNodes } from "../../../src/gather/preflight/read-nodes.ts";
import { evidence } from "../../../src/gather/read-evidence.ts";
import type { KubeObject } from "../../../src/mesh/kubernetes.ts";
import { nodeAgentChecks } from "../../../src/upgrade/checks/preflight/node-agents.ts";
import { preflightInjectionChecks } from "../../../src/upgrade/checks/preflight/preflight-injection.ts";
import { restartChecks } from "../../../src/upgrade/checks/preflight/restarts.ts";
import type { MissingEvidence } from "../../../src/upgrade/evidence/cluster-evidence.ts";
import { type FakeCluster, requestText } from "../../fixtures/fake-cluster.ts";
import { type Given, listedCluster } from "../../fixtures/listed-cluster.ts";
import { mission } from "../../fixtures/plan.ts";

const at = (name: string, rest: object, namespace?: string): KubeObject => ({
  metadata: { name, uid: `uid-of-${name}`, ...(namespace && { namespace }) },
  ...rest,
});

const daemons = (name: string, namespace: string, labels: object, containers: readonly object[]): KubeObject =>
  at(
    name,
    {
      spec: { template: { metadata: { labels }, spec: { containers } } },
      status: { desiredNumberScheduled: 3, numberReady: 2 },
    },
    namespace,
  );
const istiod = (revision: string, env: readonly object[]): KubeObject => ({
  metadata: { name: `istiod-${revision}`, uid: revision, namespace: "istio-system", labels: { app: "istiod", "istio.io/rev": revision } },
  ...{ spec: { template: { spec: { containers: [{ name: "discovery", env }] } } } },
}); // biome-ignore format: one line of fields
const values = (name: string, data: object): KubeObject => at(name, { data }, "istio-system");
const key = (name: string, configMapKeyRef: object) => ({ name, valueFrom: { configMapKeyRef } });
const env = [
  { name: "PLAIN", value: "1" },
  key("CNI_NETWORK_CONFIG", { name: "istio-cni-config", key: "cni_network_config" }),
  key("LOG_LEVEL", { name: "istio-cni-config", key: "log_level" }),
  key("OPTIONAL", { name: "istio-cni-config", key: "gone", optional: true }),
  key("LEFT", { name: "left", key: "over" }),
];
const resources = { requests: { cpu: "100m", memory: null }, limits: { cpu: 2 } };

const objects: Given["objects"] = {
  nodes: [
    at("a", { status: { conditions: [{ type: "Ready", status: "True" }], nodeInfo: { kubeletVersion: "v1.30.2", osImage: "Debian", kernelVersion: "6.1", architecture: "amd64" } } }),
    at("b", { spec: { unschedulable: true }, status: { conditions: [{ type: "Ready", status: "Unknown" }] } }),
    at("c", {}),
  ],
  daemonsets: [
    daemons("istio-cni-node", "kube-system", { "k8s-app": "istio-cni-node" }, [{ name: "install-cni", image: "docker.io/istio/install-cni:1.20.0-distroless", env, envFrom: [{ configMapRef: { name: "istio-cni-config" } }, { configMapRef: { name: "perhaps", optional: true } }] }]),
    daemons("addon-cni", "aks-istio-system", {}, [{ name: "install-cni", image: "mcr.io/oss/istio/install-cni:1.20.3" }]),
    daemons("ztunnel", "istio-system", { app: "ztunnel" }, [{ name: "istio-proxy", image: "istio/ztunnel@sha256:00" }]),
    daemons("calico-node", "kube-system", { "k8s-app": "calico-node" }, [{ name: "calico-node", image: "calico/node:v3" }]),
  ],
  deployments: [istiod("1-20", [{ name: "ENABLE_NATIVE_SIDECARS", value: "true" }]), istiod("default", [])],
  configmaps: [
    values("istio-sidecar-injector", { values: JSON.stringify({ istio_cni: { enabled: true }, global: { proxy: { resources } } }) }),
    at("istio-cni-config", { data: { log_level: "info" } }, "kube-system"),
    values("istio-sidecar-injector-1-20", { values: JSON.stringify({ pilot: { cni: { enabled: false } }, sidecarInjectorWebhook: { templates: { own: "…" } } }) }),
  ],
  limitranges: [at("bounds", { spec: { limits: [{ type: "Pod", max: { cpu: "4" } }] } }, "production"), at("bounds", {}, "shop")],
}; // biome-ignore format: a table

const read = async (cluster: FakeCluster) => {
  const missing: MissingEvidence[] = [];
  const found = await readNodes(cluster, mission(), ["production"], (check, essential) =>
    evidence(missing, check, essential),
  );
  return { found, missing };
};

test("nodes, their agents, the injectors' values and what new pods meet are read, few fields of each", async () => {
  const cluster = listedCluster({ objects });
  const { found, missing } = await read(cluster);
  assert.deepEqual(missing, []);
  const nothing = { kubelet: "", osImage: "", kernel: "", architecture: "", ready: false, unschedulable: false };
  assert.deepEqual(found.nodes, [
    { name: "a", kubelet: "v1.30.2", osImage: "Debian", kernel: "6.1", architecture: "amd64", ready: true, unschedulable: false },
    { ...nothing, name: "b", unschedulable: true },
    { ...nothing, name: "c" },
  ]); // biome-ignore format: one line of fields
  assert.deepEqual(
    found.nodeAgents.map(({ kind, namespace, name, version, desired, ready }) => [kind, namespace, name, version, desired, ready]),
    [
      ["istio-cni", "kube-system", "istio-cni-node", "1.20.0", 3, 2],
      ["istio-cni", "aks-istio-system", "addon-cni", "1.20.3", 3, 2],
      ["ztunnel", "istio-system", "ztunnel", undefined, 3, 2],
    ],
  ); // biome-ignore format: a table
  assert.deepEqual(
    found.injectors,
    new Map([
      ["1-20", { cni: false, resources: { requests: {}, limits: {} }, ownTemplates: true }],
      ["default", { cni: true, resources: { requests: { cpu: "100m" }, limits: { cpu: "2" } }, ownTemplates: false }],
    ]),
  );
  assert.deepEqual(found.limitRanges, [
    { namespace: "production", name: "bounds", limits: [{ type: "Pod", max: { cpu: "4" } }] },
  ]);
  assert.deepEqual(
    found.nodeAgents.map(({ missing: not }) => not),
    [["key cni_network_config of ConfigMap istio-cni-config", "ConfigMap left"], [], []],
  );
  assert.ok(cluster.requests.length <= 9, cluster.requests.map(requestText).join(", "));
});

test("a cluster in which there is nothing gives nothing, and misses nothing", async () => {
  const { found, missing } = await read(listedCluster({ objects: {} }));
  assert.deepEqual(missing, []);
  assert.deepEqual([found.nodes, found.nodeAgents, found.limitRanges], [[], [], []]);
  assert.deepEqual(found.injectors, new Map());
});

test("what may not be read is missed by a check that knows how grave that is, and nothing else is lost", async () => {
  const failed = async (what: string, given: Given["objects"] = objects) => {
    const { found, missing } = await read(listedCluster({ objects: given, failures: { [what]: "forbidden" } }));
    return { found, said: missing.map(({ check, essential }) => `${check}${essential ? " (essential)" : ""}`) };
  };
  const table: readonly (readonly [string, readonly string[]])[] = [
    ["nodes", ["node-groups"]],
    ["daemonsets", ["cni-present (essential)"]],
    ["limitranges", ["limit-ranges (essential)"]],
    ["configmaps", ["cni-present (essential)", "cni-present (essential)", "agent-references", "agent-references"]],
    ["configmaps/kube-system", ["agent-references", "agent-references"]],
  ]; // biome-ignore format: a table
  const records = [...preflightInjectionChecks, ...restartChecks, ...nodeAgentChecks];
  for (const [what, said] of table) {
    const result = await failed(what);
    // Without the injectors' values it is not known that the mesh needs a CNI plugin.
    assert.deepEqual(result.said, said, what);
    for (const line of said) {
      const record = records.find(({ id }) => line.startsWith(id));
      assert.ok(record, line);
      if (line.endsWith("(essential)")) assert.ok(record.accepts?.includes("--skip"), line);
    }
    assert.equal(result.found.nodes.length, what === "nodes" ? 0 : 3);
  }
  const without = { ...objects, configmaps: [] };
  assert.deepEqual((await failed("daemonsets", without)).said, ["cni-present"], "a mesh without a CNI plugin");
});

test("values that are no mapping are unknown, never a default", async () => {
  for (const text of ["[]", "{", "7"]) {
    const configmaps = [values("istio-sidecar-injector-1-20", { values: text })];
    const { found, missing } = await read(listedCluster({ objects: { ...objects, configmaps } }));
    assert.deepEqual(found.injectors, new Map());
    assert.deepEqual(missing.map(({ check, essential, reason }) => [check, essential, reason.slice(0, 69)]), [
      ["cni-present", true, "ConfigMap istio-system/istio-sidecar-injector-1-20: its values cannot"],
    ]); // biome-ignore format: a table
  }
});
