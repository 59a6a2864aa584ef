/** Builders of workloads, pods and istiods, for the tests of src/upgrade and src/execute. */

import type { IstiodAnswer, Pod, PodProxy, ProxyConnection, Workload, WorkloadStatus } from "../../src/mesh/model.ts";
import type { WorkloadKind } from "../../src/mesh/workload-kinds.ts";

export const uniqueUid = (() => {
  let last = 0;
  return () => `uid-${++last}`;
})();

export function workload(
  change: Partial<Omit<Workload, "status" | "kind">> & { kind?: WorkloadKind; status?: Partial<WorkloadStatus> } = {},
): Workload {
  const desired = change.status?.desired ?? 3;
  return {
    kind: "Deployment",
    namespace: "production",
    name: "web",
    uid: "uid-of-web",
    resourceVersion: "1",
    generation: 2,
    labels: {},
    annotations: {},
    selector: { matchLabels: { app: "web" } },
    template: { spec: { containers: [{ name: "app" }] } },
    injection: { kind: "injected", revision: "1-20", by: "istio-sidecar-injector-1-20", also: [] },
    gateway: false,
    strategy: { type: "RollingUpdate", maxSurge: 1, maxUnavailable: 0, partition: 0 },
    paused: false,
    restartedAt: undefined,
    workloadRef: undefined,
    claims: [],
    hostPorts: [],
    pods: [],
    ...change,
    status: {
      desired,
      observedGeneration: change.generation ?? 2,
      replicas: desired,
      updated: desired,
      ready: desired,
      available: desired,
      currentRevision: undefined,
      updateRevision: undefined,
      phase: undefined,
      restartedAt: undefined,
      conditions: [],
      ...change.status,
    },
  };
}

/** The restart stamp of most tests; `before` and `after` are a minute earlier and later. */
export const stamp = "2026-11-03T04:05:06Z";
export const before = "2026-11-03T04:04:06Z";
export const after = "2026-11-03T04:06:06Z";

/** A ready pod of 1-20, created after the stamp. */
export function pod(
  name: string,
  change: Partial<Omit<Pod, "proxy">> & { proxy?: Partial<PodProxy> | undefined } = {},
): Pod {
  const { proxy, ...rest } = change;
  return {
    namespace: "production",
    name,
    uid: `uid-of-${name}`,
    labels: { app: "web" },
    createdAt: after,
    phase: "Running",
    ip: "10.0.0.7",
    node: "node-1",
    ready: true,
    terminating: false,
    owner: { kind: "ReplicaSet", name: "web-7d4b9", uid: "uid-of-rs" },
    workload: { kind: "Deployment", namespace: "production", name: "web" },
    unreadyContainers: [],
    conditions: [],
    ...rest,
    proxy:
      "proxy" in change && proxy === undefined
        ? undefined
        : {
            kind: "sidecar",
            revision: "1-20",
            container: "istio-proxy",
            native: false,
            ready: true,
            version: "1.20.0",
            discoveryAddress: "istiod-1-20.istio-system.svc:15012",
            ...proxy,
          },
  };
}

/** A connection of the pod with this name, in sync and newer than the pod. */
export const connection = (podName: string, change: Partial<ProxyConnection> = {}): ProxyConnection => ({
  namespace: "production",
  pod: podName,
  type: "sidecar",
  version: "1.20.0",
  cluster: "Kubernetes",
  cds: "synced",
  lds: "synced",
  rejected: [],
  connectedAt: "2026-11-03T04:06:09.123456789Z",
  ip: "10.0.0.7",
  ...change,
});

export const answered = (
  revision: string,
  proxies: readonly ProxyConnection[] = [],
  istiod = `istio-system/istiod-${revision}-abc`,
): IstiodAnswer => ({
  kind: "answered",
  istiod,
  revision,
  version: undefined,
  proxies,
});

export const unanswered = (revision: string, istiod = `istio-system/istiod-${revision}-abc`): IstiodAnswer => ({
  kind: "unanswered",
  istiod,
  revision,
  reason: "connection refused",
});
