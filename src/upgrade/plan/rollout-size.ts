/** How many pods a restart of a workload has in flight. */
import type { Workload } from "../../mesh/model.ts";

type Sized = Pick<Workload, "strategy" | "status">;

/**
 * How many pods a restart has in flight at most: those made before an old one is gone, and those missing meanwhile.
 * https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment
 */
export const rolloutSize = (workload: Sized): number => surge(workload) + unavailable(workload);

/** Pods made beyond the desired number. */
export const surge = ({ strategy, status }: Sized): number =>
  strategy.type === "RollingUpdate" ? Math.min(strategy.maxSurge, status.desired) : 0;

/** Pods that may be missing at once, by the workload's own strategy. */
export const unavailable = ({ strategy, status }: Sized): number => {
  switch (strategy.type) {
    case "RollingUpdate":
    case "RolloutRestart":
      return Math.min(strategy.maxUnavailable, status.desired);
    case "Recreate":
      return status.desired;
    case "OnDelete":
      return 0;
  }
};

/**
 * How many times it waits for old pods to end before it is through: a Deployment and a Rollout with a surge do not, nor
 * does a DaemonSet with one; the others make the next pods after the old ones are gone.
 */
export const rolloutBatches = (workload: Sized & Pick<Workload, "kind">): number =>
  workload.kind === "Deployment" || workload.kind === "Rollout" || surge(workload) > 0
    ? 1
    : Math.ceil(Math.max(1, workload.status.desired) / Math.max(1, unavailable(workload)));
