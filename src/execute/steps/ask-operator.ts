/** An operator may lose what it was asked: then it is asked a second time. */
import { workloadIn } from "../../gather/watch/namespace-watch.ts";
import { isBefore } from "../../mesh/instant.ts";
import { isLive } from "../../mesh/pod-state.ts";
import type { RestartStep } from "../../upgrade/plan/step.ts";
import type { RestartGoal } from "../../upgrade/proof/workload-proof.ts";
import type { Tools } from "../tools.ts";
import { stampWorkload } from "./restart.ts";

/** Whether the operator that was asked has left a pod of before on another revision, as far as is seen. */
export const isUnanswered = (
  { workload, way, to }: RestartStep,
  { stamp }: RestartGoal,
  { watchOf }: Tools,
): boolean => {
  const picture = watchOf(workload.namespace).objects.reading().value;
  const pods = (picture && workloadIn(picture, workload)?.pods) ?? [];
  return (
    way !== undefined &&
    pods.some((pod) => isLive(pod) && !pod.terminating && pod.proxy?.revision !== to && !isBefore(stamp, pod.createdAt))
  );
};

/**
 * Asks again for the same restart where the operator has erased it unread: Strimzi writes its objects as a whole, and
 * with them over an annotation that came meanwhile (strimzi/strimzi-kafka-operator#13165). Where it is still asked for,
 * nothing is written. Throws `ClusterError`.
 */
export async function askOnce(step: RestartStep, { stamp }: RestartGoal, tools: Tools): Promise<void> {
  await tools.ledger.begin(step, stamp);
  tools.stop.now.throwIfAborted();
  await stampWorkload(tools.cluster, step.workload, step.uid, stamp, () => {}, step.way);
}
