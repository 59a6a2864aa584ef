/**
 * Carries out a plan: the canary's namespace first, and until the canary's first new pod is proven any failure puts
 * everything back; then all that is left at once, as far as the budget allows.
 */

import { ClusterError } from "../../cluster/cluster-error.ts";
import { resourceOf } from "../../cluster/kinds.ts";
import type { ObjectRef, Workload } from "../../mesh/model.ts";
import { createBudget } from "../budget.ts";
import { gatherFailure } from "../failure.ts";
import type { RelabelStep, RestartStep } from "../journal.ts";
import { stampOf } from "../steps/restart.ts";
import { type Run, relabelSteps, restartSteps } from "../tools.ts";
import { closeRun } from "./close-run.ts";
import { enterNamespace, resumedRecord } from "./enter-namespace.ts";
import { answerMove, beginMove, type Move, moveWorkload } from "./move-workload.ts";
import { provePresent } from "./prove-present.ts";
import { restoreNamespace } from "./restore-namespace.ts";

/** What the run came to; the rest is in its ledger. `unchanged`: it failed before anything was written. */
export type End = "done" | "partial" | "restored" | "unchanged" | "interrupted";

/**
 * `present`: what needs no restart and is not proven yet. Throws only for a fault of ours: the ledger then says what
 * was begun.
 */
export async function carryOut(run: Run, present: readonly Workload[]): Promise<End> {
  const namespaces = relabelSteps(run.plan);
  const canary = restartSteps(run.plan).find((step) => step.canary);
  const first = canary && namespaces.find(({ namespace }) => namespace === canary.workload.namespace);
  const begun: Promise<void>[] = [];
  if (canary && first) {
    const proven = await proveCanary(run, first, canary);
    if (proven.kind === "ended") return proven.end;
    begun.push(moveWorkload(run, canary, proven.move).finally(proven.release), moveWorkloads(run, first));
  }
  const turns = createBudget(run.options.parallelNamespaces);
  const held = first ? await turns.acquire(1, run.ends) : undefined;
  if (held) void Promise.all(begun).finally(held);
  for (const step of namespaces.filter((each) => each !== first))
    begun.push(moveNamespace(run, step, turns.acquire(1, run.halt.signal)));
  begun.push(provePresent(run, present));
  await Promise.all(begun);
  return run.options.interrupted.aborted ? "interrupted" : await closeRun(run);
}

type Proven =
  | { readonly kind: "proven"; readonly move: Move; readonly release: () => void }
  | { readonly kind: "ended"; readonly end: End };

/** Labels, probe, and the canary up to its first new pod; puts everything back when that fails. */
async function proveCanary(run: Run, step: RelabelStep, canary: RestartStep): Promise<Proven> {
  const ref = canary.workload;
  let move: Move | undefined;
  let stampBefore: string | null = null;
  const release = await run.budget.acquire(canary.podsInFlight, run.ends);
  try {
    const entered = await enterNamespace(run, step, ref);
    if (!entered.ok) return { kind: "ended", end: await goBack(run, step, undefined, ref, entered.reason) };
    const before = await run.cluster.get(resourceOf(ref), ref.name, ref.namespace);
    stampBefore = before ? stampOf({ ...before, kind: ref.kind }) : null;
    move = await beginMove(run, canary);
    const end = await answerMove(run, move, "first pod");
    if (end.kind === "done") return { kind: "proven", move, release };
    move.task.fail(end.reason);
    run.ledger.noteWorkload(ref, { outcome: "failed", reason: end.reason });
    run.ledger.noteFailure(
      await gatherFailure(run.cluster, ref, end.reason, end.kind === "failed" ? end.diagnosis : undefined),
    );
    return { kind: "ended", end: await goBack(run, step, { move, stampBefore }, ref, end.reason) };
  } catch (error) {
    if (run.options.interrupted.aborted) return { kind: "ended", end: "interrupted" };
    const reason = run.ends.aborted ? "out of time" : error instanceof ClusterError ? error.message : undefined;
    if (reason === undefined) throw error;
    return { kind: "ended", end: await goBack(run, step, move && { move, stampBefore }, ref, reason) };
  } finally {
    if (!move || run.ledger.failure()) release();
  }
}

/** A run that goes on with an earlier one is not put back: what that one moved would be left behind. */
async function goBack(
  run: Run,
  step: RelabelStep,
  canary: { readonly move: Move; readonly stampBefore: string | null } | undefined,
  ref: ObjectRef,
  reason: string,
): Promise<End> {
  run.ledger.noteFailure(await gatherFailure(run.cluster, ref, reason, undefined));
  if (!run.ledger.changed() && !resumedRecord(step)) return "unchanged";
  if (resumedRecord(step)) return "partial";
  const task = run.sectionOf(step.namespace).task(`namespace/${step.namespace}`, "putting everything back");
  try {
    const missing = await restoreNamespace(run, step, canary);
    if (missing === undefined) task.done("as it was before");
    else task.fail(missing);
    if (missing !== undefined) run.options.warn(missing);
    return missing === undefined ? "restored" : "partial";
  } catch (error) {
    const message = error instanceof ClusterError ? error.message : "out of time";
    task.fail(message);
    run.options.warn(`not everything could be put back: ${message}`);
    if (!(error instanceof ClusterError) && !(error instanceof DOMException)) throw error;
    return "partial";
  }
}

/** A namespace after the canary: its labels are put back only while nothing in it was restarted. */
async function moveNamespace(run: Run, step: RelabelStep, turn: Promise<() => void>): Promise<void> {
  let release = (): void => {};
  const refs = restartsIn(run, step);
  try {
    release = await turn;
    if (run.halt.signal.aborted) return;
    const entered = await enterNamespace(run, step, refs[0]?.workload);
    if (entered.ok) {
      return await moveWorkloads(run, step);
    }
    run.halt.abort(new Error(entered.reason));
    await goBack(
      run,
      step,
      undefined,
      refs[0]?.workload ?? { kind: "Namespace", namespace: step.namespace, name: step.namespace },
      entered.reason,
    );
  } catch (error) {
    if (run.halt.signal.aborted && !(error instanceof ClusterError)) return;
    if (!(error instanceof ClusterError)) throw error;
    run.halt.abort(error);
    run.ledger.noteFailure(
      await gatherFailure(
        run.cluster,
        { kind: "Namespace", namespace: step.namespace, name: step.namespace },
        error.message,
        undefined,
      ),
    );
  } finally {
    release();
  }
}

const restartsIn = (run: Run, { namespace }: RelabelStep): readonly RestartStep[] =>
  restartSteps(run.plan).filter(({ workload }) => workload.namespace === namespace);

async function moveWorkloads(run: Run, step: RelabelStep): Promise<void> {
  await Promise.all(
    restartsIn(run, step)
      .filter(({ canary }) => !canary)
      .map((each) => moveWorkload(run, each)),
  );
}
