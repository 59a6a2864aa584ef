import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { Workload, WorkloadStatus } from "../../../src/mesh/model.ts";
import type { WorkloadKind } from "../../../src/mesh/workload-kinds.ts";
import { rolloutVerdict } from "../../../src/upgrade/proof/rollout-verdict.ts";
import { after, before, stamp } from "../../fixtures/instants.ts";
import { webPod } from "../../fixtures/pods.ts";
import { workload } from "../../fixtures/workload.ts";

type Case = readonly [name: string, workload: Workload, verdict: string];

/** `done`, `waiting: …`, `failed: …` */
const verdictText = (item: Workload): string => {
  const verdict = rolloutVerdict(item);
  return verdict.kind === "done" ? "done" : `${verdict.kind}: ${verdict.reason}`;
};

const of = (
  kind: WorkloadKind,
  status: Partial<WorkloadStatus>,
  change: Partial<Omit<Workload, "status" | "kind">> = {},
): Workload => workload({ kind, generation: 1, ...change, status: { observedGeneration: 1, ...status } });

const onDelete = { strategy: { type: "OnDelete" } } as const;
const partition = (count: number) =>
  ({ strategy: { type: "RollingUpdate", maxSurge: 0, maxUnavailable: 1, partition: count } }) as const;
/** 10 seconds for each attempt. */
const slowStart = (failureThreshold: number) => ({
  template: { spec: { containers: [{ name: "app", startupProbe: { failureThreshold } }] } },
});
const condition = (type: string, reason: string, message: string) => ({
  conditions: [{ type, status: "False", reason, message }],
});
const never = "its update strategy is OnDelete: a pod is replaced only when somebody deletes it";

const tables: Readonly<Record<string, readonly Case[]>> = {
  "Deployment, the cases of kubectl's TestDeploymentStatusViewerStatus": [
    ["test1: none updated", of("Deployment", { desired: 1, updated: 0 }, { generation: 0 }), "waiting: 0 of 1 updated"],
    [
      "test2: old not gone",
      of("Deployment", { desired: 1, replicas: 2, available: 2 }),
      "waiting: 1 old pod still running",
    ],
    ["test3: not all available", of("Deployment", { desired: 2, available: 1 }), "waiting: 1 of 2 available"],
    ["test4: complete", of("Deployment", { desired: 2 }), "done"],
    [
      "test5: unobserved update",
      of("Deployment", { desired: 2 }, { generation: 2 }),
      "waiting: its controller has not seen the change yet",
    ],
  ],
  Deployment: [
    [
      "exceeded its deadline",
      of("Deployment", {
        updated: 1,
        ...condition("Progressing", "ProgressDeadlineExceeded", 'ReplicaSet "web-7d4b9" has timed out progressing.'),
      }),
      'failed: exceeded its progress deadline: ReplicaSet "web-7d4b9" has timed out progressing.',
    ],
    [
      "openshift/openshift-docs#84730, a deadline that is shorter than its startup probe allows for",
      of(
        "Deployment",
        { updated: 1, ...condition("Progressing", "ProgressDeadlineExceeded", "x") },
        { ...slowStart(60), progressDeadlineSeconds: 300 },
      ),
      "waiting: 1 of 3 updated",
    ],
    [
      "a deadline that is longer than its startup probe allows for",
      of(
        "Deployment",
        { updated: 1, ...condition("Progressing", "ProgressDeadlineExceeded", "x") },
        { ...slowStart(2), progressDeadlineSeconds: 300 },
      ),
      "failed: exceeded its progress deadline: x",
    ],
    [
      "the deadline that Kubernetes sets, and a longer startup probe",
      of("Deployment", { updated: 1, ...condition("Progressing", "ProgressDeadlineExceeded", "x") }, slowStart(60)),
      "waiting: 1 of 3 updated",
    ],
    [
      "a deadline of the generation before is ignored",
      of("Deployment", { updated: 1, ...condition("Progressing", "ProgressDeadlineExceeded", "x") }, { generation: 2 }),
      "waiting: its controller has not seen the change yet",
    ],
    [
      "paused during the rollout",
      of("Deployment", { updated: 1 }, { paused: true }),
      "failed: paused with 1 of 3 updated: it continues only after somebody resumes it",
    ],
    ["paused at the end", of("Deployment", {}, { paused: true }), "done"],
    ["scaled to zero", of("Deployment", { desired: 0 }), "done"],
    [
      "with a condition Progressing that is complete",
      of("Deployment", condition("Progressing", "NewReplicaSetAvailable", "has progressed")),
      "done",
    ],
    [
      "scaled up by its autoscaler meanwhile",
      of("Deployment", { desired: 5, updated: 3, replicas: 3 }),
      "waiting: 3 of 5 updated",
    ],
    [
      "Recreate",
      of("Deployment", { updated: 0, replicas: 0, available: 0 }, { strategy: { type: "Recreate" } }),
      "waiting: 0 of 3 updated",
    ],
  ],
  "DaemonSet, the cases of kubectl's TestDaemonSetStatusViewerStatus": [
    [
      "test1: none updated",
      of("DaemonSet", { desired: 1, updated: 0, available: 0 }, { generation: 0 }),
      "waiting: 0 of 1 updated",
    ],
    ["test2: not all available", of("DaemonSet", { desired: 2, available: 1 }), "waiting: 1 of 2 available"],
    ["test3: complete", of("DaemonSet", { desired: 2 }), "done"],
    [
      "test4: unobserved update",
      of("DaemonSet", { desired: 2 }, { generation: 2 }),
      "waiting: its controller has not seen the change yet",
    ],
    ["WithWrongUpdateStrategyType", of("DaemonSet", {}, onDelete), `failed: ${never}`],
  ],
  DaemonSet: [["no node matches", of("DaemonSet", { desired: 0 }), "done"]],
  "StatefulSet, the cases of kubectl's TestStatefulSetStatusViewerStatus": [
    ["on delete returns an error", of("StatefulSet", {}, onDelete), `failed: ${never}`],
    [
      "unobserved update is not complete",
      of("StatefulSet", { updated: 0 }, { generation: 2 }),
      "waiting: its controller has not seen the change yet",
    ],
    ["if all pods are not ready the update is not complete", of("StatefulSet", { ready: 2 }), "waiting: 2 of 3 ready"],
    [
      "partition update completes when all replicas above the partition are updated: for us a failure",
      of("StatefulSet", { updated: 1 }, partition(2)),
      "failed: its partition 2 keeps 2 pods on the old template",
    ],
    [
      "partition update is in progress if all pods above the partition have not been updated",
      of("StatefulSet", { updated: 0 }, partition(2)),
      "waiting: 0 of 3 updated",
    ],
    [
      "update completes when all replicas are current",
      of("StatefulSet", { currentRevision: "foo", updateRevision: "foo" }),
      "done",
    ],
  ],
  StatefulSet: [
    ["one of three updated", of("StatefulSet", { updated: 1, ready: 2 }), "waiting: 1 of 3 updated"],
    ["ready, but not yet for minReadySeconds", of("StatefulSet", { available: 2 }), "waiting: 2 of 3 available"],
    [
      "all counted, the revision not updated",
      of("StatefulSet", { currentRevision: "web-1", updateRevision: "web-2" }),
      "waiting: its controller has not finished the rollout yet",
    ],
    ["a partition after the end of the rollout", of("StatefulSet", {}, partition(2)), "done"],
    [
      "a partition beyond the last pod",
      of("StatefulSet", { updated: 0 }, partition(9)),
      "failed: its partition 9 keeps 3 pods on the old template",
    ],
    ["scaled to zero", of("StatefulSet", { desired: 0 }, partition(2)), "done"],
  ],
  Rollout: [
    [
      "change not seen yet",
      of("Rollout", { phase: "Healthy" }, { generation: 2 }),
      "waiting: its controller has not seen the change yet",
    ],
    [
      "healthy as before, restart not started",
      of(
        "Rollout",
        { phase: "Healthy" },
        { restartedAt: stamp, pods: [webPod("a", { createdAt: before }), webPod("b", { createdAt: before })] },
      ),
      "waiting: 0 of 3 restarted",
    ],
    [
      "healthy by an earlier restart",
      of(
        "Rollout",
        { phase: "Healthy", restartedAt: before },
        { restartedAt: stamp, pods: [webPod("a"), webPod("b", { createdAt: before, terminating: true })] },
      ),
      "waiting: 1 of 3 restarted",
    ],
    [
      "restarted, pods starting",
      of("Rollout", { phase: "Progressing", restartedAt: stamp, available: 2 }, { restartedAt: stamp }),
      "waiting: 2 of 3 available",
    ],
    [
      "restarted, steps left",
      of("Rollout", { phase: "Progressing", restartedAt: stamp }, { restartedAt: stamp }),
      "waiting: rollout still in progress",
    ],
    ["restarted and healthy", of("Rollout", { phase: "Healthy", restartedAt: stamp }, { restartedAt: stamp }), "done"],
    [
      "the same instant in another form",
      of("Rollout", { phase: "Healthy", restartedAt: stamp }, { restartedAt: "2026-11-03T05:05:06.000+01:00" }),
      "done",
    ],
    [
      "paused at a step, all restarted",
      of("Rollout", { phase: "Paused", restartedAt: stamp }, { restartedAt: stamp }),
      "done",
    ],
    [
      "degraded",
      of(
        "Rollout",
        { phase: "Degraded", ...condition("Progressing", "ProgressDeadlineExceeded", "timed out") },
        { restartedAt: stamp },
      ),
      "failed: degraded: timed out",
    ],
    [
      "degraded without a reason",
      of("Rollout", { phase: "Degraded" }, { restartedAt: stamp }),
      "failed: degraded: its controller gives no reason",
    ],
    [
      "aborted, with another condition",
      of(
        "Rollout",
        {
          phase: "Degraded",
          conditions: [
            { type: "Available", status: "False", reason: "AvailableReason", message: "no availability" },
            { type: "Progressing", status: "False", reason: "RolloutAborted", message: "aborted update to revision 2" },
          ],
        },
        { restartedAt: stamp },
      ),
      "failed: degraded: aborted update to revision 2",
    ],
    [
      "of an invalid spec",
      of("Rollout", { phase: "Degraded", ...condition("InvalidSpec", "InvalidSpec", "no selector") }),
      "failed: degraded: no selector",
    ],
    ["no restart in its spec, restarted before", of("Rollout", { phase: "Healthy", restartedAt: before }), "done"],
    [
      "of an old controller that reports no phase",
      of("Rollout", { restartedAt: after }, { restartedAt: after }),
      "done",
    ],
  ],
};

for (const [title, cases] of Object.entries(tables))
  suite(title, () => {
    for (const [name, item, verdict] of cases) test(name, () => assert.equal(verdictText(item), verdict));
  });

test("never done with an unseen change, a pod not updated or not available", () => {
  const count = fc.nat({ max: 4 });
  fc.assert(
    fc.property(
      fc.constantFrom<WorkloadKind>("Deployment", "StatefulSet", "DaemonSet"),
      fc.record({
        desired: count,
        observedGeneration: count,
        replicas: count,
        updated: count,
        ready: count,
        available: count,
      }),
      count,
      fc.nat({ max: 5 }),
      fc.boolean(),
      (kind, status, generation, partitioned, paused) => {
        const item = workload({ kind, generation, paused, status, ...partition(partitioned) });
        if (rolloutVerdict(item).kind !== "done") return;
        assert.ok(status.observedGeneration >= generation);
        assert.ok(status.updated >= status.desired);
        assert.ok(status.available >= status.desired);
        if (kind === "Deployment") assert.ok(status.replicas <= status.updated);
      },
    ),
  );
});
