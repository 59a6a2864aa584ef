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

/** Annotation of the pod template that `kubectl rollout restart` sets too. */
export const restartedAtAnnotation = "kubectl.kubernetes.io/restartedAt";

/** The stamp a workload carries, or null. */
export const stampOf = (object: WorkloadObject): string | null =>
  (object.kind === "Rollout"
    ? object.spec.restartAt
    : labelOf(object.spec.template?.metadata?.annotations ?? {}, restartedAtAnnotation)) ?? null;

const attempts = 5;

/**
 * Sets (or with `null` removes) the stamp of the workload with this UID and gives back the object. Already so: no
 * write. A lost answer is settled by reading. Throws `ClusterError`; a workload that was replaced since is `conflict`.
 */
export async function stampWorkload(
  cluster: Cluster,
  ref: ObjectRef,
  uid: string,
  stamp: string | null,
): Promise<WorkloadObject> {
  const kind = resourceOf(ref);
  for (let attempt = 1; ; attempt++) {
    const now = await cluster.get(kind, ref.name, ref.namespace);
    if (now?.metadata.uid !== uid)
      throw new ClusterError(`${ref.namespace}/${ref.kind}/${ref.name} was ${now ? "replaced" : "deleted"} meanwhile`, {
        reason: "conflict",
      });
    if (stampOf({ ...now, kind: ref.kind }) === stamp) return now;
    try {
      const reply = await cluster.patch(kind, ref, stampPatch(ref, uid, stamp), {});
      if (stampOf({ ...reply, kind: ref.kind }) === stamp) return reply;
      throw new ClusterError(`${ref.namespace}/${ref.kind}/${ref.name}: admission dropped the restart stamp`, {
        reason: "denied",
      });
    } catch (error) {
      const again =
        error instanceof ClusterError && (error.ambiguous || (error.reason === "conflict" && error.status === 409));
      if (!again || attempt === attempts) throw error;
    }
  }
}

/** The patch that restarts: `uid` in it makes the server refuse it for another object of the same name. */
export const stampPatch = (ref: ObjectRef, uid: string, stamp: string | null): object => ({
  metadata: { uid },
  spec:
    ref.kind === "Rollout"
      ? { restartAt: stamp }
      : { template: { metadata: { annotations: { [restartedAtAnnotation]: stamp } } } },
});
