import assert from "node:assert/strict";
import { test } from "node:test";
import { meshFrom, type RawObjects } from "../../../src/mesh/from/inventory.ts";
import { workloadFrom } from "../../../src/mesh/from/workload.ts";
import type { EndpointSliceObject, ManagedFields, NamespaceObject } from "../../../src/mesh/kubernetes.ts";
import { live, rendered } from "../rendered.ts";

const nothing: RawObjects = {
  takenAt: "2026-11-03T04:05:06Z",
  istioNamespace: "istio-system",
  mutatingWebhooks: [live(rendered("1.20.0").revisioned)],
  defaultValidator: undefined,
  endpointSlices: [],
  policies: new Map(),
  services: [],
  istiodDeployments: [],
  istiodPods: [],
  namespaces: [],
  workloads: [],
  replicaSets: [],
  pods: [],
  gateways: [],
  answers: [],
  unknown: [],
};

const slice = (
  name: string,
  ready: readonly (boolean | undefined)[],
  namespace = "istio-system",
  service = "istiod-1-20",
): EndpointSliceObject => ({
  metadata: { name, namespace, uid: name, labels: { "kubernetes.io/service-name": service } },
  endpoints: ready.map((each) => ({ conditions: each === undefined ? {} : { ready: each } })),
});

for (const [title, endpointSlices, expected] of [
  ["no slice at all", [], 0],
  [
    "a slice without endpoints",
    [
      {
        metadata: {
          name: "a",
          namespace: "istio-system",
          uid: "a",
          labels: { "kubernetes.io/service-name": "istiod-1-20" },
        },
      },
    ],
    0,
  ],
  ["ready, not ready and without a condition, which counts as ready", [slice("a", [true, false, undefined])], 2],
  ["over several slices", [slice("a", [true]), slice("b", [true, true])], 3],
  ["an endpoint without conditions", [{ ...slice("a", []), endpoints: [{}] }], 1],
  [
    "of another Service, or of another namespace",
    [slice("a", [true], "istio-system", "istiod"), slice("b", [true], "other")],
    0,
  ],
  ["not read", undefined, undefined],
] as const satisfies readonly (readonly [string, readonly EndpointSliceObject[] | undefined, number | undefined])[])
  test(`ready endpoints of an injector: ${title}`, () => {
    assert.equal(meshFrom({ ...nothing, endpointSlices }).injectors[0]?.readyEndpoints, expected);
  });

const namespace = (metadata: Partial<NamespaceObject["metadata"]>, phase = "Active"): NamespaceObject => ({
  metadata: { name: "production", uid: "ns", ...metadata },
  status: { phase },
});

test("the owners of the injection labels, by managedFields", () => {
  const managedFields: ManagedFields[] = [
    {
      manager: "kubectl-label",
      operation: "Update",
      fieldsV1: { "f:metadata": { "f:labels": { ".": {}, "f:istio-injection": {}, "f:team": {} } } },
    },
    {
      manager: "argocd-controller",
      operation: "Apply",
      fieldsV1: { "f:metadata": { "f:labels": { "f:istio-injection": {}, "f:istio.io/rev": {} } } },
    },
    {
      manager: "kustomize-controller",
      operation: "Apply",
      fieldsV1: { "f:metadata": { "f:annotations": { "f:istio.io/rev": {} } } },
    },
    { manager: "odd", fieldsV1: null },
    { fieldsV1: { "f:metadata": { "f:labels": { "f:istio.io/rev": {} } } } },
  ];
  assert.deepEqual(meshFrom({ ...nothing, namespaces: [namespace({ managedFields })] }).namespaces[0]?.labelManagers, [
    { manager: "kubectl-label", labels: ["istio-injection"] },
    { manager: "argocd-controller", labels: ["istio-injection", "istio.io/rev"] },
    { manager: "", labels: ["istio.io/rev"] },
  ]);
});

test("what a namespace belongs to, with its group", () => {
  const profile = { apiVersion: "kubeflow.org/v1", kind: "Profile", name: "alice", uid: "p", controller: true };
  const owner = (metadata: object) => meshFrom({ ...nothing, namespaces: [namespace(metadata)] }).namespaces[0]?.owner;
  assert.equal(owner({}), undefined);
  assert.deepEqual(owner({ ownerReferences: [profile] }), {
    group: "kubeflow.org",
    kind: "Profile",
    name: "alice",
    controller: true,
  });
});

test("a terminating namespace", () => {
  const terminating = (object: NamespaceObject) =>
    meshFrom({ ...nothing, namespaces: [object] }).namespaces[0]?.terminating;
  assert.equal(terminating(namespace({})), false);
  assert.equal(terminating(namespace({}, "Terminating")), true);
  assert.equal(terminating(namespace({ deletionTimestamp: "2026-11-03T04:05:06Z" })), true);
});

test("a workload's injection is unknown where its namespace or template was not read", () => {
  const template = { spec: { containers: [] } };
  const workload = (name: string, namespace: string, spec: object) =>
    workloadFrom("Deployment", { metadata: { name, namespace, uid: name }, spec });
  const workloads = [
    workload("a", "nowhere", { template }),
    workload("b", "production", {}),
    workload("c", "production", { template }),
  ];
  const mesh = meshFrom({ ...nothing, namespaces: [namespace({})], workloads });
  assert.deepEqual(
    mesh.workloads.map(({ injection }) => injection.kind),
    ["unknown", "unknown", "none"],
  );
});

test("a workload's injection depends on its namespace's labels and name", () => {
  const template = { spec: { containers: [] } };
  const names = ["production", "plain", "kube-system"];
  const workloads = names.map((namespace) => workloadFrom("Deployment", { metadata: { name: "web", namespace, uid: namespace }, spec: { template } }));
  const namespaces = names.map((name) => namespace({ name, uid: name, labels: name === "plain" ? {} : { "istio.io/rev": "1-20" } }));
  const mesh = meshFrom({ ...nothing, endpointSlices: [slice("a", [true])], namespaces, workloads });
  assert.deepEqual(mesh.workloads.map(({ injection }) => injection.kind), ["injected", "none", "none"]);
  assert.deepEqual(mesh.namespaces.map(({ injection }) => injection.kind), ["injected", "none", "none"]);
}); // biome-ignore format: one line of fields

test("the default validator, and Gateways with their class and revision label", () => {
  const defaultValidator = {
    metadata: { name: "istiod-default-validator", uid: "v", labels: { "istio.io/rev": "1-20" } },
  };
  const gateways = [
    {
      metadata: { name: "edge", namespace: "a", uid: "e", labels: { "istio.io/rev": "1-19" } },
      spec: { gatewayClassName: "istio" },
    },
    { metadata: { name: "way", namespace: "a", uid: "w" }, spec: { gatewayClassName: "istio-waypoint" } },
    { metadata: { name: "odd", namespace: "a", uid: "o" } },
  ];
  const mesh = meshFrom({ ...nothing, defaultValidator, gateways });
  assert.deepEqual(mesh.defaultValidator, { name: "istiod-default-validator", revision: "1-20" });
  assert.equal(meshFrom(nothing).defaultValidator, undefined);
  assert.deepEqual(mesh.gateways, [
    { namespace: "a", name: "edge", uid: "e", className: "istio", waypoint: false, pinned: "1-19" },
    { namespace: "a", name: "way", uid: "w", className: "istio-waypoint", waypoint: true, pinned: undefined },
    { namespace: "a", name: "odd", uid: "o", className: "", waypoint: false, pinned: undefined },
  ]);
});

test("the fields of a namespace", () => {
  const object = namespace({ resourceVersion: "7", annotations: { a: "b" } });
  const read = (each: NamespaceObject) => meshFrom({ ...nothing, namespaces: [each] }).namespaces[0];
  assert.deepEqual([read(object)?.resourceVersion, read(object)?.annotations], ["7", { a: "b" }]);
  const bare = read({ metadata: { name: "production", uid: "ns" } });
  assert.deepEqual(
    [bare?.resourceVersion, bare?.annotations, bare?.terminating, bare?.labelManagers],
    ["", {}, false, []],
  );
});

test("a mesh of a cluster without Istio", () => {
  const mesh = meshFrom({ ...nothing, mutatingWebhooks: [{ metadata: { name: "vendor", uid: "v" } }] });
  assert.deepEqual([mesh.controlPlanes, mesh.injectors, mesh.tags], [[], [], []]);
});
