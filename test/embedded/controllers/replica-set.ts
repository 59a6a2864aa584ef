/** A ReplicaSet's pods: as many as it says. pkg/controller/replicaset/replica_set.go */

import { Refusal } from "../api/status.ts";
import { conditionOf, isAvailable, isGoing, isOver, isReady, type KubeJson, withCondition } from "../object.ts";
import type { Cluster, Controller } from "./controller.ts";
import { podOf, withoutZeros } from "./template.ts";

export const replicaSets: Controller = { of: "replicasets", reconcile };

async function reconcile(set: KubeJson, cluster: Cluster): Promise<number | undefined> {
  const pods = activePods(set, cluster);
  let failure: Refusal | undefined;
  if (!isGoing(set)) failure = await manage(set, pods, cluster);
  await writeStatus(set, pods, failure, cluster);
  if (failure) throw failure;
  const minReady = set.spec.minReadySeconds ?? 0;
  return pods.some((pod) => isReady(pod) && !isAvailable(pod, minReady, cluster.clock.wall()))
    ? minReady * 1000
    : undefined;
}

const activePods = ({ metadata }: KubeJson, { store }: Cluster): readonly KubeJson[] =>
  store.controlled(metadata.uid).filter((pod) => pod.kind === "Pod" && !isGoing(pod) && !isOver(pod));

async function manage(set: KubeJson, pods: readonly KubeJson[], cluster: Cluster): Promise<Refusal | undefined> {
  const missing = set.spec.replicas - pods.length;
  for (let made = 0; made < missing; made++) {
    try {
      await cluster.create("pods", set.metadata.namespace, podOf(set, set.spec.template));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // The namespace ends: no pod will come of it.
      if (error.details?.causes?.some(({ reason }: { reason: string }) => reason === "NamespaceTerminating"))
        return undefined;
      await cluster.tell(set, "Warning", "FailedCreate", `Error creating: ${error.message}`);
      return error;
    }
  }
  if (missing < 0) for (const pod of pods.toSorted(expendableFirst).slice(0, -missing)) await cluster.remove(pod);
  return undefined;
}

/** `ActivePodsWithRanks`: without a node, pending, not ready, ready for a short time, young. */
function expendableFirst(a: KubeJson, b: KubeJson): number {
  const rank = (pod: KubeJson): string => {
    const since = isReady(pod) ? conditionOf(pod, "Ready").lastTransitionTime : "";
    return (
      [pod.spec.nodeName ? 1 : 0, pod.status?.phase === "Running" ? 1 : 0, isReady(pod) ? 1 : 0].join("") +
      inverse(since) +
      inverse(pod.metadata.creationTimestamp)
    );
  };
  return rank(a) < rank(b) ? -1 : 1;
}

/** Later comes first. */
const inverse = (time: string): string => String(10 ** 14 - (Date.parse(time) || 0)).padStart(15, "0");

/** Of the pods as they were looked at: those made meanwhile are counted next time. */
async function writeStatus(
  set: KubeJson,
  pods: readonly KubeJson[],
  failure: Refusal | undefined,
  cluster: Cluster,
): Promise<void> {
  const minReady = set.spec.minReadySeconds ?? 0;
  const ready = pods.filter(isReady);
  const available = pods.filter((pod) => isAvailable(pod, minReady, cluster.clock.wall()));
  const before = set.status?.conditions ?? [];
  const others = before.filter(({ type }: { type: string }) => type !== "ReplicaFailure");
  // The first failure stands until there is none (`calculateStatus`): told anew each time, it would set off the next
  // try.
  const failed = { type: "ReplicaFailure", status: "True", reason: "FailedCreate", message: failure?.message };
  const conditions = !failure
    ? others
    : before.length > others.length
      ? before
      : withCondition(before, failed, cluster.now());
  await cluster.setStatus(set, {
    observedGeneration: set.metadata.generation,
    replicas: pods.length,
    ...withoutZeros({
      fullyLabeledReplicas: pods.length,
      readyReplicas: ready.length,
      availableReplicas: available.length,
    }),
    ...(conditions.length > 0 && { conditions }),
  });
}
