/**
 * A fresh picture of the workloads and pods of one namespace, shared by all who wait on one of them: the list is the
 * truth, the watch only says when to list, and a list every few seconds holds where no watch does.
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
  /** Empty where they may not be read. */
  readonly replicaSets: readonly ReplicaSetRef[];
}

/** The workload as the picture has it; undefined when it is not there any more. */
export const workloadIn = (picture: NamespacePicture, ref: ObjectRef): ManagedWorkload | undefined =>
  picture.workloads.get(refText(ref));

/**
 * Lists and watches the kinds asked for and the pods, while somebody listens. Reads that fail are told in the reading.
 */
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

/** The pods after the workloads: what the controllers count is then never ahead of the pods that are judged. */
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
