/**
 * Keeps the workloads and pods of one namespace up to date, for all who wait for one of them. A watch only says when to
 * list; without a watch they are listed every few seconds.
 */

import type { Clock } from "../../cluster/clock.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import { type Kind, kinds, workloadApi } from "../../cluster/kinds.ts";
import { attachPods, type ManagedWorkload } from "../../mesh/from/ownership.ts";
import { podFrom } from "../../mesh/from/pod.ts";
import type { ObjectRef, Pod } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import type { WorkloadKind } from "../../mesh/workload-kinds.ts";
import type { ReplicaSetRef } from "../../upgrade/proof/symptom.ts";
import { listKind, listReplicaSets, listWorkloads } from "../list-kind.ts";
import { required } from "../optional-read.ts";
import { createPoller, type Poller } from "./poller.ts";

export interface NamespacePicture {
  readonly workloads: ReadonlyMap<string, ManagedWorkload>;
  readonly pods: readonly Pod[];
  /** None where they may not be read. */
  readonly replicaSets: readonly ReplicaSetRef[];
}

/** The workload in the picture; undefined when it does not exist any more. */
export const workloadIn = (picture: NamespacePicture, ref: ObjectRef): ManagedWorkload | undefined =>
  picture.workloads.get(refText(ref));

/** Lists and watches pods and workloads of these kinds while somebody listens. The reading says when a read failed. */
export function watchNamespace(
  cluster: Cluster,
  namespace: string,
  wanted: readonly WorkloadKind[],
  clock: Clock,
): Poller<NamespacePicture> {
  const watched: readonly Kind[] = [kinds.pods, ...wanted.map((kind) => workloadApi[kind])];
  return createPoller({
    everyMs: 5_000,
    restMs: 200,
    clock,
    read: (signal) => readNamespace(cluster.until(signal), namespace, wanted),
    start: (hint, signal) => {
      for (const kind of watched) cluster.watch(kind, { namespace }, hint, signal);
    },
  });
}

/** Pods are listed after the workloads, so that the status of a workload never counts a pod that the list lacks. */
async function readNamespace(
  cluster: Cluster,
  namespace: string,
  wanted: readonly WorkloadKind[],
): Promise<NamespacePicture> {
  const bare = await listWorkloads(cluster, [namespace], required, wanted);
  const owned = wanted.includes("Deployment") || wanted.includes("Rollout");
  const [pods, sets] = await Promise.all([
    listKind(cluster, [namespace], required, kinds.pods, podFrom),
    owned ? listReplicaSets(cluster, [namespace]) : [],
  ]);
  const attached = attachPods(bare, sets, pods);
  return {
    workloads: new Map(attached.workloads.map((workload) => [refText(workload), workload])),
    pods: attached.pods,
    replicaSets: sets.map(({ metadata: { name, uid, ownerReferences } }) => ({
      name,
      uid,
      ownerUid: ownerReferences?.find(({ controller }) => controller)?.uid,
    })),
  };
}
