import assert from "node:assert/strict";
import { test } from "node:test";
import { dump } from "js-yaml";
import type { ClusterErrorReason } from "../../src/cluster/cluster-error.ts";
import { type Scope, snapshot } from "../../src/gather/snapshot.ts";
import type { KubeObject, PodObject, WorkloadObject } from "../../src/mesh/kubernetes.ts";
import { istiodPod } from "../fixtures/api-objects.ts";
import { type FakeCluster, requestText } from "../fixtures/fake-cluster.ts";
import { type Given, listedCluster } from "../fixtures/listed-cluster.ts";
import { live, rendered } from "../mesh/rendered.ts";

const { revisioned, unrevisioned, istiod, unrevisionedIstiod, injectorConfig } = rendered("1.20.0");
const meta = (name: string, namespace: string, labels: Record<string, string> = {}) => ({
  name,
  namespace,
  uid: `uid-${namespace}-${name}`,
  labels,
});
const slice = (service: string, ...ready: boolean[]): KubeObject & { endpoints: object[] } => ({
  metadata: meta(`${service}-x`, "istio-system", { "kubernetes.io/service-name": service }),
  endpoints: ready.map((each) => ({ addresses: ["10.0.0.9"], conditions: { ready: each } })),
});
const policy = (name: string) => ({ metadata: meta(name, "istio-system"), data: { config: dump(injectorConfig) } });
const web: PodObject = {
  metadata: {
    ...meta("web-5d-1", "production", { app: "web", "pod-template-hash": "5d" }),
    annotations: { "sidecar.istio.io/status": '{"revision":"default"}' },
    ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "web-5d", uid: "rs", controller: true }],
  },
  spec: { containers: [{ name: "istio-proxy", image: "istio/proxyv2:1.20.0" }] },
};
const deployment: WorkloadObject = {
  metadata: meta("web", "production"),
  spec: { template: { metadata: { labels: { app: "web" } }, spec: { containers: [] } } },
};
const syncz = JSON.stringify([{ proxy: "web-5d-1.production", cluster_sent: "a", cluster_acked: "a" }]);
const connections = JSON.stringify({
  totalClients: 1,
  clients: [{ connectionId: "web-5d-1.production-1", connectedAt: "2026-11-03T04:00:00Z" }],
});

const given: Given = {
  objects: {
    mutatingwebhookconfigurations: [live(revisioned), live(unrevisioned), { metadata: { name: "vendor", uid: "v" } }],
    validatingwebhookconfigurations: [
      { metadata: { name: "istiod-default-validator", uid: "d", labels: { "istio.io/rev": "default" } } },
    ],
    namespaces: [
      { metadata: { name: "production", uid: "ns", labels: { "istio-injection": "enabled" } } },
      { metadata: { name: "staging", uid: "ns2", labels: { "istio.io/rev": "1-20" } } },
    ],
    endpointslices: [slice("istiod", true, false), slice("istiod-1-20", false)],
    configmaps: [policy("istio-sidecar-injector"), policy("istio-sidecar-injector-1-20")],
    services: [
      { metadata: meta("istiod-revision-tag-x", "istio-system", { "istio.io/tag": "x", "istio.io/rev": "1-20" }) },
    ],
    deployments: [istiod, unrevisionedIstiod, deployment],
    pods: [
      istiodPod("istiod-a", "default"),
      istiodPod("istiod-1-20-b", "1-20"),
      istiodPod("istiod-1-20-c", "1-20", "Pending"),
      web,
    ],
    replicasets: [
      {
        metadata: {
          ...meta("web-5d", "production"),
          uid: "rs",
          ownerReferences: [
            { apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: "uid-production-web", controller: true },
          ],
        },
      },
    ],
    gateways: [
      {
        metadata: meta("edge", "production", { "istio.io/rev": "default" }),
        spec: { gatewayClassName: "istio" },
      } as KubeObject,
    ],
  },
  bodies: {
    "istio-system/istiod-a": { "/debug/syncz": syncz, "/debug/connections": connections },
    "istio-system/istiod-1-20-b": { "/debug/syncz": "<html>", "/debug/connections": connections },
  },
};
const everything: Scope = { istioNamespace: "istio-system", namespaces: "all", workloads: true, askIstiods: true };
const picture = (change: Partial<Given> = {}, scope: Partial<Scope> = {}) =>
  snapshot(listedCluster({ ...given, ...change }), { ...everything, ...scope });

const requestsOf = ({ requests }: FakeCluster): readonly string[] => requests.map(requestText);

test("one picture of all that was listed", async () => {
  const mesh = await picture();
  assert.deepEqual(
    mesh.controlPlanes.map(({ revision, version, istiods }) => [revision, version, istiods.length]),
    [
      ["1-20", "1.20.0", 2],
      ["default", "1.20.0", 1],
    ],
  );
  assert.deepEqual(
    mesh.namespaces.map(({ name, injection }) => [name, injection.kind, "revision" in injection && injection.revision]),
    [
      ["production", "injected", "default"],
      ["staging", "refused", "1-20"],
    ],
  );
  const [workload] = mesh.workloads.filter(({ name }) => name === "web");
  assert.deepEqual([workload?.injection.kind, workload?.pods.map(({ name }) => name)], ["injected", ["web-5d-1"]]);
  assert.deepEqual(mesh.tags, [{ tag: "x", revision: "1-20", injects: false, webhook: undefined }]);
  assert.deepEqual(mesh.defaultValidator, { name: "istiod-default-validator", revision: "default" });
  assert.deepEqual(
    mesh.gateways.map(({ name, pinned, waypoint }) => [name, pinned, waypoint]),
    [["edge", "default", false]],
  );
  assert.equal(mesh.takenAt, "2026-11-03T04:05:06.000Z");
});

test("each running istiod is asked; one that answers something else is unanswered and unknown", async () => {
  const { answers, unknown } = await picture();
  assert.deepEqual(
    answers.map((answer) => [answer.istiod, answer.revision, answer.kind]),
    [
      ["istio-system/istiod-1-20-b", "1-20", "unanswered"],
      ["istio-system/istiod-a", "default", "answered"],
    ],
  );
  assert.deepEqual(unknown, [
    { subject: "istiod istio-system/istiod-1-20-b", reason: 'istiod\'s answer to /debug/syncz is not JSON: "<html>"' },
  ]);
});

test("the connections are asked for before the states, so that no connection looks newer than it is", async () => {
  const cluster = listedCluster(given);
  await snapshot(cluster, everything);
  const asked = requestsOf(cluster).filter((request) => request.includes("istiod-a "));
  assert.deepEqual(asked, [
    "getFromPod pods istio-system istiod-a 15014/debug/connections",
    "getFromPod pods istio-system istiod-a 15014/debug/syncz",
  ]);
});

for (const read of [
  "list endpointslices",
  "get configmaps",
  "list services",
  "get validatingwebhookconfigurations",
  "list gateways",
  "list statefulsets",
  "list daemonsets",
])
  test(`a forbidden '${read}' leaves the rest of the picture and is named`, async () => {
    const mesh = await picture({ failures: { [read]: "forbidden" } });
    assert.equal(mesh.namespaces.length, 2);
    assert.ok(mesh.unknown.some(({ reason }) => reason === `${read.split(" ")[1]}: forbidden`));
  });

for (const read of [
  "list mutatingwebhookconfigurations",
  "list namespaces",
  "list pods app=istiod",
  "list deployments app=istiod",
])
  test(`without '${read}' there is no picture`, async () => {
    await assert.rejects(picture({ failures: { [read]: "forbidden" } }), { reason: "forbidden" });
  });

for (const reason of ["unreachable", "unauthorized", "config"] as const satisfies readonly ClusterErrorReason[])
  test(`a cluster that is ${reason} in an optional read is an error`, async () => {
    await assert.rejects(picture({ failures: { "list gateways": reason } }), { reason });
  });

test("ReplicaSets that may not be read are told by their names", async () => {
  const mesh = await picture({ failures: { "list replicasets": "forbidden" } });
  assert.deepEqual(mesh.workloads.find(({ name }) => name === "web")?.pods.length, 1);
  assert.equal(
    mesh.unknown.some(({ subject }) => subject.includes("replicasets")),
    false,
  );
});

test("an injector ConfigMap that cannot be read leaves injection unknown, one that is not there does not", async () => {
  const injection = async (change: Partial<Given>) => (await picture(change)).namespaces[0]?.injection.kind;
  assert.equal(await injection({ failures: { "get configmaps": "forbidden" } }), "unknown");
  assert.equal(await injection({ objects: { ...given.objects, configmaps: [] } }), "injected");
  const broken = [{ metadata: meta("istio-sidecar-injector", "istio-system"), data: { config: "policy: [" } }];
  assert.equal(await injection({ objects: { ...given.objects, configmaps: broken as KubeObject[] } }), "unknown");
});

test("endpoints that could not be read refuse nobody", async () => {
  const mesh = await picture({ failures: { "list endpointslices": "forbidden" } });
  assert.equal(mesh.namespaces[1]?.injection.kind, "injected");
});

test("a scope of namespaces reads those alone, and names the one it may not read", async () => {
  const cluster = listedCluster({ ...given, failures: { "list pods staging": "forbidden" } });
  const mesh = await snapshot(cluster, { ...everything, namespaces: ["production", "staging", "nowhere"] });
  assert.deepEqual(
    mesh.namespaces.map(({ name }) => name),
    ["production", "staging"],
  );
  assert.deepEqual(
    mesh.pods.map(({ name }) => name),
    ["web-5d-1"],
  );
  assert.deepEqual(
    mesh.unknown.filter(({ namespace }) => namespace),
    [{ subject: "pods in namespace staging", reason: "pods: forbidden", namespace: "staging" }],
  );
  assert.equal(requestsOf(cluster).includes("list pods"), false);
  assert.equal(requestsOf(cluster).includes("list namespaces"), false);
});

test("an overview asks for no workloads, and no istiod when it need not", async () => {
  const cluster = listedCluster(given);
  const mesh = await snapshot(cluster, { ...everything, workloads: false, askIstiods: false });
  assert.deepEqual(
    requestsOf(cluster).filter((request) => /replicasets|statefulsets|getFromPod/.test(request)),
    [],
  );
  assert.deepEqual(mesh.answers, []);
  assert.deepEqual(mesh.pods.find(({ name }) => name === "web-5d-1")?.workload, {
    kind: "Deployment",
    namespace: "production",
    name: "web",
  });
});
