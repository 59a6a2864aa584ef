/** Puts a revision back as it was: what was deleted is created again, and its webhooks come last. */
import { ClusterError } from "../../cluster/cluster-error.ts";
import { readResource } from "../../gather/inventory/read-inventory.ts";
import { listed } from "../../mesh/phrase.ts";
import { isChartRef, refKey } from "../../upgrade/cleanup/chart-objects.ts";
import type { ResourceRef } from "../../upgrade/cleanup/revision-inventory.ts";
import { createKept, isOfOthers, istiodIsReady, isWebhookKind, restoreOrder } from "./create-kept.ts";
import { switchOn } from "./injector-switch.ts";
import { type RemovalRun, stagesOf } from "./removal-run.ts";

/** How it ended: `done`, or why not; a signal ends it between two objects. */
export type PutBack =
  | { readonly state: "done" }
  | { readonly state: "interrupted" }
  | { readonly state: "not done"; readonly reason: string };

/** istiod has so long to become ready again (ms). */
const readyMs = 300_000;

/**
 * Needs a record. Throws `ClusterError` where the cluster refuses or cannot be reached: the same again goes on.
 */
export async function putBack(run: RemovalRun, signal: AbortSignal): Promise<PutBack> {
  const { options, cluster } = run;
  const { clock, progress } = options;
  const task = progress.task("restore", `put revision ${options.revision} back`);
  const objects = run.kept()?.record.objects ?? [];
  // Leftovers have no istiod to wait for.
  const hasIstiod = objects.some(({ ref }) => ref.kind === "Deployment");
  await run.note("restoring");
  for (const kinds of restoreOrder) {
    const inTurn = objects.filter(({ ref }) => (kinds as readonly string[]).includes(ref.kind));
    const created = inTurn.filter(({ stage }) => ["deleting", "deleted", "restoring"].includes(stage));
    const first = created[0];
    if (first && isWebhookKind(first.ref) && hasIstiod) {
      task.update("waits for istiod to be ready");
      if (!(await istiodIsReady(cluster, options, clock, signal, readyMs))) {
        if (signal.aborted) return { state: "interrupted" };
        const reason =
          "its istiod is not ready yet, and a webhook that calls it would refuse pods: its webhooks are not created";
        task.fail(reason);
        return { state: "not done", reason };
      }
    }
    if (created.length > 0) await run.note("restoring", stagesOf(created, "restoring"));
    for (const { ref, uid } of created) {
      if (signal.aborted) return { state: "interrupted" };
      task.update(refKey(ref));
      await run.lock.ensure(options.istioNamespace, {});
      const now = await createKept(cluster, ref, uid, run.manifestOf(ref));
      // One that was about to be deleted is still there, and off.
      if (ref.kind === "MutatingWebhookConfiguration") {
        const switched = await switchOn(cluster, ref, now, run.manifestOf(ref));
        if (switched === "gone") throw deletedMeanwhile(ref);
      }
    }
    const off = inTurn.filter(({ stage }) => stage === "deactivating" || stage === "deactivated");
    for (const { ref, uid } of off) {
      if (signal.aborted) return { state: "interrupted" };
      await run.lock.ensure(options.istioNamespace, {});
      if ((await switchOn(cluster, ref, uid, run.manifestOf(ref))) === "switched") continue;
      if (isOfChart(run, ref)) {
        await createKept(cluster, ref, uid, run.manifestOf(ref));
      } else {
        options.warn(`${refKey(ref)} was deleted by somebody else meanwhile: it is not created again`);
        await run.forget(ref);
      }
    }
  }
  await run.note(
    "restored",
    stagesOf(
      objects.filter(({ stage }) => stage !== "kept"),
      "restored",
    ),
  );
  task.done();
  return { state: "done" };
}

/**
 * Whether a webhook that somebody else has deleted is created again: the revision's own, without which its pods would
 * get no sidecar. Not a tag, which somebody does not want any more.
 */
export const isOfChart = ({ options }: RemovalRun, ref: ResourceRef): boolean =>
  isChartRef(ref, options.revision, options.istioNamespace);

const deletedMeanwhile = (ref: ResourceRef): ClusterError =>
  new ClusterError(`${refKey(ref)} was deleted by somebody else meanwhile`, {
    reason: "conflict",
    hint: "run the command again: it creates it again",
  });

/** Objects with names of those to be created, that are others. */
export async function takenNames(run: RemovalRun): Promise<readonly string[]> {
  const objects = (run.kept()?.record.objects ?? []).filter(({ stage }) => stage !== "kept" && stage !== "restored");
  const found = await Promise.all(
    objects.map(async ({ ref, uid, stage }) => {
      const live = await readResource(run.cluster, ref);
      return isOfOthers(live, uid, stage === "restoring", run.manifestOf(ref)) ? [refKey(ref)] : [];
    }),
  );
  return found.flat();
}

export const takenText = (names: readonly string[]): string =>
  `${listed(names, 6)} ${names.length === 1 ? "was" : "were"} created again by somebody else`;

/** A failure in words; anything else than a failure of the cluster is thrown. */
export const failureText = (error: unknown): string => {
  if (error instanceof ClusterError) return error.message;
  throw error;
};
