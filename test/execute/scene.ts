/** Objects as the API server gives them, for tests that read them through the port. */
import type { KubeObject, PodObject, WorkloadObject } from "../../src/mesh/kubernetes.ts";

export const stamp = "2026-11-03T04:05:06Z";
export const before = "2026-11-03T04:04:06Z";
export const after = "2026-11-03T04:06:06Z";

const owner = (kind: string, name: string, uid: string) => [
  { apiVersion: "apps/v1", kind, name, uid, controller: true },
];

/** Deployment `web` of two, as it stands some time after a restart. */
export const deployment = (
  change: { uid?: string; generation?: number; observed?: number; updated?: number } = {},
): WorkloadObject => {
  const { uid = "uid-of-web", generation = 2, observed = generation, updated = 2 } = change;
  return {
    metadata: { name: "web", namespace: "production", uid, generation, resourceVersion: "7" },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: "web" } },
      template: { spec: { containers: [{ name: "app" }] } },
    },
    status: {
      observedGeneration: observed,
      replicas: 2,
      updatedReplicas: updated,
      readyReplicas: 2,
      availableReplicas: 2,
    },
  };
};

export const replicaSet = (hash = "7d4b9"): KubeObject => ({
  metadata: {
    name: `web-${hash}`,
    namespace: "production",
    uid: `uid-of-rs-${hash}`,
    ownerReferences: owner("Deployment", "web", "uid-of-web"),
  },
});

/** A ready, injected pod of that Deployment. */
export const podObject = (
  name: string,
  change: { revision?: string; createdAt?: string; hash?: string; deleted?: boolean } = {},
): PodObject => {
  const { revision = "1-20", createdAt = after, hash = "7d4b9", deleted = false } = change;
  return {
    metadata: {
      name,
      namespace: "production",
      uid: `uid-of-${name}`,
      labels: { app: "web", "pod-template-hash": hash },
      annotations: { "sidecar.istio.io/status": JSON.stringify({ containers: ["istio-proxy"], revision }) },
      creationTimestamp: createdAt,
      ...(deleted ? { deletionTimestamp: after } : {}),
      ownerReferences: owner("ReplicaSet", `web-${hash}`, `uid-of-rs-${hash}`),
    },
    spec: { containers: [{ name: "app" }, { name: "istio-proxy", args: ["proxy", "sidecar"] }] },
    status: {
      phase: "Running",
      conditions: [{ type: "Ready", status: "True" }],
      containerStatuses: ["app", "istio-proxy"].map((container) => ({
        name: container,
        ready: true,
        restartCount: 0,
        state: { running: {} },
      })),
    },
  };
};

export const istiodPod = (name: string, revision: string, phase = "Running"): PodObject => ({
  metadata: {
    name,
    namespace: "istio-system",
    uid: `uid-of-${name}`,
    labels: { app: "istiod", "istio.io/rev": revision },
    creationTimestamp: before,
  },
  spec: { containers: [{ name: "discovery" }] },
  status: { phase, conditions: [{ type: "Ready", status: "True" }] },
});

/** `/debug/connections` and `/debug/syncz` of an istiod that holds these pods of `production`, all in sync. */
export const debugPages = (pods: readonly string[]): { readonly connections: string; readonly syncz: string } => ({
  connections: JSON.stringify({
    totalClients: pods.length,
    ...(pods.length > 0
      ? {
          clients: pods.map((pod, at) => ({
            connectionId: `${pod}.production-${at + 1}`,
            connectedAt: "2026-11-03T04:06:09.1234Z",
            address: "10.0.0.7:4711",
          })),
        }
      : {}),
  }),
  syncz: JSON.stringify(
    pods.map((pod) => ({
      proxy: `${pod}.production`,
      proxy_type: "sidecar",
      istio_version: "1.20.0",
      cluster_id: "Kubernetes",
      cluster_sent: "c",
      cluster_acked: "c",
      listener_sent: "l",
      listener_acked: "l",
    })),
  ),
});
