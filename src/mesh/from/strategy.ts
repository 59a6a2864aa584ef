/** The update strategy of a workload, with its bounds as numbers of pods. */
import type { WorkloadObject } from "../kubernetes.ts";
import type { Strategy } from "../model.ts";
import type { WorkloadKind } from "../workload-kinds.ts";

/**
 * How the workload's controller replaces pods. Percentages become numbers of pods, with the controller's own rounding.
 * Sources: `ResolveFenceposts` and `MaxUnavailable` (kubernetes pkg/controller/deployment/util),
 * `getStatefulSetMaxUnavailable` (pkg/controller/statefulset), `UnavailableCount` and `SurgeCount`
 * (pkg/controller/daemon/util), `restart.go` and `MaxUnavailable` (argoproj/argo-rollouts rollout/, utils/replicaset).
 * `desired` is the number of pods that the workload should have.
 */
export const strategyFrom = (kind: WorkloadKind, spec: WorkloadObject["spec"], desired: number): Strategy => {
  switch (kind) {
    case "Deployment":
      return deploymentStrategy(spec.strategy, desired);
    case "StatefulSet":
      return statefulSetStrategy(spec.updateStrategy, desired);
    case "DaemonSet":
      return daemonSetStrategy(spec.updateStrategy, desired);
    case "Rollout":
      return rolloutStrategy(spec.strategy, desired);
  }
};

const deploymentStrategy = (
  { type, rollingUpdate = {} }: NonNullable<WorkloadObject["spec"]["strategy"]> = {},
  desired: number,
): Strategy => {
  if (type === "Recreate") return { type };
  const { maxSurge, maxUnavailable } = fenceposts(
    rollingUpdate.maxSurge ?? "25%",
    rollingUpdate.maxUnavailable ?? "25%",
    desired,
  );
  return { type: "RollingUpdate", maxSurge, maxUnavailable, partition: 0 };
};

const statefulSetStrategy = (
  { type, rollingUpdate = {} }: NonNullable<WorkloadObject["spec"]["updateStrategy"]> = {},
  desired: number,
): Strategy => {
  if (type === "OnDelete") return { type };
  const maxUnavailable = Math.max(1, podsOf(rollingUpdate.maxUnavailable ?? 1, desired, Math.floor));
  return { type: "RollingUpdate", maxSurge: 0, maxUnavailable, partition: rollingUpdate.partition ?? 0 };
};

const daemonSetStrategy = (
  { type, rollingUpdate = {} }: NonNullable<WorkloadObject["spec"]["updateStrategy"]> = {},
  desired: number,
): Strategy => {
  if (type === "OnDelete") return { type };
  const maxSurge = podsOf(rollingUpdate.maxSurge ?? 0, desired, Math.ceil);
  const maxUnavailable = podsOf(rollingUpdate.maxUnavailable ?? 1, desired, Math.ceil);
  return {
    type: "RollingUpdate",
    maxSurge,
    maxUnavailable: maxSurge === 0 ? Math.max(1, maxUnavailable) : maxUnavailable,
    partition: 0,
  };
};

const rolloutStrategy = (
  { canary, blueGreen }: NonNullable<WorkloadObject["spec"]["strategy"]> = {},
  desired: number,
): Strategy => {
  const bound = podsOf((blueGreen ?? canary)?.maxUnavailable ?? "25%", desired, Math.floor);
  return { type: "RolloutRestart", maxUnavailable: Math.max(1, Math.min(bound, desired)) };
};

/**
 * maxSurge is rounded up and maxUnavailable down. If both are 0, one pod may be unavailable: otherwise no pod could
 * ever be replaced.
 */
const fenceposts = (
  surge: number | string,
  unavailable: number | string,
  desired: number,
): { maxSurge: number; maxUnavailable: number } => {
  const maxSurge = podsOf(surge, desired, Math.ceil);
  const maxUnavailable = podsOf(unavailable, desired, Math.floor);
  return { maxSurge, maxUnavailable: Math.min(maxSurge === 0 ? Math.max(1, maxUnavailable) : maxUnavailable, desired) };
};

/**
 * A number or a percentage as a number of pods. The multiplication comes first, so that 29% of 100 is 29 and not
 * 28.999….
 */
export const podsOf = (value: number | string, desired: number, round: (pods: number) => number): number =>
  typeof value === "number" ? value : round((Number.parseInt(value, 10) * desired) / 100);
