import assert from "node:assert/strict";
import { test } from "node:test";
import { controlPlanesFrom, versionsOf } from "../../../src/mesh/from/control-plane.ts";
import { podFrom } from "../../../src/mesh/from/pod.ts";
import type { WorkloadObject } from "../../../src/mesh/kubernetes.ts";
import { istiodPod } from "../../fixtures/api-objects.ts";
import { live, releases, rendered, revisionOfRelease } from "../rendered.ts";

const istiodOf = (name: string, revision: string) => podFrom(istiodPod(name, revision));

for (const release of releases)
  test(`control planes of ${release}, with and without a revision`, () => {
    const { istiod, unrevisionedIstiod, revisioned, unrevisioned } = rendered(release);
    const revision = revisionOfRelease(release);
    const pods = [istiodOf("a", revision), istiodOf("b", "default"), istiodOf("c", revision)];
    const planes = controlPlanesFrom(
      [istiod, unrevisionedIstiod],
      pods,
      [live(revisioned), live(unrevisioned)],
      "istio-system",
      new Map(),
    );
    assert.deepEqual(
      planes.map(({ revision, deployment, istiods }) => [revision, deployment?.name, istiods.map(({ name }) => name)]),
      [
        [revision, `istiod-${revision}`, ["a", "c"]],
        ["default", "istiod", ["b"]],
      ],
    );
  });

test("what variables of istiod set is kept, where they are there", () => {
  const { istiod } = rendered("1.29.1");
  const settingsWith = (...env: readonly object[]) => {
    const spec = { ...istiod.spec, template: { spec: { containers: [{ name: "discovery", env }] } } };
    const [found] = controlPlanesFrom([{ ...istiod, spec } as WorkloadObject], [], [], "istio-system", new Map());
    return [found?.nativeSidecars, found?.sharedMeshConfig];
  };
  assert.deepEqual(settingsWith({ name: "POD_NAME", valueFrom: {} }), [undefined, undefined]);
  assert.deepEqual(settingsWith({ name: "ENABLE_NATIVE_SIDECARS", value: "true" }), ["true", undefined]);
  assert.deepEqual(settingsWith({ name: "ENABLE_NATIVE_SIDECARS" }, { name: "SHARED_MESH_CONFIG", value: "common" }), [undefined, "common"]); // biome-ignore format: one line of fields
});

test("the version is the image's, then the installer's label, then the chart's", () => {
  const { istiod, helmIstiod } = rendered("1.29.1");
  const versionOf = (deployment: WorkloadObject, image: string, labels: Record<string, string>) => {
    const spec = { ...deployment.spec, template: { spec: { containers: [{ name: "discovery", image }] } } };
    const given = {
      ...deployment,
      spec,
      metadata: { ...deployment.metadata, labels: { ...deployment.metadata.labels, ...labels } },
    };
    return versionsOf(controlPlanesFrom([given], [], [], "istio-system", new Map())).get("1-29");
  };
  assert.equal(
    versionOf(helmIstiod, "docker.io/istio/pilot:1.29.1-distroless", { "operator.istio.io/version": "1.28.0" }),
    "1.29.1",
  );
  assert.equal(versionOf(istiod, "istio/pilot@sha256:0a", { "operator.istio.io/version": "1.28.0" }), "1.28.0");
  assert.equal(versionOf(istiod, "istio/pilot:mine", { "app.kubernetes.io/version": "1.29.2" }), "1.29.2");
  assert.equal(versionOf(istiod, "istio/pilot:mine", {}), undefined, "the chart's placeholder is no version");
});

for (const [title, metadata, installer] of [
  [
    "istioctl 1.20",
    {
      labels: {
        "operator.istio.io/managed": "Reconcile",
        "install.operator.istio.io/owning-resource": "installed-state-1-20",
      },
    },
    "istioctl",
  ],
  [
    "istioctl 1.29, with Helm's labels",
    {
      labels: {
        "operator.istio.io/managed": "Reconcile",
        "install.operator.istio.io/owning-resource": "unknown",
        "app.kubernetes.io/managed-by": "Helm",
      },
    },
    "istioctl",
  ],
  [
    "Helm",
    { labels: { "app.kubernetes.io/managed-by": "Helm" }, annotations: { "meta.helm.sh/release-name": "istiod-1-20" } },
    "helm",
  ],
  ["istioctl, without a resource", { labels: { "operator.istio.io/managed": "Reconcile" } }, "istioctl"],
  ["Helm's label alone", { labels: { "app.kubernetes.io/managed-by": "Helm" } }, "unknown"],
  [
    "Istio's old operator",
    { labels: { "operator.istio.io/managed": "Reconcile", "install.operator.istio.io/owning-resource": "example" } },
    "operator",
  ],
  [
    "Sail's operator",
    {
      annotations: { "meta.helm.sh/release-name": "x" },
      ownerReferences: [{ apiVersion: "sailoperator.io/v1", kind: "IstioRevision", name: "x", uid: "x" }],
    },
    "operator",
  ],
  [
    "Sail's resource",
    {
      ownerReferences: [
        { apiVersion: "v1", kind: "Other", name: "x", uid: "x" },
        { apiVersion: "v1", kind: "Istio", name: "x", uid: "x" },
      ],
    },
    "operator",
  ],
  [
    "the old operator's resource",
    { ownerReferences: [{ apiVersion: "v1", kind: "IstioOperator", name: "x", uid: "x" }] },
    "operator",
  ],
] as const)
  test(`who installed it: ${title}`, () => {
    const deployment: WorkloadObject = {
      metadata: { name: "istiod", namespace: "istio-system", uid: "x", ...metadata },
      spec: {},
    };
    assert.equal(controlPlanesFrom([deployment], [], [], "istio-system", new Map())[0]?.installer, installer);
  });

test("replicas of the Deployment, pods of its own namespace, and revision default without a label", () => {
  const metadata = { name: "istiod", namespace: "istio-system", uid: "x" };
  const pods = [istiodOf("a", "default"), istiodOf("elsewhere", "default")].map((pod, at) => ({ ...pod, labels: {}, namespace: at === 0 ? "istio-system" : "old" }));
  const [said] = controlPlanesFrom([{ metadata, spec: { replicas: 3 }, status: { readyReplicas: 2 } }], pods, [], "istio-system", new Map());
  assert.deepEqual([said?.revision, said?.desiredReplicas, said?.readyReplicas, said?.istiods.map(({ name }) => name)], ["default", 3, 2, ["a"]]);
  const [unsaid] = controlPlanesFrom([{ metadata, spec: {} }], [], [], "istio-system", new Map());
  assert.deepEqual([unsaid?.desiredReplicas, unsaid?.readyReplicas, unsaid?.version], [1, 0, undefined]);
}); // biome-ignore format: one line of fields

test("the version is that of istiod's own container", () => {
  const versionOf = (...containers: readonly { name: string; image: string }[]) =>
    versionsOf(controlPlanesFrom([{ metadata: { name: "istiod", uid: "x" }, spec: { template: { spec: { containers } } } }], [], [], "istio-system", new Map()));
  assert.deepEqual(versionOf({ name: "proxy", image: "vendor/proxy:1.2.3" }, { name: "discovery", image: "istio/pilot:1.20.0" }), new Map([["default", "1.20.0"]]));
  assert.deepEqual(versionOf({ name: "proxy", image: "vendor/proxy:1.2.3" }), new Map());
}); // biome-ignore format: one line of fields

test("the rest of a removed revision is a control plane without a Deployment", () => {
  const left = ["a", "b"].map((name) => ({ ...istiodOf(name, "1-18"), namespace: "istio-old", ready: name === "a" }));
  const [plane] = controlPlanesFrom([], left, [], "istio-system", new Map());
  assert.deepEqual(
    [plane?.namespace, plane?.installer, plane?.version, plane?.readyReplicas],
    ["istio-old", "unknown", undefined, 1],
  );
});

test("a revision that has only a webhook, and one that has only a pod", () => {
  const planes = controlPlanesFrom(
    [],
    [istiodOf("left", "1-18")],
    [rendered("1.20.0").revisioned],
    "istio-system",
    new Map(),
  );
  assert.deepEqual(
    planes.map(({ revision, deployment, desiredReplicas, istiods }) => [
      revision,
      deployment,
      desiredReplicas,
      istiods.map(({ name }) => name),
    ]),
    [
      ["1-18", undefined, 0, ["left"]],
      ["1-20", undefined, 0, []],
    ],
  );
});
