import assert from "node:assert/strict";
import test from "node:test";
import { ClusterError } from "../../../src/cluster/cluster-error.ts";
import type { Where } from "../../../src/gather/list-kind.ts";
import { readControlPlanes } from "../../../src/gather/preflight/read-control-planes.ts";
import { evidence } from "../../../src/gather/read-evidence.ts";
import type { KubeObject } from "../../../src/mesh/kubernetes.ts";
import type { Mesh } from "../../../src/mesh/model.ts";
import type { MissingEvidence } from "../../../src/upgrade/evidence/cluster-evidence.ts";
import { controlPlaneChecks } from "../../fixtures/control-plane-facts.ts";
import { type FakeCluster, requestText } from "../../fixtures/fake-cluster.ts";
import { type Given, listedCluster } from "../../fixtures/listed-cluster.ts";
import { mission } from "../../fixtures/plan.ts";

const at = (name: string, rest: object, namespace = "istio-system", labels = {}): KubeObject => ({
  metadata: { name, namespace, uid: `uid-of-${name}`, labels, creationTimestamp: "2026-11-03T04:05:06Z" },
  ...rest,
});
const template = (env: readonly object[], labels = {}) => ({
  metadata: { labels },
  spec: {
    containers: [
      { name: "discovery", env },
      { name: "other", env: [{ name: "X", value: "y" }] },
    ],
  },
});
const istiod = (revision: string) => ({ app: "istiod", "istio.io/rev": revision });
const started = (startedAt?: string) => ({
  spec: { containers: [] },
  status: { containerStatuses: [{ name: "discovery", state: { running: { startedAt } } }] },
});
const telemetry = (providers: readonly string[]) => ({
  spec: {
    tracing: [{ providers: providers.map((name) => ({ name })) }, {}],
    metrics: null,
    accessLogging: [{ providers: [{ name: "otel" }] }],
  },
});
const custom = (provider?: object) => ({ spec: { action: "CUSTOM", provider } });

const objects: Given["objects"] = {
  deployments: [
    at("istiod", { spec: { template: template([{ name: "SHARED_MESH_CONFIG", value: "shared" }, { name: "POD_NAME", valueFrom: {} }], { app: "istiod" }) } }, "istio-system", istiod("default")),
    at("istiod-1-20", { spec: { template: template([]) } }, "istio-system", istiod("1-20")),
    at("web", { spec: { template: template([]) } }, "production"),
  ],
  pods: [
    at("istiod-a", started("2026-11-04T00:00:00Z"), "istio-system", istiod("default")),
    at("istiod-b", started(), "istio-system", istiod("1-20")),
  ],
  configmaps: [
    at("istio", { data: { mesh: "accessLogFile: own\nrootNamespace: config-root\n" } }),
    at("shared", { data: { mesh: "accessLogFile: common\ningressClass: common\n" } }),
    at("istio-1-20", { data: { mesh: "trustDomain: td\n" } }),
    at("istio-ca-root-cert", { data: { "root-cert.pem": "PEM" } }),
  ],
  horizontalpodautoscalers: [
    at("istiod", { spec: { scaleTargetRef: { kind: "Deployment", name: "istiod" }, maxReplicas: 5 }, status: { currentReplicas: 1, conditions: [{ type: "ScalingActive", status: "False", reason: "FailedGetResourceMetric" }, { type: "AbleToScale", status: "True" }] } }),
    at("web", { spec: { scaleTargetRef: { kind: "Deployment", name: "web" }, maxReplicas: 5 } }, "production"),
  ],
  poddisruptionbudgets: [at("istiod", { spec: { selector: { matchLabels: { app: "istiod" } } }, status: { disruptionsAllowed: 1 } })],
  authorizationpolicies: [
    at("custom", custom({ name: "authz" }), "production", { "istio.io/rev": "default" }),
    at("deny", { spec: { action: "DENY" } }, "production"),
    at("nobody", custom(), "production"),
    at("all", custom({ name: "all" }), "config-root"),
    at("other", custom({ name: "other" }), "shop"),
  ],
  telemetries: [at("t", telemetry(["otel", "zipkin"]), "production"), at("empty", {}, "production")],
}; // biome-ignore format: a table

const bodies = { "istio-system/istiod-1-20-7f-abc": { "/version": "1.20.8-abc-Clean\n" }, "istio-system/istiod-7f-abc": { "/version": "1.19.0-abc-Clean" } }; // biome-ignore format: a line

/** The un-revisioned istiod reads a second mesh config. */
const sharing = (): Mesh => {
  const found = mission();
  const controlPlanes = found.controlPlanes.map((plane) =>
    plane.revision === "default" ? { ...plane, sharedMeshConfig: "shared" } : plane,
  );
  return { ...found, controlPlanes };
};

const read = async (cluster: FakeCluster, where: Where = ["production", "nowhere"]) => {
  const unknown: MissingEvidence[] = [];
  const found = await readControlPlanes(cluster, sharing(), where, (check, essential) =>
    evidence(unknown, check, essential),
  );
  return { ...found, unknown };
};

test("everything that the checks look at is read, in few requests", async () => {
  const cluster = listedCluster({ objects, bodies });
  const found = await read(cluster);
  assert.deepEqual(found.unknown, []);
  assert.equal(found.kubernetes, "v1.36.3");
  assert.deepEqual(
    found.deployments.map(({ name, revision, createdAt, podLabels, env }) => [
      name,
      revision,
      createdAt,
      podLabels,
      env,
    ]),
    [
      ["istiod", "default", "2026-11-03T04:05:06Z", { app: "istiod" }, { SHARED_MESH_CONFIG: "shared" }],
      ["istiod-1-20", "1-20", "2026-11-03T04:05:06Z", {}, {}],
    ],
  );
  assert.deepEqual(
    found.pods.map(({ name, revision, startedAt }) => [name, revision, startedAt]),
    [
      ["istiod-a", "default", "2026-11-04T00:00:00Z"],
      ["istiod-b", "1-20", "2026-11-03T04:05:06Z"],
    ],
  );
  assert.deepEqual(found.meshConfigs, [
    { revision: "1-20", configMap: "istio-system/istio-1-20", settings: { trustDomain: "td" }, shared: undefined },
    {
      revision: "default",
      configMap: "istio-system/istio",
      settings: { accessLogFile: "own", ingressClass: "common", rootNamespace: "config-root" },
      shared: { configMap: "istio-system/shared", exists: true },
    },
  ]);
  assert.equal(found.rootCertificates, "PEM");
  assert.deepEqual(found.autoscalers, [
    {
      ...{ namespace: "istio-system", name: "istiod", target: { kind: "Deployment", name: "istiod" } },
      ...{ min: 1, max: 5, current: 1 },
      blind: "FailedGetResourceMetric",
      failing: [{ type: "ScalingActive", reason: "FailedGetResourceMetric" }],
    },
  ]);
  assert.deepEqual(found.disruptionBudgets, [
    { namespace: "istio-system", name: "istiod", selector: { matchLabels: { app: "istiod" } }, allowed: 1 },
  ]);
  assert.deepEqual(
    found.providers.map(({ kind, namespace, name, provider, revision }) => [kind, namespace, name, provider, revision]),
    [
      ["AuthorizationPolicy", "production", "custom", "authz", "default"],
      ["AuthorizationPolicy", "config-root", "all", "all", undefined],
      ["Telemetry", "production", "t", "otel", undefined],
      ["Telemetry", "production", "t", "zipkin", undefined],
    ],
  );
  assert.deepEqual(
    found.versions.map(({ text }) => text),
    ["1.20.8-abc-Clean", "1.19.0-abc-Clean"],
  );
  const requests = cluster.requests.map(requestText);
  assert.ok(requests.length <= 20, requests.join("\n"));
  assert.ok(!requests.some((request) => / nowhere/.test(request) || /secret/.test(request)), requests.join("\n"));
});

test("one list of a kind where all namespaces move", async () => {
  const cluster = listedCluster({ objects, bodies });
  const { providers } = await read(cluster, "all");
  assert.ok(providers.some(({ namespace }) => namespace === "shop"));
  const requests = cluster.requests.map(requestText).filter((request) => /policies|telemetries/.test(request));
  assert.deepEqual(requests, ["list authorizationpolicies", "list telemetries"]);
});

test("every read that fails is missed by a check, with the rest there; what is essential can be skipped", async () => {
  const cluster = listedCluster({ objects, bodies });
  await read(cluster);
  const requests = [...new Set(cluster.requests.map(requestText))];
  for (const request of requests) {
    const [verb, kind = "", scope, name] = request.split(" ");
    const failing = listedCluster({ objects, bodies });
    const match =
      verb === "list" && scope?.includes("=")
        ? { kind, detail: scope }
        : verb === "list"
          ? { kind, namespace: scope }
          : { kind, namespace: scope, name };
    failing.fail(
      { verb: verb as "list", ...Object.fromEntries(Object.entries(match).filter(([, value]) => value)) },
      "forbidden",
    );
    const { unknown } = await read(failing);
    assert.ok(unknown.length > 0, `${request} is missed by nobody`);
    for (const { check, essential } of unknown) {
      const record = controlPlaneChecks.find(({ id }) => id === check);
      assert.ok(record !== undefined, check);
      if (essential) assert.ok(record.accepts?.includes("--skip"), check);
    }
  }
});

test("kinds and ConfigMaps that are not there are none", async () => {
  const cluster = listedCluster({ objects: { deployments: objects.deployments ?? [] }, bodies });
  const { unknown, meshConfigs, providers, rootCertificates } = await read(cluster);
  assert.deepEqual([unknown, providers, rootCertificates], [[], [], undefined]);
  assert.deepEqual(
    meshConfigs.map(({ settings, shared }) => [settings, shared]),
    [
      [{}, undefined],
      [{}, { configMap: "istio-system/shared", exists: false }],
    ],
  );
});

test("a mesh config that is no YAML is unknown", async () => {
  const configmaps = [at("istio", { data: { mesh: "a: [" } }), at("istio-1-20", { data: { mesh: "a: b" } })];
  const { unknown, meshConfigs } = await read(listedCluster({ objects: { ...objects, configmaps }, bodies }));
  assert.deepEqual(
    unknown.map(({ check, subject, essential }) => [check, subject, essential]),
    [["trust-domain", "ConfigMap istio-system/istio", true]],
  );
  assert.deepEqual(
    meshConfigs.map(({ revision }) => revision),
    ["1-20"],
  );
});

test("being unreachable is no missing evidence but the end", async () => {
  for (const kind of ["deployments", "configmaps", "telemetries"]) {
    const cluster = listedCluster({ objects, bodies, failures: { [kind]: "unreachable" } });
    await assert.rejects(read(cluster), ClusterError);
  }
});
