/**
 * The way back while nothing but the canary has moved: the labels in one patch, the canary's template as it was, and a
 * restart of whatever else came up on the target meanwhile (an autoscaler's pod, a pod that somebody deleted).
 */

import { kinds } from "../../cluster/kinds.ts";
import { type NamespacePicture, workloadIn } from "../../gather/watch/namespace-watch.ts";
import { isBefore } from "../../mesh/instant.ts";
import { labelOf } from "../../mesh/labels.ts";
import type { ObjectRef, Pod } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import { isLive } from "../../mesh/pod-state.ts";
import type { RelabelStep } from "../journal.ts";
import { probeUntil } from "../steps/probe.ts";
import { relabel, sameLabels } from "../steps/relabel.ts";
import { stampWorkload } from "../steps/restart.ts";
import { laterStamp, stampAt } from "../steps/stamp.ts";
import type { Run, RunOptions, Sight } from "../tools.ts";
import { awaitReturn, type Returning } from "./await-return.ts";
import type { Move } from "./move-workload.ts";

/** Undefined: everything is as it was. Else what is not, in words. */
export type NotRestored = string | undefined;

export interface BegunCanary {
  readonly move: Move;
  /** The stamp that its template had before. */
  readonly stampBefore: string | null;
}

/** `canary` where it was restarted already. Its own deadlines: the run may be out of time. Throws `ClusterError`. */
export async function restoreNamespace(
  run: Run,
  step: RelabelStep,
  canary: BegunCanary | undefined,
): Promise<NotRestored> {
  // What stands there by our write: admission may have made others of the labels that were asked for.
  const written = run.ledger.namespaces().find(({ name }) => name === step.namespace)?.after ?? step.after;
  const put = await relabel(
    run.cluster,
    { namespace: step.namespace, uid: step.uid, expected: written, labels: step.before, record: null },
    { dryRun: false },
  );
  if (put.kind !== "written")
    return `the labels of namespace ${step.namespace} were changed by somebody else meanwhile, so they were left as they are`;
  const kept = sameLabels(step.before, step.after);
  run.ledger.noteNamespace(step.namespace, { labels: kept ? "kept" : "restored" });
  // Labels that never changed (a tag was moved) send new pods to the target as before: only the canary's template is
  // ours to put back.
  if (!kept && canary) await oldRevisionAnswers(run, step, canary.move.step.workload);

  const returning = new Map<string, Returning>();
  const restart = async (ref: ObjectRef, uid: string, stamp: string | null): Promise<void> => {
    const reply = await stampWorkload(run.cluster, ref, uid, stamp);
    returning.set(refText(ref), { ref, uid, stamp: stamp ?? "", generation: reply.metadata.generation ?? 0 });
    await deleteBlockingPods(run, step, ref);
  };
  if (canary) {
    const { workload, uid } = canary.move.step;
    // A Rollout evicts by age, not by template: it has no way back but another restart.
    const again = workload.kind === "Rollout" || (!kept && (await hasMixedPods(run, step, workload)));
    await restart(workload, uid, again ? await laterStamp(run, canary.move.goal.stamp) : canary.stampBefore);
  }
  const stranded = kept ? [] : await restartOthers(run, step, returning, restart);
  const missing = await awaitReturn(run, step, [...returning.values()]);
  return missing ?? (stranded.length > 0 ? strandedText(run, stranded) : undefined);
}

const oldRevisionAnswers = (run: Run, { from }: RelabelStep, ref: ObjectRef) =>
  probeUntil(run.cluster, ref, from.revision, {
    timeoutMs: run.options.timeouts.probe,
    signal: run.options.clock.timeout(run.options.timeouts.probe),
    clock: run.options.clock,
  });

/**
 * Whether pods of its old template came up on the target too (somebody scaled it, or deleted one): the old template
 * alone would keep them. Pods tell their template by the hash that their controller gives them.
 */
async function hasMixedPods(run: Run, step: RelabelStep, ref: ObjectRef): Promise<boolean> {
  const { pods } = await freshPicture(run.sightOf(step.namespace), run.options);
  const own = pods.filter((pod) => pod.workload && refText(pod.workload) === refText(ref));
  const there = new Set(own.filter((pod) => isOnTarget(run, pod)).map(templateOf));
  return (
    there.size > 1 || own.some((pod) => pod.proxy?.revision !== run.plan.target.revision && there.has(templateOf(pod)))
  );
}

const templateOf = ({ labels }: Pod): string | undefined =>
  labelOf(labels, "pod-template-hash") ?? labelOf(labels, "controller-revision-hash");

/** Gives back the pods that no restart brings back. */
async function restartOthers(
  run: Run,
  step: RelabelStep,
  returning: ReadonlyMap<string, Returning>,
  restart: (ref: ObjectRef, uid: string, stamp: string) => Promise<void>,
): Promise<readonly Pod[]> {
  const picture = await freshPicture(run.sightOf(step.namespace), run.options);
  const arrived = picture.pods.filter((pod) => isOnTarget(run, pod) && isSince(run, step, pod));
  const byWorkload = Map.groupBy(arrived, ({ workload }) => workload && workloadIn(picture, workload));
  const stamp = stampAt(await run.cluster.now());
  for (const [workload, pods] of byWorkload) {
    if (!workload || returning.has(refText(workload))) continue;
    const names = namesOf(pods);
    run.options.warn(
      `${refText(workload)}: restarted to put back what came up on ${run.plan.target.revision} meanwhile: ${names}`,
    );
    run.ledger.noteWorkload(workload, { outcome: "unproven", reason: `restarted to put back ${names}` });
    await restart(workload, workload.uid, stamp);
  }
  const stranded = byWorkload.get(undefined) ?? [];
  const ofJobs = stranded.filter(({ owner }) => owner?.kind === "Job");
  if (ofJobs.length > 0)
    run.options.warn(
      `came up on ${run.plan.target.revision} meanwhile and run there until they end: ${namesOf(ofJobs)}`,
    );
  return stranded.filter((pod) => !ofJobs.includes(pod));
}

const namesOf = (pods: readonly Pod[]): string => pods.map(({ name }) => name).join(", ");

const strandedText = (run: Run, pods: readonly Pod[]): string =>
  `came up on ${run.plan.target.revision} meanwhile, and nothing that we know how to restart stands behind: ${namesOf(pods)}; delete and create again by hand`;

/**
 * A StatefulSet waits for its broken pod for ever before it replaces it: that pod alone is deleted
 * (kubernetes/kubernetes#67250).
 */
async function deleteBlockingPods(run: Run, step: RelabelStep, ref: ObjectRef): Promise<void> {
  if (ref.kind !== "StatefulSet") return;
  const { pods } = await freshPicture(run.sightOf(step.namespace), run.options);
  const broken = pods.filter(
    (pod) =>
      isOnTarget(run, pod) &&
      isSince(run, step, pod) &&
      !pod.ready &&
      pod.workload &&
      refText(pod.workload) === refText(ref),
  );
  for (const pod of broken)
    await run.cluster.delete(kinds.pods, { namespace: pod.namespace, name: pod.name }, pod.uid, {});
}

const isOnTarget = (run: Run, pod: Pod): boolean =>
  isLive(pod) && !pod.terminating && pod.proxy?.revision === run.plan.target.revision;

/** What was on the target before this run is none of its business. */
function isSince(run: Run, { namespace }: RelabelStep, pod: Pod): boolean {
  const stamp = run.records.get(namespace)?.stamp;
  return stamp === undefined || !isBefore(pod.createdAt, stamp);
}

/** A picture that was begun after now. Rejects when none comes for as long as a probe may take. */
function freshPicture({ objects }: Sight, { clock, timeouts }: RunOptions): Promise<NamespacePicture> {
  const signal = clock.timeout(timeouts.probe);
  return new Promise((resolve, reject) => {
    const asked = clock.now();
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
