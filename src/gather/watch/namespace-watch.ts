/**
 * Keeps the workloads and pods of one namespace up to date, for all who wait for one of them. A watch only says when to
 * list; without a watch they are listed every few seconds.
 */

import type { Clock } from "../../cluster/clock.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import { type Kind, kinds, ownerApi, workloadApi } from "../../cluster/kinds.ts";
import { attachOwners, type FoundOwner } from "../../mesh/from/owner-workload.ts";
import { attachPods, type ManagedWorkload } from "../../mesh/from/ownership.ts";
import { podFrom } from "../../mesh/from/pod.ts";
import type { ObjectRef, Pod } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import type { RestartWay } from "../../mesh/operators/restart-way.ts";
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

/**
 * Lists and watches pods and workloads of these kinds while somebody listens. The reading says when a read failed.
 * `ways`: objects of operators, through which workloads are restarted, or which are workloads.
 */
export function watchNamespace(
  cluster: Cluster,
  namespace: string,
  wanted: readonly WorkloadKind[],
  clock: Clock,
  ways: readonly RestartWay[] = [],
): Poller<NamespacePicture> {
  const watched: readonly Kind[] = [kinds.pods, ...wanted.map((kind) => workloadApi[kind])];
  return createPoller({
    everyMs: 5_000,
    restMs: 200,
    clock,
    read: (signal) => readNamespace(cluster.until(signal), namespace, wanted, ways),
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
  ways: readonly RestartWay[],
): Promise<NamespacePicture> {
  const [bare, owners] = await Promise.all([
    listWorkloads(cluster, [namespace], required, wanted),
    readOwnersOf(cluster, ways),
  ]);
  const owned = wanted.includes("Deployment") || wanted.includes("Rollout");
  const [pods, sets] = await Promise.all([
    listKind(cluster, [namespace], required, kinds.pods, podFrom),
    owned ? listReplicaSets(cluster, [namespace]) : [],
  ]);
  const attached = attachOwners(attachPods(bare, sets, pods), owners);
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

/** The objects of these ways as they are now, each once; without those that were deleted. */
async function readOwnersOf(cluster: Cluster, ways: readonly RestartWay[]): Promise<readonly FoundOwner[]> {
  const each = [...new Map(ways.map((way) => [way.uid, way])).values()];
  const found = await Promise.all(
    each.map(async ({ by, resource, object: { namespace, name }, pods, direct }) => {
      const object = await cluster.get(ownerApi(resource), name, namespace);
      return object ? [{ by, resource, object, ...(direct && { pods }) }] : [];
    }),
  );
  return found.flat();
}
