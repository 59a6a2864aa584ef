/**
 * Restarts a workload as `kubectl rollout restart` does, but with a stamp that is fixed beforehand: sent twice, it is
 * still one rollout. (kubectl: pkg/polymorphichelpers/objectrestarter.go; Argo Rollouts: `spec.restartAt`.) Where
 * its operator has a way of its own, the stamp goes to the operator's object (upgrade/owners).
 */
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { type Kind, ownerApi, resourceOf } from "../../cluster/kinds.ts";
import type { WorkloadObject } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import type { ObjectRef } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import { askedStamp, askingPatch, asksFor, type RestartWay } from "../../mesh/operators/restart-way.ts";
import { settle } from "../settle.ts";

/** Annotation of the pod template that `kubectl rollout restart` sets too. */
export const restartedAtAnnotation = "kubectl.kubernetes.io/restartedAt";

/** The restart stamp of a workload, or null where it has none. */
export const stampOf = (object: WorkloadObject): string | null =>
  (object.kind === "Rollout"
    ? object.spec.restartAt
    : labelOf(object.spec.template?.metadata?.annotations ?? {}, restartedAtAnnotation)) ?? null;

/** One object that a restart is written to, and how its stamp is read and written there. */
interface Written {
  readonly ref: ObjectRef;
  readonly uid: string;
  readonly read: () => Promise<WorkloadObject | undefined>;
  readonly stampOf: (object: WorkloadObject) => string | null;
  readonly has: (object: WorkloadObject, stamp: string | null) => boolean;
  readonly send: (stamp: string | null, options: { readonly dryRun: boolean }) => Promise<WorkloadObject>;
}

const writtenOf = (cluster: Cluster, ref: ObjectRef, uid: string, way: RestartWay | undefined): Written => {
  if (way) {
    const { object, by } = way;
    // Of an operator's object only the metadata and the asking annotations are read, by their path.
    const api: Kind<WorkloadObject> = ownerApi(way.resource);
    return {
      ref: object,
      uid: way.uid,
      read: () => cluster.get(api, object.name, object.namespace),
      stampOf: (found) => askedStamp(found, by) ?? null,
      has: (found, stamp) => asksFor(found, by, stamp),
      send: (stamp, options) => cluster.patch(api, object, askingPatch(by, way.uid, stamp), options),
    };
  }
  const api = resourceOf(ref);
  const own = (object: WorkloadObject): string | null => stampOf({ ...object, kind: ref.kind });
  return {
    ...{ ref, uid },
    read: () => cluster.get(api, ref.name, ref.namespace),
    stampOf: own,
    has: (object, stamp) => own(object) === stamp,
    send: (stamp, options) => cluster.patch(api, ref, stampPatch(ref, uid, stamp), options),
  };
};

/**
 * Sets (or with `null` removes) the stamp of the workload with this UID, or of the object of its operator, and gives
 * back the object that has it. Already so: no write. `onBefore` gets the stamp that is there before each attempt. Throws
 * `ClusterError`; an object that was replaced since is `conflict`.
 */
export const stampWorkload = (
  cluster: Cluster,
  ref: ObjectRef,
  uid: string,
  stamp: string | null,
  onBefore: (stamp: string | null) => void = () => {},
  way?: RestartWay,
): Promise<WorkloadObject> => {
  const written = writtenOf(cluster, ref, uid, way);
  return settle<WorkloadObject, WorkloadObject>({
    read: async () => {
      const now = await readMeant(written);
      onBefore(written.stampOf(now));
      return now;
    },
    settled: (now) => (written.has(now, stamp) ? now : undefined),
    write: async () => {
      const reply = await patchStamp(cluster, ref, uid, stamp, { dryRun: false, way });
      if (written.has(reply, stamp)) return reply;
      throw new ClusterError(`${refText(written.ref)}: admission dropped the restart stamp`, { reason: "denied" });
    },
  });
};

/**
 * Sends the patch that restarts the workload, and gives back the object that was written. Throws `ClusterError`:
 * `conflict` where it was replaced or deleted.
 */
export async function patchStamp(
  cluster: Cluster,
  ref: ObjectRef,
  uid: string,
  stamp: string | null,
  { dryRun, way }: { readonly dryRun: boolean; readonly way?: RestartWay | undefined },
): Promise<WorkloadObject> {
  const written = writtenOf(cluster, ref, uid, way);
  try {
    return await written.send(stamp, { dryRun });
  } catch (error) {
    // The UID in a patch is no precondition: another one is a field that cannot be changed (422), as other faults are.
    if (!(error instanceof ClusterError) || !["invalid", "not-found"].includes(error.reason)) throw error;
    await readMeant(written);
    throw error;
  }
}

async function readMeant({ ref, uid, read }: Written): Promise<WorkloadObject> {
  const now = await read();
  if (now?.metadata.uid === uid) return now;
  throw new ClusterError(`${refText(ref)} was ${now ? "replaced" : "deleted"} meanwhile`, {
    reason: "conflict",
    hint: "run the command again: it takes the workload as it is now",
  });
}

/** `uid`: the server refuses the patch for another object of the same name. */
const stampPatch = (ref: ObjectRef, uid: string, stamp: string | null): object => ({
  metadata: { uid },
  spec:
    ref.kind === "Rollout"
      ? { restartAt: stamp }
      : { template: { metadata: { annotations: { [restartedAtAnnotation]: stamp } } } },
});
