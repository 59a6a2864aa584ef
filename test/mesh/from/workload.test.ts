import assert from "node:assert/strict";
import { test } from "node:test";
import { attachPods } from "../../../src/mesh/from/ownership.ts";
import { podFrom } from "../../../src/mesh/from/pod.ts";
import { workloadFrom } from "../../../src/mesh/from/workload.ts";
import type { KubeObject, PodObject, PodTemplateSpec, WorkloadObject } from "../../../src/mesh/kubernetes.ts";
import type { WorkloadKind } from "../../../src/mesh/workload-kinds.ts";

const template: PodTemplateSpec = { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "app" }] } };
const object = (
  name: string,
  spec: WorkloadObject["spec"] = { template },
  rest: Partial<WorkloadObject> = {},
): WorkloadObject => ({
  metadata: { name, namespace: "production", uid: `uid-${name}`, generation: 2, resourceVersion: "7" },
  spec,
  ...rest,
});

test("counters of the four kinds in one form", () => {
  const status = { observedGeneration: 2, replicas: 4, updatedReplicas: 3, readyReplicas: 2, availableReplicas: 1 };
  const numbers = { observedGeneration: 2, replicas: 4, updated: 3, ready: 2, available: 1 };
  const daemons = {
    observedGeneration: 2,
    desiredNumberScheduled: 5,
    currentNumberScheduled: 4,
    updatedNumberScheduled: 3,
    numberReady: 2,
    numberAvailable: 1,
  };
  const counted = (kind: WorkloadKind, given: WorkloadObject["status"], replicas?: number) => {
    const spec = replicas === undefined ? {} : { replicas };
    const {
      desired,
      observedGeneration,
      replicas: all,
      updated,
      ready,
      available,
    } = workloadFrom(kind, object("web", spec, { status: given ?? {} })).status;
    return { desired, observedGeneration, replicas: all, updated, ready, available };
  };
  assert.deepEqual(counted("Deployment", status), { desired: 1, ...numbers });
  assert.deepEqual(counted("StatefulSet", status, 3), { desired: 3, ...numbers });
  assert.deepEqual(counted("Rollout", { ...status, observedGeneration: "2" }, 0), { desired: 0, ...numbers });
  assert.deepEqual(counted("DaemonSet", daemons), { desired: 5, ...numbers });
  assert.deepEqual(counted("DaemonSet", {}), {
    desired: 0,
    observedGeneration: 0,
    replicas: 0,
    updated: 0,
    ready: 0,
    available: 0,
  });
});

for (const [title, spec, labels, expected] of [
  ["an application", { template }, {}, false],
  [
    "an injected gateway",
    { template: { ...template, metadata: { annotations: { "inject.istio.io/templates": " gateway" } } } },
    {},
    true,
  ],
  ["a managed gateway", { template }, { "gateway.istio.io/managed": "istio.io-gateway-controller" }, true],
  [
    "a static gateway",
    { template: { ...template, metadata: { labels: { "operator.istio.io/component": "EgressGateways" } } } },
    {},
    true,
  ],
] as const satisfies readonly (readonly [string, WorkloadObject["spec"], Record<string, string>, boolean])[])
  test(`gateway or not: ${title}`, () => {
    const given = object("web", spec);
    assert.equal(workloadFrom("Deployment", { ...given, metadata: { ...given.metadata, labels } }).gateway, expected);
  });

test("claims, host ports and restart times", () => {
  const annotations = { "kubectl.kubernetes.io/restartedAt": "2026-11-03T04:05:06Z" };
  const containers = [
    {
      name: "app",
      ports: [{ containerPort: 80, hostPort: 8080 }, { containerPort: 81 }, { containerPort: 82, hostPort: 0 }],
    },
    { name: "bare" },
  ];
  const volumes = [{ name: "data", persistentVolumeClaim: { claimName: "web-data" } }, { name: "tmp" }];
  const busy = workloadFrom(
    "Deployment",
    object("web", { template: { metadata: { annotations }, spec: { containers, volumes } } }),
  );
  assert.deepEqual([busy.claims, busy.hostPorts, busy.restartedAt], [["web-data"], [8080], "2026-11-03T04:05:06Z"]);
  assert.deepEqual(
    workloadFrom("DaemonSet", object("web", { template: { spec: { containers, hostNetwork: true } } })).hostPorts,
    [8080, 81],
  );
  assert.equal(
    workloadFrom(
      "Rollout",
      object("web", {
        restartAt: "2026-11-03T05:00:00Z",
        template: { metadata: { annotations }, spec: { containers } },
      }),
    ).restartedAt,
    "2026-11-03T05:00:00Z",
  );
});

test("the fields of a workload; only a Rollout has a phase", () => {
  const metadata = { name: "web", uid: "u", labels: { team: "x" }, annotations: { note: "y" } };
  const [deployment, rollout] = (["Deployment", "Rollout"] as const).map((kind) =>
    workloadFrom(kind, { metadata, spec: { paused: true, template, selector: { matchLabels: { app: "web" } } }, status: { phase: "Healthy" } }),
  );
  assert.deepEqual([deployment?.paused, deployment?.labels, deployment?.annotations, deployment?.selector, deployment?.status.phase], [true, metadata.labels, metadata.annotations, { matchLabels: { app: "web" } }, undefined]);
  assert.equal(rollout?.status.phase, "Healthy");
  assert.equal(workloadFrom("Deployment", object("web")).paused, false);
  const times = workloadFrom("Deployment", object("web", { minReadySeconds: 5, progressDeadlineSeconds: 60 }));
  assert.deepEqual([times.minReadySeconds, times.progressDeadlineSeconds], [5, 60]);
}); // biome-ignore format: one line of fields

test("absent fields have defaults, and conditions keep their messages", () => {
  const bare = workloadFrom("Deployment", { metadata: { name: "web", uid: "u" }, spec: {} });
  assert.deepEqual([bare.namespace, bare.resourceVersion, bare.generation, bare.hostPorts, bare.claims, bare.gateway], ["", "", 0, [], [], false]);
  const conditions = [{ type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message: "timed out" }, { type: "Available", status: "True" }];
  assert.deepEqual(workloadFrom("Deployment", object("web", {}, { status: { conditions } })).status.conditions, [conditions[0], { type: "Available", status: "True", reason: "", message: "" }]);
}); // biome-ignore format: one line of fields

const versions: Readonly<Record<string, string>> = { Rollout: "argoproj.io/v1alpha1", Job: "batch/v1" };
const replicaSet = (name: string, kind: string, owner: string): KubeObject => ({
  metadata: {
    name,
    namespace: "production",
    uid: `uid-${name}`,
    ownerReferences: [
      { apiVersion: versions[kind] ?? "apps/v1", kind, name: owner, uid: `uid-${owner}`, controller: true },
    ],
  },
});
const podOf = (name: string, kind: string, owner: string, labels: Record<string, string> = {}): PodObject => ({
  metadata: {
    name,
    namespace: "production",
    uid: `uid-${name}`,
    labels,
    ownerReferences: [
      { apiVersion: versions[kind] ?? "apps/v1", kind, name: owner, uid: `uid-${owner}`, controller: true },
    ],
  },
  spec: { containers: [] },
});

const workloads = [
  workloadFrom("Deployment", object("web")),
  workloadFrom("StatefulSet", object("db")),
  workloadFrom("Rollout", object("shop", { workloadRef: { kind: "Deployment", name: "web" } })),
];
const pods = [
  podOf("web-1", "ReplicaSet", "web-5d", { "pod-template-hash": "5d" }),
  podOf("web-2", "ReplicaSet", "web-5d", { "pod-template-hash": "5d" }),
  podOf("db-0", "StatefulSet", "db"),
  podOf("shop-1", "ReplicaSet", "shop-7f", { "rollouts-pod-template-hash": "7f" }),
  podOf("job-1", "Job", "job"),
  podOf("alone", "ReplicaSet", "by-hand"),
  { metadata: { name: "bare", namespace: "production", uid: "bare" }, spec: { containers: [] } },
].map(podFrom);

const expected = { web: ["web-1", "web-2"], db: ["db-0"], shop: ["shop-1"] };
const named = (attached: ReturnType<typeof attachPods>) =>
  Object.fromEntries(attached.workloads.map(({ name, pods }) => [name, pods.map((pod) => pod.name)]));

test("pods find their workloads by the UIDs of ReplicaSets, or by names", () => {
  const read = [replicaSet("web-5d", "Deployment", "web"), replicaSet("shop-7f", "Rollout", "shop")];
  for (const replicaSets of [read, []]) {
    const attached = attachPods(workloads, replicaSets, pods);
    assert.deepEqual(named(attached), expected);
    assert.deepEqual(
      attached.pods.map(({ workload }) => workload && `${workload.kind}/${workload.name}`),
      ["Deployment/web", "Deployment/web", "StatefulSet/db", "Rollout/shop", undefined, undefined, undefined],
    );
  }
});

test("pods of an earlier workload with the same name do not belong to this one", () => {
  const old = {
    ...podOf("db-0", "StatefulSet", "db"),
    metadata: {
      ...podOf("db-0", "StatefulSet", "db").metadata,
      ownerReferences: [{ apiVersion: "apps/v1", kind: "StatefulSet", name: "db", uid: "before", controller: true }],
    },
  };
  assert.deepEqual(named(attachPods(workloads, [], [podFrom(old)])), { web: [], db: [], shop: [] });
});

test("a pod names its workload even if that was not read; a ReplicaSet name that is only a hash has no workload", () => {
  const unread = [
    podOf("gone-0", "StatefulSet", "gone"),
    podOf("x-1", "ReplicaSet", "by-hand", { "pod-template-hash": "5d" }),
  ].map(podFrom);
  assert.deepEqual(
    attachPods(workloads, [], unread).pods.map(({ workload }) => workload),
    [{ kind: "StatefulSet", namespace: "production", name: "gone" }, undefined],
  );
});

test("a pod of a StatefulSet of another group belongs to no workload of apps", () => {
  const kruise = { apiVersion: "apps.kruise.io/v1beta1", kind: "StatefulSet", name: "db", controller: true };
  const own = (uid: string, apiVersion = kruise.apiVersion): PodObject => {
    const { metadata, spec } = podOf("db-0", "StatefulSet", "db");
    return { metadata: { ...metadata, ownerReferences: [{ ...kruise, apiVersion, uid }] }, spec };
  };
  const attached = (object: PodObject) => attachPods(workloads, [], [podFrom(object)]).pods[0]?.workload;
  assert.equal(attached(own("uid-kruise-db")), undefined);
  assert.deepEqual(attached(own("uid-db", "apps/v1")), { kind: "StatefulSet", namespace: "production", name: "db" });
});

test("what a workload belongs to: its controller, else its first owner, with its group", () => {
  const reference = (kind: string, rest: object) => ({
    apiVersion: "operators.coreos.com/v1alpha1",
    kind,
    name: "x",
    uid: kind,
    ...rest,
  });
  const ownerOf = (...ownerReferences: ReturnType<typeof reference>[]) => {
    const { metadata, spec } = object("web");
    return workloadFrom("Deployment", { metadata: { ...metadata, ownerReferences }, spec }).owner;
  };
  const group = "operators.coreos.com";
  assert.equal(ownerOf(), undefined);
  assert.deepEqual(ownerOf(reference("First", {}), reference("Second", { controller: false })), {
    group,
    kind: "First",
    name: "x",
    controller: false,
  });
  assert.deepEqual(ownerOf(reference("First", {}), reference("Second", { apiVersion: "v1", controller: true })), {
    group: "",
    kind: "Second",
    name: "x",
    controller: true,
  });
});

test("a ReplicaSet without an owner has no workload, whatever its name is", () => {
  const orphan: KubeObject = { metadata: { name: "web-5d", namespace: "production", uid: "uid-web-5d" } };
  assert.deepEqual(named(attachPods(workloads, [orphan], pods)).web, []);
});

test("a Rollout that uses a Deployment's template has that template", () => {
  const attached = attachPods(workloads, [], pods);
  assert.equal(attached.workloads.find(({ kind }) => kind === "Rollout")?.template, template);
});
