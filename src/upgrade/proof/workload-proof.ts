/**
 * Whether a restarted workload has arrived: its rollout is over, every pod of it is proven, and none that carries an
 * old proxy is left. What the controller counts is not enough (OnDelete, partitions and wrong revisions count as
 * complete).
 */

import type { ManagedWorkload } from "../../mesh/from/ownership.ts";
import { isBefore } from "../../mesh/instant.ts";
import type { IstiodAnswer, Pod } from "../../mesh/model.ts";
import { counted } from "../../mesh/phrase.ts";
import { isLive } from "../../mesh/standing.ts";
import { type Arrival, otherHolder, type PodProof, podProof } from "./pod-proof.ts";
import { rolloutVerdict } from "./rollout-verdict.ts";
import { done, failed, unknown, type Verdict, waiting } from "./verdict.ts";

/** What a restart of one workload is to reach. */
export interface RestartGoal extends Arrival {
  readonly uid: string;
  /** The restart stamp: RFC 3339, the API server's clock. Pods made after it are new. */
  readonly stamp: string;
  /**
   * `metadata.generation` of the answer to the restart's patch: an older picture of the workload says nothing. 0 where
   * nothing was written.
   */
  readonly generation: number;
  /** UIDs of the pods that were there before the restart was sent, where that is known. */
  readonly before?: ReadonlySet<string>;
}

export interface JudgedPod {
  readonly pod: Pod;
  readonly proof: PodProof;
}

export interface WorkloadProof {
  readonly verdict: Verdict;
  /** Its pods that are neither finished nor terminating. */
  readonly pods: readonly JudgedPod[];
  readonly proven: number;
  /**
   * New pods that the target did not inject, and with the rollout over any such pod. Only another restart mends them.
   */
  readonly wrongRevision: readonly Pod[];
  /** When each pod was last proven, by UID; to be handed in again with the next picture. */
  readonly provenAt: ReadonlyMap<string, number>;
}

/**
 * How long a proof outlives a look that misses it (ms): proxies reconnect and are pushed to all the time, so that of
 * many pods hardly ever all are in sync at one instant.
 */
export const proofHoldsMs = 30_000;

/** Whether a pod became ready after the istiods were last asked: what they said then is no proof for it. */
export type NewlyReady = (pod: Pod) => boolean;

const none: NewlyReady = () => false;

/** `workload` is undefined when it is not there any more. `now` in ms of any clock that only goes forward. */
export function workloadProof(
  workload: ManagedWorkload | undefined,
  goal: RestartGoal,
  answers: readonly IstiodAnswer[],
  provenAt: ReadonlyMap<string, number>,
  now: number,
  newlyReady: NewlyReady = none,
): WorkloadProof {
  const rollout = rolloutOf(workload, goal);
  const current = (workload?.pods ?? []).filter((pod) => isLive(pod) && !pod.terminating);
  const judged = current.map((pod) => ({
    pod,
    proof: lasting(
      pod,
      currentProof(pod, goal, answers, newlyReady),
      goal,
      answers,
      now - (provenAt.get(pod.uid) ?? Number.NEGATIVE_INFINITY),
    ),
  }));
  const wrongRevision = judged.filter(
    ({ pod, proof }) =>
      proof.kind === "wrong-revision" && (rollout.kind === "done" || isBefore(goal.stamp, pod.createdAt)),
  );
  return {
    verdict: workload ? joined(workload, goal, rollout, judged, wrongRevision) : rollout,
    pods: judged.map(({ pod, proof }) => ({ pod, proof: proof.kind === "held" ? { kind: "done" } : proof })),
    proven: judged.filter(isProven).length,
    wrongRevision: wrongRevision.map(({ pod }) => pod),
    provenAt: new Map(judged.flatMap(({ pod, proof }) => lastProof(pod, proof, provenAt, now))),
  };
}

/** `held`: not proven at this look, but shortly before. */
type LastingProof = PodProof | { readonly kind: "held" };
type LastingPod = { readonly pod: Pod; readonly proof: LastingProof };

const isProven = ({ proof }: LastingPod): boolean => proof.kind === "done" || proof.kind === "held";

function currentProof(pod: Pod, goal: RestartGoal, answers: readonly IstiodAnswer[], newlyReady: NewlyReady): PodProof {
  const proof = podProof(pod, goal, answers);
  return proof.kind === "done" && newlyReady(pod)
    ? { kind: "waiting", reason: "ready, and its istiod is asked once more" }
    : proof;
}

function lasting(
  pod: Pod,
  proof: PodProof,
  goal: RestartGoal,
  answers: readonly IstiodAnswer[],
  sinceProven: number,
): LastingProof {
  const missed = proof.kind === "waiting" || proof.kind === "unknown";
  const stands = pod.ready && pod.proxy?.ready && !otherHolder(pod, goal, answers);
  return missed && stands && sinceProven <= proofHoldsMs ? { kind: "held" } : proof;
}

function lastProof(
  pod: Pod,
  proof: LastingProof,
  provenAt: ReadonlyMap<string, number>,
  now: number,
): readonly (readonly [string, number])[] {
  if (proof.kind === "done") return [[pod.uid, now]];
  const last = provenAt.get(pod.uid);
  return proof.kind === "held" && last !== undefined ? [[pod.uid, last]] : [];
}

function rolloutOf(workload: ManagedWorkload | undefined, goal: RestartGoal): Verdict {
  if (!workload) return failed("was deleted meanwhile");
  if (workload.uid !== goal.uid) return failed("was replaced meanwhile by another object of its name");
  if (workload.generation < goal.generation) return waiting("restart not seen yet");
  return rolloutVerdict(workload);
}

function joined(
  workload: ManagedWorkload,
  goal: RestartGoal,
  rollout: Verdict,
  judged: readonly LastingPod[],
  wrongRevision: readonly LastingPod[],
): Verdict {
  if (rollout.kind === "failed") return rollout;
  const stray = wrongRevision[0];
  if (stray) return waiting(about(stray));
  const open = judged.filter((each) => !isProven(each) && each.proof.kind !== "wrong-revision");
  const first = open.find(({ proof }) => proof.kind !== "unknown") ?? open[0];
  if (rollout.kind !== "done") return waiting(first ? `${reasonOf(rollout)}; ${about(first)}` : reasonOf(rollout));
  if (first) return first.proof.kind === "unknown" ? unknown(about(first)) : waiting(about(first));
  if (judged.length < workload.status.desired)
    return waiting(`${judged.length} of ${workload.status.desired} pods seen`);
  const old = workload.pods.filter(
    (pod) => isLive(pod) && pod.terminating && pod.proxy?.revision !== goal.revision,
  ).length;
  return old > 0 ? waiting(`${counted(old, "old pod")} still terminating`) : done;
}

const reasonOf = (proof: LastingProof | Verdict): string => ("reason" in proof ? proof.reason : "");
const about = ({ pod, proof }: LastingPod): string => `${pod.name}: ${reasonOf(proof)}`;

export interface FirstPodProof {
  readonly verdict: Verdict;
  /** The new pods, oldest first. */
  readonly pods: readonly JudgedPod[];
  readonly wrongRevision: readonly Pod[];
}

/**
 * The canary's question: is one pod proven that was made after the stamp? `failed` only where none can come any more.
 */
export function firstNewPodProof(
  workload: ManagedWorkload | undefined,
  goal: RestartGoal,
  answers: readonly IstiodAnswer[],
  newlyReady: NewlyReady = none,
): FirstPodProof {
  const rollout = rolloutOf(workload, goal);
  const pods = (workload?.pods ?? [])
    .filter((pod) => isLive(pod) && !pod.terminating && isNew(pod, goal))
    .toSorted((a, b) => (isBefore(a.createdAt, b.createdAt) ? -1 : isBefore(b.createdAt, a.createdAt) ? 1 : 0))
    .map((pod) => ({ pod, proof: currentProof(pod, goal, answers, newlyReady) }));
  const wrongRevision = pods.filter(({ proof }) => proof.kind === "wrong-revision").map(({ pod }) => pod);
  return { verdict: firstVerdict(workload, goal, rollout, pods), pods, wrongRevision };
}

function firstVerdict(
  workload: ManagedWorkload | undefined,
  goal: RestartGoal,
  rollout: Verdict,
  pods: readonly JudgedPod[],
): Verdict {
  if (!workload || workload.uid !== goal.uid) return rollout;
  if (pods.some(({ proof }) => proof.kind === "done")) return done;
  if (rollout.kind === "failed") return rollout;
  const first = pods.find(({ proof }) => proof.kind !== "wrong-revision") ?? pods[0];
  if (!first) return waiting(rollout.kind === "done" ? "no new pod yet" : `no new pod yet; ${reasonOf(rollout)}`);
  return first.proof.kind === "unknown" ? unknown(about(first)) : waiting(about(first));
}

/**
 * The stamp has whole seconds: of the pods of that very second those on the target are new, and those that were not
 * there before it was sent.
 */
const isNew = (pod: Pod, { stamp, revision, before }: RestartGoal): boolean =>
  isBefore(stamp, pod.createdAt) ||
  (!isBefore(pod.createdAt, stamp) &&
    (pod.proxy?.revision === revision || (before !== undefined && !before.has(pod.uid))));
