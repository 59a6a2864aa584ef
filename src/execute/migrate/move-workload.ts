/**
 * Moves one workload: restart, watch, and where new pods still came up on another revision one more restart. What is
 * done is noted in the ledger, intent first.
 */

import { ClusterError } from "../../cluster/cluster-error.ts";
import { kinds } from "../../cluster/kinds.ts";
import { refText } from "../../mesh/object-ref.ts";
import type { RestartGoal } from "../../upgrade/proof/workload-proof.ts";
import { gatherFailure } from "../failure.ts";
import type { RestartStep } from "../journal.ts";
import type { ProgressTask } from "../progress.ts";
import { probeUntil } from "../steps/probe.ts";
import { stampWorkload } from "../steps/restart.ts";
import { laterStamp } from "../steps/stamp.ts";
import type { Run } from "../tools.ts";
import { checkLabels, probed } from "./enter-namespace.ts";
import { type MoveEnd, type Question, watchMove } from "./watch-move.ts";

export interface Move {
  readonly step: RestartStep;
  readonly task: ProgressTask;
  /** As last written: a second restart of the same run has a later stamp. */
  goal: RestartGoal;
  restarts: number;
}

/** Restarts the workload with its namespace's stamp. Throws `ClusterError`. */
export async function beginMove(run: Run, step: RestartStep): Promise<Move> {
  const ref = step.workload;
  const task = run
    .sectionOf(ref.namespace)
    .task(refText(ref), `${ref.kind}/${ref.name}${step.canary ? " (canary)" : ""}`);
  run.ledger.noteWorkload(ref, { outcome: "unproven", reason: "restart begun" });
  const stamp = run.records.get(ref.namespace)?.stamp;
  if (stamp === undefined) throw new Error(`no stamp for namespace ${ref.namespace}`);
  try {
    return { step, task, goal: await restart(run, step, stamp), restarts: 1 };
  } catch (error) {
    if (error instanceof ClusterError) task.fail(error.message);
    throw error;
  }
}

async function restart(run: Run, { workload, uid, canary }: RestartStep, stamp: string): Promise<RestartGoal> {
  const before = canary ? await podsIn(run, workload.namespace) : undefined;
  const reply = await stampWorkload(run.cluster, workload, uid, stamp);
  run.ledger.noteChange();
  const { revision } = run.plan.target;
  return {
    uid,
    stamp,
    generation: reply.metadata.generation ?? 0,
    revision,
    oldRevisions: run.oldRevisions,
    ...(before && { before }),
  };
}

/** Only the canary is judged on its first new pod, so only there it matters which pods are new. */
async function podsIn(run: Run, namespace: string): Promise<ReadonlySet<string>> {
  const listed = await run.cluster.list(kinds.pods, { namespace, metadataOnly: true }, ({ metadata }) => metadata.uid);
  return new Set(listed?.items);
}

/** Watches until the question is answered. A stray costs one new stamp; a second time it is a failure. */
export async function answerMove(
  run: Run,
  move: Move,
  question: Question,
): Promise<Exclude<MoveEnd, { kind: "wrong-revision" }>> {
  const { workload } = move.step;
  for (;;) {
    const end = await watchMove(run, workload, move.goal, question, (text) => move.task.update(text));
    if (end.kind !== "wrong-revision") return end;
    const failed = (reason: string) =>
      ({ kind: "failed", reason, diagnosis: undefined, pods: end.pods.length, proven: 0 }) as const;
    if (move.restarts > 1) return failed(`new pods came up on another revision twice: ${end.reason}`);
    move.task.update(`${end.reason}; restarting once more`);
    await checkLabels(run, workload.namespace);
    const answer = await probeUntil(run.cluster, workload, move.goal.revision, {
      timeoutMs: run.options.timeouts.probe,
      signal: run.ends,
      clock: run.options.clock,
    });
    if (answer.kind === "injected" && answer.revision !== move.goal.revision)
      return failed(`${end.reason}; the API server still has ${answer.revision} inject new pods`);
    if (answer.kind === "not-injected")
      return failed(`${end.reason}; the API server has nothing injected into new pods`);
    move.restarts++;
    move.goal = await restart(run, move.step, await laterStamp(run, move.goal.stamp));
  }
}

/**
 * One workload from its turn in the budget to its proof. Never throws but for a fault of ours: whatever ends it is in
 * the ledger, and a failure halts the run, so that nothing new begins.
 */
export async function moveWorkload(run: Run, step: RestartStep, begun?: Move): Promise<void> {
  const ref = step.workload;
  let release = (): void => {};
  try {
    if (!begun) {
      release = await run.budget.acquire(step.podsInFlight, run.halt.signal);
      await checkLabels(run, ref.namespace);
      const injection = await probed(run, ref);
      if (!injection.ok) throw new ClusterError(injection.reason, { reason: "denied" });
    }
    const move = begun ?? (await beginMove(run, step));
    await endMove(run, move, await answerMove(run, move, "all pods"));
  } catch (error) {
    await abandon(run, step, error);
  } finally {
    release();
  }
}

async function endMove(
  run: Run,
  { step, task }: Move,
  end: Exclude<MoveEnd, { kind: "wrong-revision" }>,
): Promise<void> {
  const ref = step.workload;
  const counts = { pods: end.pods, proven: end.proven };
  if (end.kind === "done") {
    run.ledger.noteWorkload(ref, { outcome: "moved", reason: undefined, ...counts });
    return task.done(`${end.proven} of ${end.pods} pods on ${run.plan.target.revision}`);
  }
  run.ledger.noteWorkload(ref, {
    outcome: end.kind === "failed" ? "failed" : "unproven",
    reason: end.reason,
    ...counts,
  });
  task.fail(end.reason);
  run.halt.abort(new Error(`${refText(ref)} did not arrive`));
  run.ledger.noteFailure(
    await gatherFailure(run.cluster, ref, end.reason, end.kind === "failed" ? end.diagnosis : undefined),
  );
}

async function abandon(run: Run, step: RestartStep, error: unknown): Promise<void> {
  const ref = step.workload;
  const begun = run.ledger.workloads().some((entry) => refText(entry) === refText(ref) && entry.outcome === "unproven");
  if (run.ends.aborted)
    return begun
      ? run.ledger.noteWorkload(ref, { reason: "not waited for to the end: its rollout goes on" })
      : undefined;
  if (run.halt.signal.aborted && error === run.halt.signal.reason) return;
  if (!(error instanceof ClusterError)) throw error;
  run.ledger.noteWorkload(ref, { outcome: begun ? "failed" : "not-started", reason: error.message });
  run.halt.abort(error);
  run.ledger.noteFailure(await gatherFailure(run.cluster, ref, error.message, undefined));
}
