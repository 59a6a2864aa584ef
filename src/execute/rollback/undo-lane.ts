/** Puts back what one lane of a plan wrote: the rollback of its namespace, planned from its journal and today's pods. */
import { ClusterError } from "../../cluster/cluster-error.ts";
import type { NamespacePicture } from "../../gather/watch/namespace-watch.ts";
import type { Pod } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import { isWritten } from "../../upgrade/plan/outcome.ts";
import { type Lane, type Stage, stepsOf, stepsOfLane } from "../../upgrade/plan/plan.ts";
import {
  arrivedPods,
  planRollback,
  type Restarted,
  type Restoring,
  type RollbackPlan,
} from "../../upgrade/plan/rollback.ts";
import { isUnwritten, type RelabelStep, stepKey } from "../../upgrade/plan/step.ts";
import { type Machine, runPlan } from "../run-plan.ts";
import type { Tools } from "../tools.ts";

/**
 * Undefined: everything is as it was before; else what is not, in words. The way back has a time of its own: the run
 * may be out of it. A signal ends it between two steps, three seconds later. Throws `ClusterError` where the namespace
 * cannot be read.
 */
export async function undoLane(lane: Lane, machine: Omit<Machine, "gate">, tools: Tools): Promise<string | undefined> {
  const relabel = stepsOfLane(lane).find((step) => step.kind === "relabel");
  const restoring = relabel && restoringOf(lane, relabel, tools);
  if (!restoring) return undefined;
  const undo = tools.forUndo();
  let plan = planRollback([restoring]);

  /** Pods that came up on the target while the labels were still there are known only once the labels are back. */
  const lookAgain = async (stage: Stage): Promise<readonly Lane[]> => {
    if (stage.name === "close") return plan.stages.find(({ name }) => name === "close")?.lanes ?? [];
    const { workloads, pods } = await freshPicture(lane.namespace, undo);
    plan = planRollback([{ ...restoring, workloads: [...workloads.values()], pods }]);
    tell({ ...restoring, pods }, plan, tools);
    return plan.stages.find(({ name }) => name === stage.name)?.lanes ?? [];
  };
  await runPlan(plan, { ...machine, gate: lookAgain }, undo).finally(() => takeOver(plan, undo, tools));
  return notRestored(plan, undo);
}

function restoringOf(lane: Lane, relabel: RelabelStep, { journal }: Tools): Restoring | undefined {
  const { state, record, labels } = journal.outcome(stepKey(relabel));
  if (state === "not-begun" || !record) return undefined;
  const restarted = stepsOfLane(lane).flatMap((step): readonly Restarted[] => {
    if (step.kind !== "restart") return [];
    const outcome = journal.outcome(stepKey(step));
    if (!isWritten(outcome)) return [];
    const { stamp = "", stampBefore = null } = outcome;
    return [{ workload: step.workload, uid: step.uid, stamp, stampBefore, ...(step.way && { way: step.way }) }];
  });
  return {
    ...{ namespace: lane.namespace, record, written: labels ?? relabel.after, unwritten: isUnwritten(relabel) },
    ...{ workloads: [], pods: [], restarted },
  };
}

/** Warns of other workloads that are restarted, and of pods of Jobs that stay until they end. */
function tell(restoring: Restoring, plan: RollbackPlan, { warn, journal }: Tools): void {
  const { record, restarted } = restoring;
  const known = new Set(restarted.map(({ workload }) => refText(workload)));
  const { revision } = record.target;
  for (const step of stepsOf(plan)) {
    if (step.kind !== "restart" || known.has(refText(step.workload))) continue;
    const names = namesOf(arrivedPods(restoring, step.workload));
    warn(`${refText(step.workload)}: restarted to put back what came up on ${revision} meanwhile: ${names}`);
    journal.note(stepKey(step), { state: "unproven", reason: `restarted to put back ${names}` });
  }
  if (plan.untilTheyEnd.length > 0)
    warn(`came up on ${revision} meanwhile and run there until they end: ${namesOf(plan.untilTheyEnd)}`);
}

/** Notes in the journal of the run: a step that the way back proved is undone, any other restart has failed. */
function takeOver(plan: RollbackPlan, undo: Tools, { journal }: Tools): void {
  for (const step of stepsOf(plan)) {
    const key = stepKey(step);
    const { state, reason } = undo.journal.outcome(key);
    if (state === "proven") journal.note(key, { state: "undone", reason: undefined });
    else if (step.kind === "restart" && state === "draining") journal.note(key, { state, reason });
    else if (step.kind === "restart" && state === "unproven" && undo.stop.interrupted())
      journal.note(key, { state, reason: reason && `put back, and ${reason}` });
    else if (step.kind === "restart") journal.note(key, { state: "failed", reason: reason ?? "not put back" });
  }
  // These pods are of no step, but the namespace is not as it was before.
  for (const { namespace } of plan.notRestorable) journal.note(`pods of ${namespace}`, { state: "failed" });
}

function notRestored(plan: RollbackPlan, { journal }: Tools): string | undefined {
  for (const step of stepsOf(plan)) {
    const { state, reason = "it was not put back" } = journal.outcome(stepKey(step));
    if (state === "proven") continue;
    return !("workload" in step) ? reason : `${refText(step.workload)} is not back on ${step.to} yet: ${reason}`;
  }
  return plan.notRestorable.length === 0
    ? undefined
    : `came up on the target meanwhile, and no workload is known whose restart replaces them: ${namesOf(plan.notRestorable)}; delete and create them again by hand`;
}

const namesOf = (pods: readonly Pod[]): string => pods.map(({ name }) => name).join(", ");

/**
 * A picture that was begun after now. Throws `ClusterError` when none comes for as long as a probe may take, or until the
 * run has to end.
 */
function freshPicture(namespace: string, { watchOf, clock, timeouts, stop }: Tools): Promise<NamespacePicture> {
  const { objects } = watchOf(namespace);
  const signal = AbortSignal.any([clock.timeout(timeouts.probe), stop.now]);
  return new Promise((resolve, reject) => {
    const asked = clock.now();
    const end = objects.listen(() => {
      const { value, readAt } = objects.reading();
      if (value === undefined || readAt === undefined || readAt < asked) return objects.hint();
      end();
      resolve(value);
    });
    objects.hint();
    const giveUp = (): void => {
      end();
      reject(new ClusterError(`the pods of namespace ${namespace} could not be read`, { reason: "timeout" }));
    };
    if (signal.aborted) giveUp();
    else signal.addEventListener("abort", giveUp, { once: true });
  });
}
