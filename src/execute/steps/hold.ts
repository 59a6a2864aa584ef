/**
 * Holds the rollout of one workload, lets a part of it go, and gives its fields back. Each write is conditional on what
 * was read. https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#pausing-and-resuming-a-deployment
 */
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { resourceOf } from "../../cluster/kinds.ts";
import { holdPatch, ownFields, paceAnnotation, paceRecordOf } from "../../mesh/from/pace-record.ts";
import type { WorkloadObject } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import type { ObjectRef } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import type { StepPace } from "../../upgrade/pace/workload-pace.ts";
import { settle } from "../settle.ts";

/** A workload that may be held. */
export type PacedRef = ObjectRef & { readonly uid: string };

/** How far a rollout that is held has come. */
export interface HeldRollout {
  /** Pods of the latest template, and those that there are to be. */
  readonly updated: number;
  readonly desired: number;
}

/** Holds it, with its record: from now on no pod is replaced. Throws `ClusterError`. */
export const hold = (cluster: Cluster, ref: PacedRef, { bounds }: StepPace): Promise<WorkloadObject> =>
  change(cluster, ref, (now) => {
    const kind = ref.kind === "StatefulSet" ? "StatefulSet" : "Deployment";
    const { annotation, spec } = holdPatch(kind, now, bounds);
    return { annotation, spec };
  });

/** Lets a held rollout go on: a Deployment until it is paused again, a StatefulSet down to the partition. */
export const letGo = (cluster: Cluster, ref: PacedRef, newPods: number): Promise<WorkloadObject> =>
  change(cluster, ref, (now) => {
    if (paceRecordOf(ref.kind, now) === undefined) return undefined;
    if (ref.kind !== "StatefulSet") return { spec: { paused: false } };
    const partition = Math.max(0, (now.spec.replicas ?? 1) - newPods);
    return { spec: { updateStrategy: { rollingUpdate: { partition } } } };
  });

/** Pauses a Deployment again that is held. A StatefulSet stands by itself at its partition. */
export const pause = (cluster: Cluster, ref: PacedRef): Promise<WorkloadObject> =>
  change(cluster, ref, (now) =>
    ref.kind === "StatefulSet" || now.spec.paused || paceRecordOf(ref.kind, now) === undefined
      ? undefined
      : { spec: { paused: true } },
  );

/** Gives back the fields that were held, as they were; nothing where nothing is held. Throws `ClusterError`. */
export const giveBack = (cluster: Cluster, ref: PacedRef): Promise<WorkloadObject> =>
  change(cluster, ref, (now) => {
    const record = paceRecordOf(ref.kind, now);
    if (record) return { annotation: null, spec: ownFields(record, now.spec) };
    return labelOf(now.metadata.annotations, paceAnnotation) === undefined ? undefined : { annotation: null, spec: {} };
  });

/** Where a held rollout stands; `not observed`: its controller has not seen the last change. Throws `ClusterError`. */
export async function heldRollout(cluster: Cluster, ref: PacedRef): Promise<HeldRollout | "not held" | "not observed"> {
  const now = await read(cluster, ref);
  if (paceRecordOf(ref.kind, now) === undefined) return "not held";
  if (Number(now.status?.observedGeneration ?? 0) < (now.metadata.generation ?? 0)) return "not observed";
  return { updated: now.status?.updatedReplicas ?? 0, desired: now.spec.replicas ?? 1 };
}

interface Change {
  /** `null` takes it away; absent: as it is. */
  readonly annotation?: string | null;
  readonly spec: object;
}

/** `changeOf` gives undefined where there is nothing to write. */
const change = (
  cluster: Cluster,
  ref: PacedRef,
  changeOf: (now: WorkloadObject) => Change | undefined,
): Promise<WorkloadObject> =>
  settle<WorkloadObject, WorkloadObject>({
    read: () => read(cluster, ref),
    settled: (now) => (changeOf(now) === undefined ? now : undefined),
    write: (now) => {
      const { annotation, spec } = changeOf(now) ?? { spec: {} };
      const { uid, resourceVersion } = now.metadata;
      const annotations = annotation === undefined ? {} : { annotations: { [paceAnnotation]: annotation } };
      const body = { metadata: { uid, resourceVersion, ...annotations }, spec };
      return cluster.patch(resourceOf(ref), ref, body, {});
    },
  });

async function read(cluster: Cluster, ref: PacedRef): Promise<WorkloadObject> {
  const now = await cluster.get(resourceOf(ref), ref.name, ref.namespace);
  if (now?.metadata.uid === ref.uid) return now;
  throw new ClusterError(`${refText(ref)} was ${now ? "replaced" : "deleted"} meanwhile`, { reason: "not-found" });
}
