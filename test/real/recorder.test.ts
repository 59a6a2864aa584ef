import assert from "node:assert/strict";
import { test } from "node:test";
import { boundOf } from "./recorder.ts";

const rows: readonly [string, object, number][] = [
  ["a Deployment by default keeps three quarters, rounded up", { kind: "Deployment", spec: { replicas: 10 } }, 8],
  ["of three, all", { kind: "Deployment", spec: { replicas: 3 } }, 3],
  ["absent replicas are one", { kind: "Deployment", spec: {} }, 1],
  ["neither surge nor unavailable is one unavailable", rolling(3, 0, "10%"), 2],
  ["a number is a number", rolling(3, 1, 2), 1],
  ["never below none", rolling(1, 1, 5), 0],
  ["Recreate promises nothing", { kind: "Deployment", spec: { replicas: 3, strategy: { type: "Recreate" } } }, 0],
  ["a StatefulSet goes one by one", { kind: "StatefulSet", spec: { replicas: 3 } }, 2],
  ["OnDelete deletes nothing", { kind: "StatefulSet", spec: { replicas: 3, updateStrategy: { type: "OnDelete" } } }, 3],
  ["a DaemonSet goes one by one", { kind: "DaemonSet", spec: {}, status: { desiredNumberScheduled: 4 } }, 3],
  ["a DaemonSet's percentage is rounded up", daemonSet("30%"), 2],
  ["a DaemonSet with surge keeps all", daemonSet(0), 4],
  ["a Rollout restarts one by one", { kind: "Rollout", spec: { replicas: 8, strategy: { canary: {} } } }, 7],
  [
    "or as many as it says",
    { kind: "Rollout", spec: { replicas: 8, strategy: { blueGreen: { maxUnavailable: "25%" } } } },
    6,
  ],
];

function rolling(replicas: number, maxSurge: number | string, maxUnavailable: number | string): object {
  return { kind: "Deployment", spec: { replicas, strategy: { rollingUpdate: { maxSurge, maxUnavailable } } } };
}

function daemonSet(maxUnavailable: number | string): object {
  return {
    kind: "DaemonSet",
    spec: { updateStrategy: { rollingUpdate: { maxUnavailable } } },
    status: { desiredNumberScheduled: 4 },
  };
}

for (const [name, workload, bound] of rows) test(name, () => assert.equal(boundOf(workload), bound));
