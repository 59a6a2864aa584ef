/**
 * The way back while nothing but the canary has moved: the labels in one patch, the canary's template as it was, and a restart of
 * whatever else came up on the target meanwhile (an autoscaler's pod, a pod that somebody deleted).
 */
import { kinds } from "../cluster/kinds.ts";
import type { ObjectRef, Pod } from "../mesh/model.ts";
import { isLive, refKey } from "../mesh/standing.ts";
import { waiting } from "../upgrade/verdict.ts";
import { workloadProof } from "../upgrade/workload-proof.ts";
import type { RelabelStep } from "./ledger.ts";
import type { Move } from "./move-workload.ts";
import { workloadIn } from "./namespace-watch.ts";
import { probeUntil } from "./probe.ts";
import { relabel, sameLabels } from "./relabel.ts";
import { stampWorkload } from "./restart.ts";
import type { Run, Sight } from "./run.ts";
import { stampAt } from "./stamp.ts";
import { waitFor } from "./wait.ts";

/** Undefined: everything is as it was. Else what is not, in words. */
export type NotRestored = string | undefined;

/** `canary` and the stamp its template had before, if it was restarted. Its own deadline: the run may be out of time. Throws `ClusterError`. */
export async function restoreNamespace(
  run: Run,
  step: RelabelStep,
  canary: { readonly move: Move; readonly stampBefore: string | null } | undefined,
): Promise<NotRestored> {
  const put = await relabel(
    run.cluster,
    { namespace: step.namespace, uid: step.uid, expected: step.after, labels: step.before, record: null },
    { dryRun: false },
  );
  if (put.kind !== "written")
    return `the labels of namespace ${step.namespace} were changed by somebody else meanwhile, so they were left as they are`;
  run.ledger.noteNamespace(step.namespace, { labels: sameLabels(step.before, step.after) ? "kept" : "restored" });

  const sight = run.sightOf(step.namespace);
  const probeWith = canary?.move.step.workload;
  const signal = AbortSignal.timeout(run.options.timeouts.workload);
  if (probeWith)
    await probeUntil(run.cluster, probeWith, step.from.revision, { timeoutMs: run.options.timeouts.probe, signal, onAnswer: () => {} });

  const restarted = new Map<
    string,
    { readonly ref: ObjectRef; readonly uid: string; readonly stamp: string; readonly generation: number }
  >();
  const back = async (ref: ObjectRef, uid: string, stamp: string | null): Promise<void> => {
    const reply = await stampWorkload(run.cluster, ref, uid, stamp);
    restarted.set(refKey(ref), { ref, uid, stamp: stamp ?? "", generation: reply.metadata.generation ?? 0 });
  };
  // A Rollout evicts by age, not by template: it has no way back but another restart, like every other workload below.
  if (canary && canary.move.step.workload.kind !== "Rollout") {
    await back(canary.move.step.workload, canary.move.step.uid, canary.stampBefore);
    await deleteBlockingPods(run, canary.move.step.workload);
  }
  const arrived = await podsOnTarget(run, step.namespace);
  const others = Map.groupBy(
    arrived.filter((pod) => pod.workload && !restarted.has(refKey(pod.workload))),
    (pod) => refKey(pod.workload as ObjectRef),
  );
  const stamp = stampAt(await run.cluster.now());
  for (const pods of others.values()) {
    const ref = pods[0]?.workload;
    if (!ref) continue;
    const uid = await uidOf(run, sight, ref, signal);
    if (uid === undefined) continue;
    run.options.warn(
      `${refKey(ref)}: restarted to put back what came up on ${run.plan.target.revision} meanwhile: ${pods.map(({ name }) => name).join(", ")}`,
    );
    run.ledger.noteWorkload(ref, { outcome: "unproven", reason: `restarted to put back ${pods.map(({ name }) => name).join(", ")}` });
    await back(ref, uid, stamp);
  }
  return settle(run, step, sight, [...restarted.values()], signal);
}

/** A StatefulSet waits for its broken pod for ever before it replaces it: that pod alone is deleted (kubernetes/kubernetes#67250). */
async function deleteBlockingPods(run: Run, ref: ObjectRef): Promise<void> {
  if (ref.kind !== "StatefulSet") return;
  const broken = (await podsOnTarget(run, ref.namespace)).filter(
    (pod) => pod.owner?.kind === "StatefulSet" && pod.owner.name === ref.name && !pod.ready,
  );
  for (const pod of broken) await run.cluster.delete(kinds.pods, { namespace: pod.namespace, name: pod.name }, pod.uid, {});
}

/** Live pods that the target injected, with the workloads behind them. */
async function podsOnTarget(run: Run, namespace: string): Promise<readonly Pod[]> {
  const picture = await freshPicture(run.sightOf(namespace), AbortSignal.timeout(run.options.timeouts.probe));
  return picture.pods.filter((pod) => isLive(pod) && !pod.terminating && pod.proxy?.revision === run.plan.target.revision);
}

/** A picture that was begun after now. */
function freshPicture({ objects }: Sight, signal: AbortSignal) {
  return new Promise<NonNullable<ReturnType<Sight["objects"]["reading"]>["value"]>>((resolve, reject) => {
    const asked = performance.now();
    const end = objects.listen(() => {
      const { value, readAt } = objects.reading();
      if (value === undefined || readAt === undefined || readAt < asked) return objects.hint();
      end();
      resolve(value);
    });
    objects.hint();
    signal.addEventListener(
      "abort",
      () => {
        end();
        reject(signal.reason);
      },
      { once: true },
    );
  });
}

async function uidOf(run: Run, sight: Sight, ref: ObjectRef, signal: AbortSignal): Promise<string | undefined> {
  void run;
  return workloadIn(await freshPicture(sight, signal), ref)?.uid;
}

/** Waits until what was restarted has arrived back where it came from. */
async function settle(
  run: Run,
  step: RelabelStep,
  sight: Sight,
  restarted: readonly { readonly ref: ObjectRef; readonly uid: string; readonly stamp: string; readonly generation: number }[],
  signal: AbortSignal,
): Promise<NotRestored> {
  const provenAt = new Map<string, ReadonlyMap<string, number>>();
  for (const each of restarted) {
    const goal = { ...each, revision: step.from.revision, oldRevisions: [run.plan.target.revision] };
    const verdict = await waitFor(
      () => {
        const [picture, istiods] = [sight.objects.reading().value, run.istiods.reading().value];
        if (!picture || !istiods) return undefined;
        const proof = workloadProof(workloadIn(picture, each.ref), goal, istiods, provenAt.get(each.uid) ?? new Map(), performance.now());
        provenAt.set(each.uid, proof.provenAt);
        return proof.strays.length > 0 ? waiting(`${proof.strays.length} pods are still on ${run.plan.target.revision}`) : proof.verdict;
      },
      [sight.objects, run.istiods],
      { timeoutMs: run.options.timeouts.workload, signal },
    );
    const restored = verdict.kind === "done";
    run.ledger.noteWorkload(
      each.ref,
      restored ? { outcome: "restored", reason: undefined } : { outcome: "failed", reason: "reason" in verdict ? verdict.reason : "" },
    );
    if (!restored) return `${refKey(each.ref)} is not back on ${step.from.revision} yet: ${"reason" in verdict ? verdict.reason : ""}`;
  }
  return undefined;
}
