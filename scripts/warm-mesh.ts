/** A small mesh in the form of API objects, between two revisions. It has enough objects for all parsers. */
import type { KubeObject, Labels } from "../src/mesh/kubernetes.ts";

const createdAt = "2026-01-01T00:00:00Z";
const object = (name: string, namespace: string | undefined, labels: Labels, rest: object): KubeObject & object => ({
  metadata: {
    name,
    ...(namespace && { namespace }),
    uid: `uid-${namespace}-${name}`,
    resourceVersion: "1",
    generation: 1,
    creationTimestamp: createdAt,
    labels,
  },
  ...rest,
});

const template = (labels: Labels) => ({
  metadata: { labels },
  spec: { containers: [{ name: "app", image: "app:1", resources: { requests: { cpu: "100m", memory: "64Mi" } } }] },
});
const counted = (replicas: number) => ({
  observedGeneration: 1,
  replicas,
  updatedReplicas: replicas,
  readyReplicas: replicas,
  availableReplicas: replicas,
});

const workload = (
  kind: "Deployment" | "StatefulSet",
  name: string,
  namespace: string,
  replicas: number,
  labels: Labels = {},
) => {
  const selector = { app: name };
  const strategy = {
    type: "RollingUpdate",
    rollingUpdate: kind === "Deployment" ? { maxSurge: "25%", maxUnavailable: "25%" } : { partition: 0 },
  };
  return object(
    name,
    namespace,
    { ...selector, ...labels },
    {
      spec: {
        replicas,
        selector: { matchLabels: selector },
        template: template({ ...selector, ...labels }),
        ...(kind === "Deployment" ? { strategy } : { updateStrategy: strategy }),
      },
      status: {
        ...counted(replicas),
        ...(kind === "StatefulSet" && { currentRevision: `${name}-1`, updateRevision: `${name}-1` }),
      },
    },
  );
};

const pod = (
  name: string,
  namespace: string,
  owner: { readonly kind: string; readonly name: string },
  labels: Labels,
  revision: string | undefined,
) =>
  ({
    ...object(name, namespace, labels, {
      spec: {
        nodeName: "node-1",
        containers: [
          { name: "app", image: "app:1" },
          ...(revision
            ? [{ name: "istio-proxy", image: "proxyv2:1.20.0", env: [{ name: "PROXY_CONFIG", value: "{}" }] }]
            : []),
        ],
      },
      status: {
        phase: "Running",
        podIP: "10.0.0.1",
        startTime: createdAt,
        conditions: [{ type: "Ready", status: "True" }],
        containerStatuses: ["app", ...(revision ? ["istio-proxy"] : [])].map((container) => ({
          name: container,
          ready: true,
          started: true,
          restartCount: 0,
          state: { running: { startedAt: createdAt } },
        })),
      },
    }),
    metadata: {
      name,
      namespace,
      uid: `uid-${name}`,
      resourceVersion: "1",
      creationTimestamp: createdAt,
      labels,
      ownerReferences: [{ apiVersion: "apps/v1", ...owner, uid: `uid-${namespace}-${owner.name}`, controller: true }],
      annotations: revision
        ? {
            "sidecar.istio.io/status": JSON.stringify({
              revision,
              containers: ["istio-proxy"],
              initContainers: ["istio-init"],
            }),
          }
        : {},
    },
  }) as const;

const injector = (revision: string) => {
  const service = revision === "default" ? "istiod" : `istiod-${revision}`;
  const entry = (name: string, namespaceSelector: object, objectSelector: object) => ({
    name,
    clientConfig: {
      caBundle: "Y2E=",
      service: { name: service, namespace: "istio-system", path: "/inject", port: 443 },
    },
    rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
    namespaceSelector,
    objectSelector,
    failurePolicy: "Fail",
    sideEffects: "None",
    admissionReviewVersions: ["v1"],
  });
  const notOut = { matchExpressions: [{ key: "sidecar.istio.io/inject", operator: "NotIn", values: ["false"] }] };
  const rev = {
    matchExpressions: [
      { key: "istio.io/rev", operator: "In", values: [revision] },
      { key: "istio-injection", operator: "DoesNotExist" },
    ],
  };
  const entries = [entry("rev.namespace.sidecar-injector.istio.io", rev, notOut)];
  if (revision === "default")
    entries.push(
      entry(
        "namespace.sidecar-injector.istio.io",
        { matchExpressions: [{ key: "istio-injection", operator: "In", values: ["enabled"] }] },
        notOut,
      ),
    );
  return object(
    `istio-sidecar-injector${revision === "default" ? "" : `-${revision}`}`,
    undefined,
    { app: "sidecar-injector", "istio.io/rev": revision, "operator.istio.io/component": "Pilot" },
    { webhooks: entries },
  );
};

const istiod = (revision: string) => {
  const name = revision === "default" ? "istiod" : `istiod-${revision}`;
  const labels = { app: "istiod", "istio.io/rev": revision };
  const [set, one] = [`${name}-7f`, `${name}-7f-abc`];
  return {
    deployments: [workload("Deployment", name, "istio-system", 1, labels)],
    replicaSets: [{ ...object(set, "istio-system", labels, { spec: { replicas: 1 }, status: counted(1) }) }],
    pods: [pod(one, "istio-system", { kind: "ReplicaSet", name: set }, labels, undefined)],
    services: [
      object(name, "istio-system", labels, {
        spec: { selector: labels, ports: [{ name: "https-webhook", port: 443, targetPort: 15017 }] },
      }),
    ],
    endpointSlices: [
      object(
        `${name}-x`,
        "istio-system",
        { ...labels, "kubernetes.io/service-name": name },
        {
          addressType: "IPv4",
          ports: [{ name: "https-webhook", port: 15017 }],
          endpoints: [{ addresses: ["10.0.0.9"], conditions: { ready: true } }],
        },
      ),
    ],
    mutatingWebhooks: [injector(revision)],
  };
};

const apps = ["web", "api", "cart"].map((name) => ({
  deployments: [workload("Deployment", name, "production", 3)],
  replicaSets: [
    {
      ...object(
        `${name}-6d`,
        "production",
        { app: name, "pod-template-hash": "6d" },
        { spec: { replicas: 3 }, status: counted(3) },
      ),
      metadata: {
        name: `${name}-6d`,
        namespace: "production",
        uid: `uid-production-${name}-6d`,
        ownerReferences: [
          { apiVersion: "apps/v1", kind: "Deployment", name, uid: `uid-production-${name}`, controller: true },
        ],
      },
    },
  ],
  pods: [1, 2, 3].map((n) =>
    pod(
      `${name}-6d-${n}`,
      "production",
      { kind: "ReplicaSet", name: `${name}-6d` },
      { app: name, "pod-template-hash": "6d" },
      n === 1 ? "1-20" : "default",
    ),
  ),
}));

const parts: readonly Readonly<Record<string, readonly KubeObject[]>>[] = [
  istiod("default"),
  istiod("1-20"),
  ...apps,
  {
    namespaces: [
      object("istio-system", undefined, {}, { status: { phase: "Active" } }),
      object("production", undefined, { "istio-injection": "enabled" }, { status: { phase: "Active" } }),
      object("staging", undefined, { "istio.io/rev": "1-20" }, { status: { phase: "Active" } }),
      object("lost", undefined, { "istio.io/rev": "none" }, { status: { phase: "Active" } }),
    ],
    statefulSets: [workload("StatefulSet", "db", "production", 2)],
    pods: [0, 1].map((n) =>
      pod(
        `db-${n}`,
        "production",
        { kind: "StatefulSet", name: "db" },
        { app: "db", "controller-revision-hash": "db-1" },
        "default",
      ),
    ),
  },
];

/** Objects by the key of their kind in src/cluster/kinds.ts. */
export const warmMesh = (key: string): readonly KubeObject[] => parts.flatMap((part) => part[key] ?? []);
