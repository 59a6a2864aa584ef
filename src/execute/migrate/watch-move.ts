/**
 * Watches one restarted workload until it has arrived, is hopeless, or makes no progress any more. Two questions are
 * asked of the same looks: has the first new pod arrived (the canary's), and have all.
 */

import { workloadIn } from "../../gather/watch/namespace-watch.ts";
import { watchReadiness } from "../../gather/watch/readiness.ts";
import { waitFor } from "../../gather/watch/wait.ts";
import type { ObjectRef, Pod } from "../../mesh/model.ts";
import { diagnose } from "../../upgrade/proof/diagnosis.ts";
import { type Diagnosis, pastGrace, type SeenSince } from "../../upgrade/proof/symptom.ts";
import { failed, unknown, type Verdict, waiting } from "../../upgrade/proof/verdict.ts";
import {
  firstNewPodProof,
  type RestartGoal,
  type WorkloadProof,
  workloadProof,
} from "../../upgrade/proof/workload-proof.ts";
import type { Run } from "../tools.ts";

export type Question = "first pod" | "all pods";

/** How it ended. `wrong-revision`: new pods came up on another revision, and only another restart would mend them. */
export type MoveEnd =
  | { readonly kind: "done"; readonly pods: number; readonly proven: number }
  | {
      readonly kind: "failed";
      readonly reason: string;
      readonly diagnosis: Diagnosis | undefined;
      readonly pods: number;
      readonly proven: number;
    }
  | { readonly kind: "unproven"; readonly reason: string; readonly pods: number; readonly proven: number }
  | { readonly kind: "wrong-revision"; readonly pods: readonly Pod[]; readonly reason: string };

/** How long pictures may fail to come before nothing is known any more (ms). */
const blindMs = 60_000;

/** Throws the reason of `run.ends` when that aborts. `tell` gets what is waited for, in words for a person. */
export async function watchMove(
  run: Run,
  ref: ObjectRef,
  goal: RestartGoal,
  question: Question,
  tell: (text: string) => void,
): Promise<MoveEnd> {
  const { objects, refusals } = run.sightOf(ref.namespace);
  const { clock } = run.options;
  const memory = newMemory(clock.now());
  const verdict = await waitFor(() => look(run, ref, goal, question, memory), [objects, run.istiods, refusals], {
    timeoutMs: run.options.timeouts.overall,
    signal: run.ends,
    clock,
    onChange: tell,
  });
  const { pods, proven } = memory;
  if (verdict.kind === "failed" && memory.blind) return { kind: "unproven", reason: verdict.reason, pods, proven };
  if (memory.wrongRevision.length > 0)
    return {
      kind: "wrong-revision",
      pods: memory.wrongRevision,
      reason: "reason" in verdict ? verdict.reason : "injected by another revision",
    };
  switch (verdict.kind) {
    case "done":
      return { kind: "done", pods, proven };
    case "failed":
      return {
        kind: "failed",
        reason: memory.hopeless ? sentence(memory.hopeless) : withCause(verdict.reason, memory.found[0]),
        diagnosis: memory.hopeless ?? memory.found[0],
        pods,
        proven,
      };
    case "waiting":
    case "unknown":
      return { kind: "unproven", reason: verdict.reason, pods, proven };
  }
}

interface Memory {
  provenAt: WorkloadProof["provenAt"];
  readonly newlyReady: ReturnType<typeof watchReadiness>;
  since: SeenSince;
  found: readonly Diagnosis[];
  hopeless: Diagnosis | undefined;
  wrongRevision: readonly Pod[];
  /** Ended because nothing could be proven, not because something was seen to be wrong. */
  blind: boolean;
  pods: number;
  proven: number;
  /** What counts as progress, and when (ms) it last changed. */
  mark: string;
  markedAt: number;
}

const newMemory = (now: number): Memory => ({
  provenAt: new Map(),
  newlyReady: watchReadiness(),
  since: new Map(),
  found: [],
  hopeless: undefined,
  wrongRevision: [],
  blind: false,
  pods: 0,
  proven: 0,
  mark: "",
  markedAt: now,
});

function look(run: Run, ref: ObjectRef, goal: RestartGoal, question: Question, memory: Memory): Verdict | undefined {
  const now = run.options.clock.now();
  const [picture, istiods, events] = [
    run.sightOf(ref.namespace).objects.reading(),
    run.istiods.reading(),
    run.sightOf(ref.namespace).refusals.reading(),
  ];
  for (const { failingSince, trouble } of [picture, istiods]) {
    if (failingSince !== undefined && now - failingSince > blindMs)
      return stalled(
        run,
        memory,
        now,
        unknown(`nothing can be read: ${trouble instanceof Error ? trouble.message : String(trouble)}`),
      );
  }
  if (picture.value === undefined || istiods.value === undefined) return undefined;

  const workload = workloadIn(picture.value, ref);
  const pods = workload?.pods ?? [];
  const newlyReady = memory.newlyReady(pods, picture.readAt ?? now, istiods.readAt ?? now);
  if (pods.some(newlyReady)) run.istiods.hint();
  const all = workloadProof(workload, goal, istiods.value, memory.provenAt, now, newlyReady);
  const proof = question === "all pods" ? all : firstNewPodProof(workload, goal, istiods.value, newlyReady);
  memory.provenAt = all.provenAt;
  [memory.pods, memory.proven] = [all.pods.length, all.proven];
  if (proof.verdict.kind === "done" || !workload) return proof.verdict;
  if (proof.wrongRevision.length > 0) {
    memory.wrongRevision = proof.wrongRevision;
    return failed("reason" in proof.verdict ? proof.verdict.reason : "injected by another revision");
  }

  const evidence = {
    pods: proof.pods,
    replicaSets: picture.value.replicaSets,
    events: events.value ?? [],
    stamp: goal.stamp,
    revision: goal.revision,
  };
  // Pods of a template that was mended just now, and that its controller has not looked at yet, speak for it no more.
  memory.found = workload.status.observedGeneration < workload.generation ? [] : diagnose(workload, evidence);
  const { since, expired: hopeless } = pastGrace(memory.since, memory.found, now);
  [memory.since, memory.hopeless] = [since, hopeless];
  if (proof.verdict.kind === "failed") return proof.verdict;
  if (hopeless) return failed(sentence(hopeless));

  const { updated, ready, available } = workload.status;
  const mark = `${updated} ${ready} ${available} ${all.proven} ${workload.pods.map(({ uid, ready: up }) => `${uid}${up}`).join()}`;
  if (mark !== memory.mark) [memory.mark, memory.markedAt] = [mark, now];
  return stalled(run, memory, now, question === "all pods" ? counted(proof.verdict, all) : proof.verdict);
}

/** A verdict that waits becomes one that has waited too long. */
function stalled({ options }: Run, memory: Memory, now: number, verdict: Verdict): Verdict {
  if (now - memory.markedAt < options.timeouts.workload || !("reason" in verdict)) return verdict;
  const still = Math.round((now - memory.markedAt) / 1000);
  memory.blind = verdict.kind === "unknown";
  return failed(`${memory.blind ? "no proof" : "no progress"} for ${still}s: ${verdict.reason}`);
}

const counted = (verdict: Verdict, { proven, pods }: WorkloadProof): Verdict =>
  verdict.kind === "waiting" && pods.length > 0
    ? waiting(`${proven} of ${pods.length} proven; ${verdict.reason}`)
    : verdict;

const sentence = ({ object, message }: Diagnosis): string => `${object.kind} ${object.name}: ${message}`;

const withCause = (reason: string, cause: Diagnosis | undefined): string =>
  cause ? `${reason} (${sentence(cause)})` : reason;
