/**
 * The state of one workload's rollout, by its status. The order of the questions is kubectl's (generation, deadline,
 * updated, old pods, available; k8s.io/kubectl pkg/polymorphichelpers/rollout_status.go), and for an Argo Rollout that
 * of its controller (argo-rollouts utils/rollout/rolloututil.go). A finished rollout is not enough: see pod-proof.ts.
 */

import type { ManagedWorkload } from "../../mesh/from/ownership.ts";
import { instantOf, isBefore } from "../../mesh/instant.ts";
import { counted } from "../../mesh/phrase.ts";
import { isWorkloadKind, type WorkloadKind } from "../../mesh/workload-kinds.ts";
import { statedMs } from "./stated-time.ts";
import { done, failed, type Verdict, waiting } from "./verdict.ts";

/**
 * The verdict on a workload's rollout. It is stricter than kubectl where a rollout would never finish by itself:
 * `OnDelete`, a partition that keeps old pods, and a pause before the end are `failed`; `done` needs all pods updated.
 */
export function rolloutVerdict(workload: ManagedWorkload): Verdict {
  if (workload.status.observedGeneration < workload.generation)
    return waiting("its controller has not seen the change yet");
  return isWorkloadKind(workload.kind) ? rules[workload.kind](workload) : ownersPods(workload);
}

/** Of an operator's own object: how far its operator is shows in its pods alone. */
const ownersPods = ({ status: { desired, replicas, ready } }: ManagedWorkload): Verdict => {
  if (replicas < desired) return waiting(`${replicas} of ${desired} pods there`);
  return ready < replicas ? waiting(`${ready} of ${replicas} ready`) : done;
};

const rules: Readonly<Record<WorkloadKind, (workload: ManagedWorkload) => Verdict>> = {
  Deployment: (workload) => {
    const { desired, updated, replicas, available } = workload.status;
    const exceeded = conditionFor(workload, "ProgressDeadlineExceeded");
    if (exceeded && !statesLonger(workload)) return failed(`exceeded its progress deadline: ${exceeded}`);
    if (updated < desired) return waitingUnlessPaused(workload, `${updated} of ${desired} updated`);
    if (replicas > updated)
      return waitingUnlessPaused(workload, `${counted(replicas - updated, "old pod")} still running`);
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
    if (currentRevision !== updateRevision) return waiting("its controller has not finished the rollout yet");
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
    if (phase === "Degraded") return failed(`degraded: ${degradedReason(workload)}`);
    if (workload.restartedAt !== undefined && instantOf(restartedAt) !== instantOf(workload.restartedAt))
      return waiting(`${restartedPods(workload)} of ${desired} restarted`);
    if (available < desired) return waiting(`${available} of ${desired} available`);
    if (phase === "Progressing") return waiting("rollout still in progress");
    return done;
  },
};

/**
 * Its pods may take longer to be available than its deadline allows for: that it is exceeded says nothing then, and its
 * controller goes on. https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#progress-deadline-seconds
 */
const statesLonger = (workload: ManagedWorkload): boolean =>
  statedMs(workload) > (workload.progressDeadlineSeconds ?? 600) * 1000;

const onDelete = "its update strategy is OnDelete: a pod is replaced only when somebody deletes it";

const waitingUnlessPaused = (workload: ManagedWorkload, reason: string): Verdict =>
  workload.paused ? failed(`paused with ${reason}: it continues only after somebody resumes it`) : waiting(reason);

const conditionFor = (workload: ManagedWorkload, reason: string): string | undefined =>
  workload.status.conditions.find((condition) => condition.reason === reason)?.message;

const degradedReason = (workload: ManagedWorkload): string =>
  workload.status.conditions.find(
    ({ type, reason }) => type === "InvalidSpec" || ["RolloutAborted", "ProgressDeadlineExceeded"].includes(reason),
  )?.message ?? "its controller gives no reason";

/** Argo Rollouts evicts pods older than `spec.restartAt`; the other pods are new (rollout/restart.go). */
const restartedPods = (workload: ManagedWorkload): number =>
  workload.pods.filter((pod) => !pod.terminating && !isBefore(pod.createdAt, workload.restartedAt)).length;
