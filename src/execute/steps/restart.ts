/**
 * Restarts a workload as `kubectl rollout restart` does, but with a stamp that is fixed beforehand: sent twice, it is
 * still one rollout. (kubectl: pkg/polymorphichelpers/objectrestarter.go; Argo Rollouts: `spec.restartAt`.)
 */
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { resourceOf } from "../../cluster/kinds.ts";
import type { WorkloadObject } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import type { ObjectRef } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import { settle } from "../settle.ts";

/** Annotation of the pod template that `kubectl rollout restart` sets too. */
export const restartedAtAnnotation = "kubectl.kubernetes.io/restartedAt";

/** The restart stamp of a workload, or null where it has none. */
export const stampOf = (object: WorkloadObject): string | null =>
  (object.kind === "Rollout"
    ? object.spec.restartAt
    : labelOf(object.spec.template?.metadata?.annotations ?? {}, restartedAtAnnotation)) ?? null;

/**
 * Sets (or with `null` removes) the stamp of the workload with this UID and gives back the object. Already so: no
 * write. `onBefore` gets the stamp that is there before each attempt. Throws `ClusterError`; a workload that was
 * replaced since is `conflict`.
 */
export const stampWorkload = (
  cluster: Cluster,
  ref: ObjectRef,
  uid: string,
  stamp: string | null,
  onBefore: (stamp: string | null) => void = () => {},
): Promise<WorkloadObject> => {
  const hasStamp = (object: WorkloadObject): boolean => stampOf({ ...object, kind: ref.kind }) === stamp;
  return settle<WorkloadObject, WorkloadObject>({
    read: async () => {
      const now = await readMeant(cluster, ref, uid);
      onBefore(stampOf({ ...now, kind: ref.kind }));
      return now;
    },
    settled: (now) => (hasStamp(now) ? now : undefined),
    write: async () => {
      const reply = await patchStamp(cluster, ref, uid, stamp, { dryRun: false });
      if (hasStamp(reply)) return reply;
      throw new ClusterError(`${refText(ref)}: admission dropped the restart stamp`, { reason: "denied" });
    },
  });
};

/**
 * Sends the patch that restarts the workload with this UID, and gives back its object. Throws `ClusterError`: `conflict`
 * where it was replaced or deleted.
 */
export async function patchStamp(
  cluster: Cluster,
  ref: ObjectRef,
  uid: string,
  stamp: string | null,
  options: { readonly dryRun: boolean },
): Promise<WorkloadObject> {
  try {
    return await cluster.patch(resourceOf(ref), ref, stampPatch(ref, uid, stamp), options);
  } catch (error) {
    // The UID in a patch is no precondition: another one is a field that cannot be changed (422), as other faults are.
    if (!(error instanceof ClusterError) || !["invalid", "not-found"].includes(error.reason)) throw error;
    await readMeant(cluster, ref, uid);
    throw error;
  }
}

async function readMeant(cluster: Cluster, ref: ObjectRef, uid: string): Promise<WorkloadObject> {
  const now: WorkloadObject | undefined = await cluster.get(resourceOf(ref), ref.name, ref.namespace);
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
