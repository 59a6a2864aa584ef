import type { Workload } from "../mesh/model.ts";

/**
 * How many pods a restart has in flight at most: those made before an old one is gone, and those missing meanwhile.
 * https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment; Argo evicts at least one (rollout/restart.go).
 */
export const podsInFlight = (workload: Workload): number => surge(workload) + unavailable(workload);

/** Pods made beyond the desired number. */
export const surge = ({ strategy, status }: Workload): number =>
  strategy.type === "RollingUpdate" ? Math.min(strategy.maxSurge, status.desired) : 0;

/** Pods that may be missing at once, by the workload's own strategy. */
export const unavailable = ({ kind, strategy, status }: Workload): number => {
  switch (strategy.type) {
    case "RollingUpdate":
      return Math.min(kind === "StatefulSet" ? Math.max(1, strategy.maxUnavailable) : strategy.maxUnavailable, status.desired);
    case "RolloutRestart":
      return Math.min(Math.max(1, strategy.maxUnavailable), status.desired);
    case "Recreate":
      return status.desired;
    case "OnDelete":
      return 0;
  }
};
