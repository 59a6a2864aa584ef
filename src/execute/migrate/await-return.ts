/** Waits until workloads that were restarted to go back have arrived where they came from. */

import { workloadIn } from "../../gather/watch/namespace-watch.ts";
import { watchReadiness } from "../../gather/watch/readiness.ts";
import { waitFor } from "../../gather/watch/wait.ts";
import type { ObjectRef } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import { failed, type Verdict, waiting } from "../../upgrade/proof/verdict.ts";
import { type WorkloadProof, workloadProof } from "../../upgrade/proof/workload-proof.ts";
import type { RelabelStep } from "../journal.ts";
import type { Run } from "../tools.ts";

/** A workload as it was sent back: with its stamp, and the generation of the answer. */
export interface Returning {
  readonly ref: ObjectRef;
  readonly uid: string;
  readonly stamp: string;
  readonly generation: number;
}

/**
 * Undefined once all are back, else which is not. Each may take as long as it goes on: only the time of a workload
 * without any progress ends it. Heeds no signal: whoever waits for the way back is not served by stopping it.
 */
export async function awaitReturn(
  run: Run,
  step: RelabelStep,
  workloads: readonly Returning[],
): Promise<string | undefined> {
  const missing = await Promise.all(workloads.map((each) => awaitOne(run, step, each)));
  return missing.find((text) => text !== undefined);
}

async function awaitOne(run: Run, step: RelabelStep, returning: Returning): Promise<string | undefined> {
  const { objects } = run.sightOf(step.namespace);
  // The target may be what failed: its istiod is not asked to say that it holds the pods no more, only heard if it says
  // that it does.
  const goal = { ...returning, revision: step.from.revision, oldRevisions: [] };
  const { clock } = run.options;
  const limit = run.options.timeouts.workload;
  const newlyReady = watchReadiness();
  let provenAt: WorkloadProof["provenAt"] = new Map();
  let [mark, markedAt] = ["", clock.now()];

  const look = (): Verdict | undefined => {
    const now = clock.now();
    const [{ value: picture, readAt: pictureAt = now }, { value: istiods, readAt: askedAt = now }] = [
      objects.reading(),
      run.istiods.reading(),
    ];
    if (!picture || !istiods) return now - markedAt < limit ? undefined : failed("nothing can be read");
    const workload = workloadIn(picture, returning.ref);
    const proof = workloadProof(
      workload,
      goal,
      istiods,
      provenAt,
      now,
      newlyReady(workload?.pods ?? [], pictureAt, askedAt),
    );
    provenAt = proof.provenAt;
    const seen = `${proof.proven} ${workload?.pods.map(({ uid, ready }) => `${uid}${ready}`).join()}`;
    if (seen !== mark) [mark, markedAt] = [seen, now];
    const verdict =
      proof.wrongRevision.length > 0
        ? waiting(`${proof.wrongRevision.length} pods are still on ${run.plan.target.revision}`)
        : proof.verdict;
    return "reason" in verdict && now - markedAt >= limit ? failed(verdict.reason) : verdict;
  };
  const verdict = await waitFor(look, [objects, run.istiods], {
    timeoutMs: run.options.timeouts.overall,
    signal: new AbortController().signal,
    clock,
  });
  if (verdict.kind === "done") {
    run.ledger.noteWorkload(returning.ref, { outcome: "restored", reason: undefined });
    return undefined;
  }
  run.ledger.noteWorkload(returning.ref, { outcome: "failed", reason: verdict.reason });
  return `${refText(returning.ref)} is not back on ${step.from.revision} yet: ${verdict.reason}`;
}
