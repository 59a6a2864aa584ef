/** A restart that somebody takes back: the stamp is out of the pod template again, and old pods stay. */

import { lastWriterOf } from "../../mesh/from/managed-fields.ts";
import { firstOwnerOf } from "../../mesh/from/owner-references.ts";
import type { ManagedWorkload } from "../../mesh/from/ownership.ts";
import { isBefore } from "../../mesh/instant.ts";
import type { ObjectMeta } from "../../mesh/kubernetes.ts";
import type { ObjectRef } from "../../mesh/model.ts";
import { ownerText, refArgument } from "../../mesh/object-ref.ts";
import { isLive } from "../../mesh/pod-state.ts";
import { isOldPod } from "./pod-proof.ts";
import type { RestartGoal } from "./workload-proof.ts";

/**
 * Whether the restart that this goal stands for was taken back: the workload was written since, it has no stamp or an
 * earlier one, and an old pod is left, which nothing replaces any more. A later stamp is another's restart
 * on top of ours; a template that was changed otherwise has the stamp still; and where the last old pod had gone before,
 * every pod is new all the same. (pravega/zookeeper-operator#625, grafana/agent#4495: the old ReplicaSet or revision
 * takes over again.)
 */
export const isTakenBack = (workload: ManagedWorkload, goal: RestartGoal): boolean =>
  workload.uid === goal.uid &&
  goal.generation > 0 &&
  workload.generation > goal.generation &&
  (workload.restartedAt === undefined || isBefore(workload.restartedAt, goal.stamp)) &&
  workload.pods.some((pod) => isLive(pod) && !pod.terminating && isOldPod(pod, goal));

/**
 * Who took it back, and what to do, in words. `metadata` is that of the workload as it is now; undefined: it could not
 * be read. A field manager of the plugins is none who takes a restart back.
 */
export const takenBackReason = (
  ref: ObjectRef,
  stamp: string,
  metadata: Pick<ObjectMeta, "managedFields" | "ownerReferences"> | undefined,
): string => {
  const path = ref.kind === "Rollout" ? ["f:spec"] : ["f:spec", "f:template"];
  const others = (metadata?.managedFields ?? []).filter(({ manager = "" }) => !/^mesh-/.test(manager));
  const writer = lastWriterOf(others, path, stamp);
  const owner = metadata && firstOwnerOf(metadata);
  const who =
    writer === undefined
      ? ""
      : writer.since
        ? ` by field manager ${writer.manager}`
        : `, most likely by field manager ${writer.manager}, which writes its pod template`;
  const belongs = owner === undefined ? "" : ` (it belongs to ${ownerText(owner)})`;
  const way =
    owner === undefined ? "restart it where its pod template is written" : `have ${ownerText(owner)} replace its pods`;
  return `its restart was taken back${who}${belongs}; leave it (--leave ${refArgument(ref)}), or ${way}`;
};
