/** Which workloads can be paced, and how long that takes. Pure. */

import { boundsWithin, type Pace } from "../../mesh/from/pace-record.ts";
import type { Workload } from "../../mesh/model.ts";
import { durationText } from "../../mesh/text/duration.ts";
import { rolloutSize, surge, unavailable } from "../plan/rollout-size.ts";

/** What was asked for with `--workload-pods` and `--workload-pause`. */
export interface PaceWish extends Pace {
  /** `--timeout` (ms): the whole run has to fit in it. */
  readonly withinMs: number;
}

/** A pace as a step has it. `bounds`: pods beyond the desired number and pods missing, at most, of a Deployment. */
export interface StepPace extends Pace {
  readonly bounds: { readonly maxSurge: number; readonly maxUnavailable: number };
}

/** Whether the workload has more pods than come at a time. */
const isLarger = ({ status }: Workload, { pods }: Pace): boolean => status.desired > pods;

/**
 * Why the pace cannot be kept for a workload that is larger than it; undefined where it can, and where all its pods come at
 * once anyway. A Deployment stands while it is paused, and a StatefulSet at its partition:
 * https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#pausing-and-resuming-a-deployment,
 * https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#partitions
 */
export function unpacedReason(workload: Workload, pace: Pace): string | undefined {
  if (!isLarger(workload, pace)) return undefined;
  const { kind, strategy, way, owner } = workload;
  if (way) return "its operator replaces its pods, at the operator's pace";
  if (owner?.controller) return `its ${owner.kind} would take a change of its rollout back`;
  if (kind !== "Deployment" && kind !== "StatefulSet")
    return `a ${kind} cannot be held in the midst of a rollout: its own strategy replaces up to ${rolloutSize(workload)} pods at once`;
  return strategy.type === "RollingUpdate" ? undefined : `its strategy is ${strategy.type}`;
}

/** The pace of one workload; undefined where none was asked for, where none is needed, and where it cannot be kept. */
export function paceOf(workload: Workload, pace: Pace | undefined): StepPace | undefined {
  if (pace === undefined || !isLarger(workload, pace) || unpacedReason(workload, pace) !== undefined) return undefined;
  const own = { maxSurge: surge(workload), maxUnavailable: unavailable(workload) };
  return { pods: pace.pods, pauseMs: pace.pauseMs, bounds: boundsWithin(own, pace.pods) };
}

/** How long (ms) the pauses of one workload take together. */
export const pausesMs = (pods: number, pace: Pace): number => (Math.ceil(pods / pace.pods) - 1) * pace.pauseMs;

/** `2 at a time`, `2 at a time, then 5m`. */
export const paceText = ({ pods, pauseMs }: Pace): string =>
  `${pods} at a time${pauseMs > 0 ? `, then ${durationText(pauseMs)}` : ""}`;
