/**
 * One workload: restarted, and watched until its pods are proven. Where new pods still came up on another revision, it
 * is restarted once more.
 */

import { ClusterError } from "../../cluster/cluster-error.ts";
import { kinds, resourceOf } from "../../cluster/kinds.ts";
import { paceAnnotation } from "../../mesh/from/pace-record.ts";
import type { PodObject } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import { refText } from "../../mesh/object-ref.ts";
import { trialPodAdmission } from "../../upgrade/checks/single-checks.ts";
import { type RestartStep, stepKey } from "../../upgrade/plan/step.ts";
import { takenBackReason } from "../../upgrade/proof/taken-back.ts";
import type { RestartGoal } from "../../upgrade/proof/workload-proof.ts";
import { type Arrived, arrival } from "../arrival.ts";
import type { ProgressTask } from "../progress.ts";
import type { Proof, StepActions } from "../run-plan.ts";
import { goneIsDone, settle } from "../settle.ts";
import type { Tools } from "../tools.ts";
import { askOnce, isUnanswered } from "./ask-operator.ts";
import { giveBack, hold } from "./hold.ts";
import { pacedArrival } from "./paced-arrival.ts";
import { probeFailure } from "./probe.ts";
import { checkLabels } from "./relabel-step.ts";
import { stampWorkload } from "./restart.ts";
import { laterStamp } from "./stamp.ts";

interface RestartUnderWay {
  readonly task: ProgressTask;
  /** Of the last restart: a second one of the same run has a later stamp. */
  goal: RestartGoal;
  restarts: number;
  /** Of an operator that does nothing: it was looked whether it has heard. */
  asked: boolean;
}

/** An operator that has heard of a restart has replaced a pod by then (ms): Strimzi looks every two minutes. */
const unheardMs = 180_000;

export const restartActions: StepActions<RestartStep, RestartUnderWay> = {
  podsInFlight: (step) => step.podsInFlight,

  /** The template may be another than the one that was probed first, and a webhook may have died since. */
  guard: async (step, tools) => {
    if (!step.guarded) return "go";
    await checkLabels(step.workload.namespace, tools);
    const reason = await trialFailure(step, tools);
    if (reason !== undefined) throw new ClusterError(reason, { reason: "denied" });
    return "go";
  },

  ownStamp: async ({ stamp }, tools) => (stamp.kind === "new" ? laterStamp(timeOf(tools), stamp.after) : undefined),

  apply: async (step, tools, ownStamp) => {
    const { workload } = step;
    const title = `${workload.kind}/${workload.name}${step.canary ? " (canary)" : ""}`;
    const task = tools.sectionOf(workload.namespace).task(refText(workload), title);
    try {
      const goal = await restart(step, ownStamp ?? stampOfPlan(step, tools), tools);
      for (const pod of step.blockingPods) await deletePod(pod, workload.namespace, tools);
      return { task, goal, restarts: 1, asked: false };
    } catch (error) {
      if (error instanceof ClusterError) task.fail(error.message);
      throw error;
    }
  },

  prove: async (step, restarted, until, tools, release) => {
    const { task } = restarted;
    for (;;) {
      const goal = goalOf(step, restarted, until, tools);
      const wait = step.pace
        ? pacedArrival.bind(undefined, { ...step, pace: step.pace })
        : arrival.bind(undefined, step.workload);
      const end = await wait(goal, tools, (text) => task.update(text), release);
      tools.journal.note(stepKey(step), { pods: end.pods, proven: end.proven, versions: end.versions });
      const again = end.kind === "wrong-revision" ? await restartAgain(step, restarted, end, tools) : undefined;
      if (end.kind === "wrong-revision" && again === undefined) continue;
      const unanswered = end.kind !== "done" && end.kind !== "draining" && isUnanswered(step, restarted.goal, tools);
      if (!restarted.asked && unanswered) {
        restarted.asked = true;
        await askOnce(step, restarted.goal, tools);
        continue;
      }
      const hint = unanswered ? step.way?.by.hint : undefined;
      const proof: Proof =
        again ?? (end.kind === "taken-back" ? await takenBack(step, restarted, tools) : proofOf(end, hint));
      if (proof.state === "proven" && until === "first-pod") return proof;
      if (proof.state === "proven") task.done(`${end.proven} of ${end.pods} pods on ${step.to}`);
      else if (proof.state === "draining")
        task.done(`${end.proven} of ${end.pods} pods on ${step.to}; ${proof.reason}`);
      else task.fail(proof.reason ?? "");
      return proof;
    }
  },
};

/** `hint`: what to look at, where the operator that was asked has not done it. */
const proofOf = ({ kind, reason, diagnosis }: Arrived, hint: string | undefined): Proof => {
  if (kind === "done") return { state: "proven", reason: undefined };
  if (kind === "draining") return { state: "draining", reason };
  const text = hint === undefined ? reason : `${reason} (${hint})`;
  return { state: kind === "failed" ? "failed" : "unproven", reason: text, diagnosis };
};

/**
 * A way back only waits: the pods that it replaces are on the revision that it leaves, and may be broken. With the
 * template as it was, their age does not tell them from the new ones.
 */
const goalOf = (
  step: RestartStep,
  { goal, asked }: RestartUnderWay,
  question: "first-pod" | "all-pods",
  { timeouts }: Tools,
) => {
  const onward = step.guarded && step.stamp.kind !== "as-before";
  return {
    ...goal,
    question,
    wrongRevision: onward ? "ends" : "waits",
    restarted: step.stamp.kind !== "as-before" && step.way === undefined,
    diagnosed: onward,
    noProgressMs: step.way && !asked ? Math.min(unheardMs, timeouts.workload / 2) : timeouts.workload,
  } as const;
};

/** A way back goes on where a trial pod is refused: what it replaces may be broken already. */
const trialFailure = (
  { workload, to, accepted = [], version }: RestartStep,
  tools: Tools,
): Promise<string | undefined> =>
  probeFailure(workload, to, tools, {
    before: undefined,
    accepted: tools.direction === "back" ? [trialPodAdmission.id] : accepted,
    trustsBoth: true,
    version,
  });

const stampOfPlan = ({ workload, stamp }: RestartStep, { ledger }: Tools): string | null =>
  stamp.kind === "as-before" ? stamp.stamp : ledger.runOf(workload.namespace).stamp;

const timeOf = ({ cluster, clock, stop }: Tools) => ({ cluster, clock, signal: stop.now });

async function restart(step: RestartStep, stamp: string | null, tools: Tools): Promise<RestartGoal> {
  const { workload, uid, to, canary, leads = canary, version, way } = step;
  const { cluster, journal } = tools;
  const before = leads ? await podsIn(workload.namespace, tools) : undefined;
  const key = stepKey(step);
  journal.note(key, { stamp: stamp ?? "" });
  const noteBefore = (found: string | null): void => {
    if (journal.outcome(key).stampBefore === undefined) journal.note(key, { stampBefore: found });
  };
  const ref = { ...workload, uid };
  if (step.pace) await hold(cluster, ref, step.pace);
  const stamped = await stampWorkload(cluster, workload, uid, stamp, noteBefore, way);
  // A template that goes back is written before its rollout goes on.
  const isHeld = !way && !step.pace && labelOf(stamped.metadata.annotations, paceAnnotation) !== undefined;
  const { metadata } = isHeld ? await giveBack(cluster, ref) : stamped;
  return {
    uid,
    stamp: stamp ?? "",
    generation: way ? 0 : (metadata.generation ?? 0),
    ...(way && { operator: `the operator of ${refText(way.object)}` }),
    revision: to,
    ...(version === undefined ? {} : { version }),
    oldRevisions: step.guarded ? tools.oldRevisions : [],
    ...(before && { before }),
    ...(tools.proof && { proof: { ...tools.proof, trial: tools.trials.get(key) } }),
  };
}

/**
 * A pod that is gone, or another one of its name, blocks nothing any more; nor does one that is ready now: its
 * StatefulSet goes on by itself, and would be without both it and the pod that it replaces next. The pod must be as it
 * was read.
 */
const deletePod = (
  { name, uid }: RestartStep["blockingPods"][number],
  namespace: string,
  { cluster }: Tools,
): Promise<"over"> =>
  settle<PodObject | undefined, "over">({
    read: async () => {
      const query = { namespace, fieldSelector: `metadata.name=${name}` };
      const listed = await cluster.list<PodObject, PodObject>(kinds.pods, query, (pod) => pod);
      return listed?.items.find(({ metadata }) => metadata.name === name);
    },
    settled: (pod) =>
      pod?.metadata.uid !== uid || pod.metadata.deletionTimestamp !== undefined || isReady(pod) ? "over" : undefined,
    write: async (pod) => {
      const { resourceVersion } = (pod as PodObject).metadata;
      const deleted = cluster.delete(kinds.pods, { namespace, name }, uid, { resourceVersion });
      await deleted.catch(goneIsDone);
      return "over";
    },
  });

const isReady = ({ status }: PodObject): boolean =>
  (status?.conditions ?? []).some((condition) => condition.type === "Ready" && condition.status === "True");

/** Only what leads is judged on its first new pod, so only there it matters which pods are new. */
async function podsIn(namespace: string, { cluster }: Tools): Promise<ReadonlySet<string>> {
  const listed = await cluster.list(kinds.pods, { namespace, metadataOnly: true }, ({ metadata }) => metadata.uid);
  return new Set(listed?.items);
}

/** Whoever takes a restart back takes the next one back too: there is none. */
async function takenBack({ workload }: RestartStep, { goal }: RestartUnderWay, { cluster }: Tools): Promise<Proof> {
  const now = await cluster.get(resourceOf(workload), workload.name, workload.namespace).catch(() => undefined);
  return { state: "failed", reason: takenBackReason(workload, goal.stamp, now?.metadata) };
}

/** One new stamp a run; a second time it is a failure. Undefined: it was restarted again. */
async function restartAgain(
  step: RestartStep,
  restarted: RestartUnderWay,
  { reason }: Arrived,
  tools: Tools,
): Promise<Proof | undefined> {
  const failed = (text: string): Proof => ({ state: "failed", reason: text });
  if (restarted.restarts > 1)
    return failed(
      `new pods came up on another ${step.version === undefined ? "revision" : "revision or version"} twice: ${reason}`,
    );
  restarted.task.update(`${reason}; restarting once more`);
  const stamp = await laterStamp(timeOf(tools), restarted.goal.stamp);
  do {
    await checkLabels(step.workload.namespace, tools);
    const wrong = await trialFailure(step, tools);
    if (wrong !== undefined) return failed(`${reason}; ${wrong}`);
  } while ((await tools.ledger.begin(step, stamp)) === "stale");
  tools.stop.now.throwIfAborted();
  restarted.restarts++;
  restarted.goal = await restart(step, stamp, tools);
  return undefined;
}
