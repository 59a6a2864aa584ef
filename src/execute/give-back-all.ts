/** The end of a run, however it ends: no rollout stays held. */
import { ClusterError } from "../cluster/cluster-error.ts";
import { paceAnnotation } from "../mesh/from/pace-record.ts";
import { refText } from "../mesh/object-ref.ts";
import { type MovePlan, restartSteps } from "../upgrade/plan/plan.ts";
import { giveBack, heldRollout, type PacedRef } from "./steps/hold.ts";
import type { Tools } from "./tools.ts";

/**
 * Gives back the fields of every workload that this run has held, and of those that an earlier run left held. It has a
 * time of its own: the run may be out of it. Gives what a person has to know, in words: what goes on by itself, and what
 * is still held. Never throws for the cluster.
 */
export async function giveBackAll(plan: MovePlan, tools: Tools): Promise<readonly string[]> {
  const own = restartSteps(plan).filter(({ pace }) => pace !== undefined);
  const refs: readonly PacedRef[] = [...own.map(({ workload, uid }) => ({ ...workload, uid })), ...(plan.held ?? [])];
  if (refs.length === 0) return [];
  const { cluster } = tools.forUndo();
  const each = new Map(refs.map((ref) => [refText(ref), ref]));
  const left = await Promise.all(
    [...each].map(async ([text, ref]) => {
      try {
        const there = await heldRollout(cluster, ref);
        await giveBack(cluster, ref);
        return there !== "not held" && there !== "not observed" && there.updated < there.desired
          ? [`${text}: ${there.updated} of ${there.desired} pods are new, and its rollout goes on at its own pace`]
          : [];
      } catch (error) {
        if (!(error instanceof ClusterError)) throw error;
        return error.reason === "not-found" ? [] : [stillHeld(text, ref, error.message)];
      }
    }),
  );
  return left.flat();
}

const stillHeld = (text: string, { namespace, kind, name }: PacedRef, reason: string): string =>
  `${text} is still held in the midst of its rollout (${reason}): run the command again, or the command to go back; or see what it was with kubectl -n ${namespace} get ${kind.toLowerCase()}/${name} -o yaml (annotation ${paceAnnotation})`;
