/**
 * The wait for a workload that is paced: so many new pods, their proof, a pause, the next ones. What is held when it ends
 * early stays held; the end of the run gives it back (`giveBackAll`).
 */
import { sleep } from "../../cluster/clock.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { refText } from "../../mesh/object-ref.ts";
import { durationText } from "../../mesh/text/duration.ts";
import type { StepPace } from "../../upgrade/pace/workload-pace.ts";
import type { RestartStep } from "../../upgrade/plan/step.ts";
import { type ArrivalGoal, type Arrived, arrival } from "../arrival.ts";
import type { Tools } from "../tools.ts";
import { giveBack, type HeldRollout, heldRollout, letGo, type PacedRef, pause } from "./hold.ts";
import { checkLabels } from "./relabel-step.ts";

type PacedStep = RestartStep & { readonly pace: StepPace };

/** How often (ms) a rollout that was let go is looked at: it has to stand before its new pods are ready. */
const lookMs = 200;

/**
 * As `arrival`. Asked for the first pod it lets the first part go; asked for all pods, one part after the other, and then
 * the fields are as before. Throws `ClusterError`.
 */
export async function pacedArrival(
  step: PacedStep,
  goal: ArrivalGoal,
  tools: Tools,
  report: (text: string) => void,
  whenProven: () => void,
): Promise<Arrived> {
  const { workload, pace } = step;
  const { cluster, clock, stop } = tools;
  const ref = { ...workload, uid: step.uid };
  for (;;) {
    const there = await standing(ref, tools);
    if (there === "not held") break;
    if (there.updated > 0) {
      const question = goal.question === "first-pod" ? {} : ({ question: "new-pods", newPods: there.updated } as const);
      const end = await arrival(workload, { ...goal, ...question }, tools, report);
      if (end.kind !== "done" || goal.question === "first-pod") return end;
      if (there.updated >= there.desired) break;
      if (pace.pauseMs > 0)
        report(`${there.updated} of ${there.desired} new; the next in ${durationText(pace.pauseMs)}`);
      await sleep(clock, pace.pauseMs, stop.now);
      stop.now.throwIfAborted();
    }
    await checkLabels(workload.namespace, tools);
    const end = await nextPart(ref, Math.min(there.desired, there.updated + pace.pods), goal, tools, report);
    if (end.kind !== "done" || goal.question === "first-pod") return end;
  }
  await giveBack(cluster, ref);
  return arrival(workload, goal, tools, report, whenProven);
}

/** Lets the rollout go until so many of its pods are new, and waits for their proof. Then it stands. */
async function nextPart(
  ref: PacedRef,
  newPods: number,
  goal: ArrivalGoal,
  tools: Tools,
  report: (text: string) => void,
): Promise<Arrived> {
  const over = new AbortController();
  await letGo(tools.cluster, ref, newPods);
  const stands = stopAt(ref, newPods, tools, over.signal);
  stands.catch(() => {}); // It is waited for below.
  try {
    const question = goal.question === "first-pod" ? {} : ({ question: "new-pods", newPods } as const);
    return await arrival(ref, { ...goal, ...question }, tools, report);
  } finally {
    over.abort();
    await stands;
  }
}

/** Pauses it once so many pods are new, or at the signal. A look that fails is done again. Throws `ClusterError`. */
async function stopAt(ref: PacedRef, newPods: number, tools: Tools, signal: AbortSignal): Promise<void> {
  const { cluster, clock, stop } = tools;
  const ends = AbortSignal.any([signal, stop.now]);
  while (!ends.aborted) {
    const now = await heldRollout(cluster, ref).catch((error: unknown) => {
      if (error instanceof ClusterError) return "not observed" as const;
      throw error;
    });
    if (now === "not held") return;
    if (now !== "not observed" && now.updated >= newPods) break;
    await sleep(clock, lookMs, ends);
  }
  await pause(cluster, ref);
}

/** Where it stands, once its controller has seen the last change. Throws `ClusterError` where it does not. */
async function standing(ref: PacedRef, { cluster, clock, stop, timeouts }: Tools): Promise<HeldRollout | "not held"> {
  const since = clock.now();
  for (;;) {
    const found = await heldRollout(cluster, ref);
    if (found !== "not observed") return found;
    if (clock.now() - since > timeouts.workload)
      throw new ClusterError(`${refText(ref)}: its controller does not see its change`, { reason: "timeout" });
    await sleep(clock, lookMs, stop.now);
    stop.now.throwIfAborted();
  }
}
