/**
 * How far the rollout of one workload is, by what its controller reports: kubectl's own order of questions (generation,
 * deadline, updated, old gone, available; k8s.io/kubectl pkg/polymorphichelpers/rollout_status.go) and, for an Argo
 * Rollout, its controller's (argo-rollouts utils/rollout/rolloututil.go). Necessary and never sufficient: the proof is
 * in the pods.
 */

import type { ManagedWorkload } from "../../mesh/from/ownership.ts";
import { instantOf, isBefore } from "../../mesh/instant.ts";
import { counted } from "../../mesh/phrase.ts";
import type { WorkloadKind } from "../../mesh/workload-kinds.ts";
import { done, failed, type Verdict, waiting } from "./verdict.ts";

/**
 * The verdict on a workload as listed. Stricter than kubectl where a rollout would never finish by itself: `OnDelete`,
 * a partition that holds pods back, and a pause before the end are `failed`, and all pods have to be updated for
 * `done`.
 */
export function rolloutVerdict(workload: ManagedWorkload): Verdict {
  if (workload.status.observedGeneration < workload.generation) return waiting("change not seen by its controller yet");
  return rules[workload.kind](workload);
}

const rules: Readonly<Record<WorkloadKind, (workload: ManagedWorkload) => Verdict>> = {
  Deployment: (workload) => {
    const { desired, updated, replicas, available } = workload.status;
    const late = conditionFor(workload, "ProgressDeadlineExceeded");
    if (late) return failed(`exceeded its progress deadline: ${late}`);
    if (updated < desired) return unlessPaused(workload, `${updated} of ${desired} updated`);
    if (replicas > updated) return unlessPaused(workload, `${counted(replicas - updated, "old pod")} still running`);
    if (available < updated) return waiting(`${available} of ${updated} available`);
    return done;
  },

  StatefulSet: (workload) => {
    const { desired, updated, ready, available, currentRevision, updateRevision } = workload.status;
    if (workload.strategy.type === "OnDelete") return failed(onDelete);
    const partition = workload.strategy.type === "RollingUpdate" ? workload.strategy.partition : 0;
    if (updated < desired && updated >= desired - partition)
      return failed(`its partition ${partition} keeps ${counted(desired - updated, "pod")} on the old template`);
    if (ready < desired || updated < desired)
      return waiting(updated < desired ? `${updated} of ${desired} updated` : `${ready} of ${desired} ready`);
    if (available < desired) return waiting(`${available} of ${desired} available`);
    if (currentRevision !== updateRevision) return waiting("rollout not closed by its controller yet");
    return done;
  },

  DaemonSet: (workload) => {
    const { desired, updated, available } = workload.status;
    if (workload.strategy.type === "OnDelete") return failed(onDelete);
    if (updated < desired) return waiting(`${updated} of ${desired} updated`);
    if (available < desired) return waiting(`${available} of ${desired} available`);
    return done;
  },

  Rollout: (workload) => {
    const { desired, available, phase, restartedAt } = workload.status;
    if (phase === "Degraded") return failed(`degraded: ${whyDegraded(workload)}`);
    if (workload.restartedAt !== undefined && instantOf(restartedAt) !== instantOf(workload.restartedAt))
      return waiting(`${restartedPods(workload)} of ${desired} restarted`);
    if (available < desired) return waiting(`${available} of ${desired} available`);
    if (phase === "Progressing") return waiting("rollout still in progress");
    return done;
  },
};

const onDelete = "its update strategy is OnDelete: a pod is replaced only when somebody deletes it";

const unlessPaused = (workload: ManagedWorkload, reason: string): Verdict =>
  workload.paused ? failed(`paused with ${reason}: it goes on only when somebody resumes it`) : waiting(reason);

const conditionFor = (workload: ManagedWorkload, reason: string): string | undefined =>
  workload.status.conditions.find((condition) => condition.reason === reason)?.message;

const whyDegraded = (workload: ManagedWorkload): string =>
  workload.status.conditions.find(
    ({ type, reason }) => type === "InvalidSpec" || ["RolloutAborted", "ProgressDeadlineExceeded"].includes(reason),
  )?.message ?? "its controller says no more";

/** Argo evicts pods older than `spec.restartAt`; what stands and is not older was made since (rollout/restart.go). */
const restartedPods = (workload: ManagedWorkload): number =>
  workload.pods.filter((pod) => !pod.terminating && !isBefore(pod.createdAt, workload.restartedAt)).length;
