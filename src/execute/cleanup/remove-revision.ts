/**
 * Removes a revision: proven unused before each step, its injector off first, and its objects deleted in an order in
 * which no pod is refused. Whatever is written is recorded before; a sign of use puts everything back.
 */
import { sleep } from "../../cluster/clock.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { kinds } from "../../cluster/kinds.ts";
import { lackingRight } from "../../gather/inventory/lacking-rights.ts";
import { readInventory } from "../../gather/inventory/read-inventory.ts";
import { exit } from "../../mesh/exit-codes.ts";
import { labelOf } from "../../mesh/labels.ts";
import { counted } from "../../mesh/phrase.ts";
import { inRemovalOrder, refKey } from "../../upgrade/cleanup/chart-objects.ts";
import type { InstalledObject } from "../../upgrade/cleanup/inventory-of.ts";
import { keptManifest } from "../../upgrade/cleanup/kept-manifest.ts";
import { isOpenRemoval, type RemovalObject } from "../../upgrade/cleanup/removal-record.ts";
import type { RemovalResult } from "../../upgrade/cleanup/removal-result.ts";
import type { Inventory } from "../../upgrade/cleanup/revision-inventory.ts";
import type { RecordFields } from "../../upgrade/record/record-fields.ts";
import { holderText } from "../state/lease.ts";
import { newRunId } from "../state/locked-run.ts";
import { createStop, type Stop } from "../stop.ts";
import { proveAfterwards } from "./after-proof.ts";
import { deleteOwned } from "./delete-owned.ts";
import { isSwitchedOff, switchOff } from "./injector-switch.ts";
import { failureText, isOfChart, putBack } from "./put-back.ts";
import { lockWholeMesh } from "./removal-lock.ts";
import { codeOf, isChanged, openRemovalRun, type RemovalOptions, type RemovalRun, stagesOf } from "./removal-run.ts";
import { openRemovalStore } from "./removal-store.ts";

/** A removal ends by itself: longer than any drain (ms). */
const longestMs = 14 * 24 * 3_600_000;
/** Between two looks while istiod drains (ms), at most; of a short drain there are forty. */
const mostBetweenMs = 15_000;
/** istiod's pods have so long to end after its Deployment is deleted (ms). */
const endMs = 120_000;

/**
 * Throws `ClusterError` while nothing has been written; after the first change every failure is in the result. A right
 * that is missing is named before the lock is taken.
 */
export async function removeRevision(cluster: Cluster, options: RemovalOptions): Promise<RemovalResult> {
  const inventory = await readInventory(cluster, options.revision, options.istioNamespace);
  const lacking = inventory.owner.kind === "nobody" ? await lackingRight(cluster, inventory) : undefined;
  if (!lacking) return underLock(cluster, options, removeLocked);
  const resource = lacking.group === "" ? lacking.resource : `${lacking.resource}.${lacking.group}`;
  const where = lacking.namespace === undefined ? "" : ` in namespace ${lacking.namespace}`;
  return ended(options, {
    reason: `you may not ${lacking.verb} ${resource}${where}`,
    remedy: `grant verb ${JSON.stringify(lacking.verb)} on ${JSON.stringify(resource)}${where}`,
  });
}

/** Takes the lock of the whole mesh, opens the record, and ends what is done in a result. */
export async function underLock(
  cluster: Cluster,
  options: RemovalOptions,
  act: (run: RemovalRun) => Promise<RemovalResult>,
): Promise<RemovalResult> {
  const stop: Stop = createStop(options.interrupted, longestMs, options.clock);
  const bounded = cluster.until(stop.requests);
  const run = newRunId();
  const locking = await lockWholeMesh(cluster, { ...options, run, signal: stop.now, requests: stop.requests });
  if (locking.kind === "held") {
    const { namespace, holder } = locking;
    const where = namespace === options.istioNamespace ? "the whole mesh" : `namespace ${namespace}`;
    return ended(options, {
      reason: `${where} is being changed by ${holderText(holder)}`,
      remedy: `wait until that run has ended, or look at it: kubectl mesh-rollback --list -n ${namespace}`,
    });
  }
  const { lock } = locking;
  try {
    const store = await openRemovalStore(bounded, options);
    const system = await bounded.get(kinds.namespaces, "kube-system");
    if (!system) throw new ClusterError("there is no namespace kube-system", { reason: "not-found" });
    const clusterUid = system.metadata.uid;
    const opened = openRemovalRun(bounded, store, { options, stop, lock, run, clusterUid });
    return await act(opened).catch((error: unknown) => {
      const kept = opened.kept();
      if (!kept || !isChanged(kept.record)) throw error;
      const remedy = error instanceof ClusterError ? error.hint : undefined;
      return opened.result(stop.interrupted() ? "interrupted" : "partial", { reason: failureText(error), remedy });
    });
  } finally {
    await lock.release();
  }
}

const ended = (
  options: RemovalOptions,
  detail: { readonly reason: string; readonly remedy: string },
): RemovalResult => ({
  ...{ revision: options.revision, state: "refused", exitCode: codeOf("refused", options), ...detail },
  ...{ phase: undefined, objects: [], proof: undefined, inventory: undefined, after: undefined },
  ...{ goOn: undefined, goBack: undefined },
});

async function removeLocked(run: RemovalRun): Promise<RemovalResult> {
  const { options, cluster } = run;
  const inventory = await readInventory(cluster, options.revision, options.istioNamespace);
  const begun = run.kept();
  const isOpen = begun !== undefined && isOpenRemoval(begun.record);
  const wasChanged = isOpen && isChanged(begun.record);
  if (isOpen && begun.record.phase === "restoring")
    return run.result("refused", {
      reason: `revision ${options.revision} is being put back, and that is not done yet`,
      remedy: `finish it first: ${options.command(["--restore"])}`,
    });
  const obstacle = obstacleOf(inventory);
  if (obstacle) return run.result(wasChanged ? "partial" : obstacle.state, { ...obstacle, inventory });
  if (inventory.owned.length === 0 && !wasChanged)
    return run.result("nothing-to-do", { reason: `there is nothing of revision ${options.revision}`, inventory });

  const first = await run.guard();
  if (first.state !== "unused") {
    if (wasChanged) return notUnused(run, first.state, first.reason, inventory);
    return run.result(first.state === "in use" ? "refused" : "unknown", { reason: first.reason, inventory });
  }
  if (!(await options.confirm(inventory)))
    return run.result("declined", { reason: "it was not confirmed: nothing was changed", inventory });
  if (run.stop.nothingNew.aborted) return run.result("interrupted", { inventory });
  return (await carriedOut(run, inventory)) ?? finish(run, inventory);
}

/** Why nothing of it may be deleted, whatever the proof is. */
function obstacleOf({ unknown, owner }: Inventory) {
  const gap = unknown[0];
  if (gap)
    return {
      state: "unknown" as const,
      reason: `what there is of the revision is not known: ${gap.subject} could not be read: ${gap.reason}`,
      remedy: undefined,
    };
  if (owner.kind === "nobody") return undefined;
  const remedy = owner.command ?? owner.advice;
  return { state: "refused" as const, reason: `${owner.name} looks after it, and removes it`, remedy };
}

/** All steps until everything is deleted; gives how it ended before that. */
async function carriedOut(run: RemovalRun, inventory: Inventory): Promise<RemovalResult | undefined> {
  await keepAll(run, inventory);
  for (const step of [turnOff, drain, deleteAll]) {
    const end = await step(run, inventory);
    if (end) return end;
  }
  return undefined;
}

/**
 * Writes down every object as it is now, and those of an open removal that are gone already as they were. A webhook
 * that this removal deactivated is kept as it was before.
 */
async function keepAll(run: RemovalRun, { owned }: Inventory): Promise<void> {
  const { options } = run;
  const begun = run.kept();
  const before = begun && isOpenRemoval(begun.record) ? begun : undefined;
  const priors = new Map(
    (before?.record.objects ?? []).map((object, index) => [
      refKey(object.ref),
      { object, manifest: before?.manifests[index] },
    ]),
  );
  const live = owned.map((each): Entry => {
    const prior = priors.get(refKey(each.ref));
    const isDeactivated =
      prior?.object.uid === each.uid &&
      (prior.object.stage === "deactivating" ||
        prior.object.stage === "deactivated" ||
        prior.object.stage === "deleting") &&
      each.ref.kind === "MutatingWebhookConfiguration" &&
      isSwitchedOff(each.manifest as unknown as InstalledObject);
    return isDeactivated && prior.manifest
      ? { ref: each.ref, uid: each.uid, stage: "deactivated", manifest: prior.manifest }
      : { ref: each.ref, uid: each.uid, stage: "kept", manifest: keptManifest(each) };
  });
  const there = new Set(owned.map(({ ref }) => refKey(ref)));
  const gone = [...priors.values()].flatMap(({ object, manifest }): readonly Entry[] =>
    there.has(refKey(object.ref)) || !manifest ? [] : [{ ...object, stage: "deleted", manifest }],
  );
  const entries = inRemovalOrder([...live, ...gone]);
  const now = (await run.cluster.now()).toISOString();
  await run.keep({
    record: {
      ...{ version: 1, clusterUid: run.clusterUid, revision: options.revision, istioNamespace: options.istioNamespace },
      ...{ run: run.run, by: options.by, startedAt: before?.record.startedAt ?? now, updatedAt: now },
      phase: before?.record.phase ?? "proven",
      reason: options.reason ?? before?.record.reason ?? null,
      objects: entries.map(({ ref, uid, stage }) => ({ ref, uid, stage })),
    },
    manifests: entries.map(({ manifest }) => manifest),
  });
}

interface Entry extends RemovalObject {
  readonly manifest: RecordFields;
}

const objectsOf = (run: RemovalRun): readonly RemovalObject[] => run.kept()?.record.objects ?? [];

/** From now on no pod gets a sidecar of it. */
async function turnOff(run: RemovalRun, inventory: Inventory): Promise<RemovalResult | undefined> {
  const phase = run.kept()?.record.phase === "deleting" ? "deleting" : "injector-off";
  const task = run.options.progress.task("injector", "turn the injector off");
  const active = objectsOf(run).filter(
    ({ ref, stage }) =>
      ref.kind === "MutatingWebhookConfiguration" &&
      stage === "kept" &&
      !isSwitchedOff(run.manifestOf(ref) as unknown as InstalledObject),
  );
  for (const object of active) {
    if (run.stop.nothingNew.aborted) return stopped(run, inventory);
    await run.note(phase, stagesOf([object], "deactivating"));
    const guarded = await run.guard();
    if (guarded.state !== "unused") return notUnused(run, guarded.state, guarded.reason, inventory);
    const switched = await switchOff(run.cluster, object.ref, object.uid);
    if (switched === "gone" && !isOfChart(run, object.ref)) await run.forget(object.ref);
    else await run.note(phase, stagesOf([object], switched === "gone" ? "deleted" : "deactivated"));
  }
  task.done();
  return undefined;
}

/** istiod goes on running: whoever still needs it shows up. */
async function drain(run: RemovalRun, inventory: Inventory): Promise<RemovalResult | undefined> {
  if (run.kept()?.record.phase === "deleting") return undefined;
  const { clock, drainMs, progress } = run.options;
  const task = progress.task("drain", `watch revision ${run.options.revision} while it is still there`);
  await run.note("draining");
  const until = clock.now() + drainMs;
  for (;;) {
    if (run.stop.nothingNew.aborted) return stopped(run, inventory);
    const guarded = await run.guard();
    if (guarded.state !== "unused") {
      task.fail(guarded.reason);
      return notUnused(run, guarded.state, guarded.reason, inventory);
    }
    const left = until - clock.now();
    if (left <= 0) break;
    task.update(`${Math.ceil(left / 1000)} s left, nothing needs it`);
    await sleep(clock, Math.min(left, mostBetweenMs, Math.max(1_000, drainMs / 40)), run.stop.now);
  }
  task.done("nothing needs it");
  return undefined;
}

/** Each deletion is recorded, then proven harmless once more, then done; after its Deployment the rest goes at once. */
async function deleteAll(run: RemovalRun, inventory: Inventory): Promise<RemovalResult | undefined> {
  const task = run.options.progress.task("delete", `delete ${counted(objectsOf(run).length, "object")}`);
  const labels = new Map(
    inventory.owned.map(({ ref, manifest }) => [
      refKey(ref),
      labelOf((manifest as unknown as InstalledObject).metadata.labels, "istio.io/rev"),
    ]),
  );
  const left = objectsOf(run).filter(({ stage }) => stage !== "deleted");
  const at = left.findLastIndex(({ ref }) => ref.kind === "Deployment");
  const steps = [...left.slice(0, at + 1).map((object) => [object]), left.slice(at + 1)].filter(
    (step) => step.length > 0,
  );
  for (const step of steps) {
    if (run.stop.nothingNew.aborted) return stopped(run, inventory);
    await run.note("deleting", stagesOf(step, "deleting"));
    const guarded = await run.guard();
    if (guarded.state !== "unused") return notUnused(run, guarded.state, guarded.reason, inventory);
    for (const { ref, uid } of step) {
      task.update(refKey(ref));
      await run.lock.ensure(run.options.istioNamespace, {});
      await deleteOwned(run.cluster, { ref, uid, revisionLabel: labels.get(refKey(ref)) });
    }
    await run.note("deleting", stagesOf(step, "deleted"));
    if (step.some(({ ref }) => ref.kind === "Deployment")) await podsAreGone(run);
  }
  task.done();
  return undefined;
}

/** A running istiod would write its Leases again. */
async function podsAreGone({ cluster, options, stop }: RemovalRun): Promise<void> {
  const { clock, istioNamespace, revision } = options;
  const query = { namespace: istioNamespace, labelSelector: `app=istiod,istio.io/rev=${revision}`, metadataOnly: true };
  const until = clock.now() + endMs;
  while (clock.now() < until && !stop.nothingNew.aborted) {
    const found = await cluster.list(kinds.pods, query, ({ metadata }) => metadata.name);
    if (found?.items.length === 0) return;
    await sleep(clock, 1_000, stop.now);
  }
}

/** Between two steps. */
const stopped = (run: RemovalRun, inventory: Inventory): RemovalResult =>
  run.result(run.stop.interrupted() ? "interrupted" : "partial", {
    reason: "it was stopped between two steps",
    inventory,
  });

/** What is not proven any more is put back; only what is unknown after the first deletion stays as it is. */
async function notUnused(
  run: RemovalRun,
  state: "in use" | "unknown",
  reason: string,
  inventory: Inventory,
): Promise<RemovalResult> {
  const hasDeleted = objectsOf(run).some(({ stage }) => stage === "deleted");
  if (run.stop.interrupted()) return run.result("interrupted", { reason, inventory });
  if (state === "unknown" && hasDeleted) return run.result("partial", { reason, inventory });
  const back = await putBack(run, run.options.interrupted).catch((error: unknown) => ({
    state: "not done" as const,
    reason: failureText(error),
  }));
  if (back.state === "done") return run.result("restored", { reason, inventory });
  if (back.state === "interrupted") return run.result("interrupted", { reason, inventory });
  return run.result("partial", { reason: `${reason}; it was not put back: ${back.reason}`, inventory });
}

async function finish(run: RemovalRun, inventory: Inventory): Promise<RemovalResult> {
  const after = await proveAfterwards(run.cluster, run.options);
  await run.note("done");
  const failed = after.checks.find(({ state }) => state === after.state && state !== "good");
  return run.result("removed", {
    ...{ inventory, after },
    ...(failed && {
      exitCode: exit.notDone,
      reason: `everything was deleted, and ${failed.state === "bad" ? "this is not as it should be" : "this could not be told"}: ${failed.title}: ${failed.evidence}`,
    }),
  });
}
