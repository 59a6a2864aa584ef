/**
 * The proof of a restarted workload: its rollout is finished, every pod is proven, and no pod with an old proxy is
 * left. The controller's counters are not enough: with OnDelete, with a partition, and with a wrong revision, they say
 * complete.
 */

import type { ManagedWorkload } from "../../mesh/from/ownership.ts";
import { isBefore } from "../../mesh/instant.ts";
import type { IstiodAnswer, Pod } from "../../mesh/model.ts";
import { counted } from "../../mesh/phrase.ts";
import { isLive } from "../../mesh/pod-state.ts";
import { lostNodesText } from "./lost-node.ts";
import { isOldPod, istiodOfOtherRevision, type PodGoal, type PodProof, podProof, proxyVersion } from "./pod-proof.ts";
import { outOfReach, outOfReachText, reachable } from "./reach.ts";
import { rolloutVerdict } from "./rollout-verdict.ts";
import { done, failed, unknown, type Verdict, waiting } from "./verdict.ts";

/** What must be true after the restart of one workload. */
export interface RestartGoal extends PodGoal {
  readonly uid: string;
  /** The restart stamp: RFC 3339, by the API server's clock. Pods created after it are new. */
  readonly stamp: string;
  /**
   * `metadata.generation` in the answer to the restart's patch: a workload with a lower one was read before the restart
   * and proves nothing. 0 where nothing was written.
   */
  readonly generation: number;
  /** UIDs of the pods that existed before the restart was sent, where that is known. */
  readonly before?: ReadonlySet<string>;
  /**
   * The operator that was asked for the restart, in words: until it acts, old pods are awaited, whatever the workload's
   * controller says of its rollout.
   */
  readonly operator?: string;
}

/** A pod with its proof. */
export interface CheckedPod {
  readonly pod: Pod;
  readonly proof: PodProof;
}

/** The proof of a workload. */
export interface WorkloadProof {
  readonly verdict: Verdict;
  /** Its pods that are neither finished nor terminating. */
  readonly pods: readonly CheckedPod[];
  readonly proven: number;
  /**
   * New pods that the target did not inject; after the end of the rollout, also old ones. Only another restart helps.
   */
  readonly wrongRevision: readonly Pod[];
  /**
   * Old pods that are terminating, where nothing else is waited for: every pod that is new is proven. A StatefulSet makes
   * its next pod only after one of them has ended.
   */
  readonly ending: readonly Pod[];
  /** Old pods on nodes that do not answer, which no rollout replaces or ends. */
  readonly lost: readonly Pod[];
  /** The rollout is finished and every pod proven, and only `ending` and `lost` are still there. */
  readonly allNewProven: boolean;
  /** When (ms) each pod was last proven, by UID; the caller passes it to the next call. */
  readonly provenAt: ReadonlyMap<string, number>;
}

/**
 * How long (ms) the proof of a pod stays valid while a later look does not confirm it. Proxies reconnect and get new
 * configuration all the time: of many pods, seldom all are in sync at one moment.
 */
export const proofValidMs = 30_000;

/** Whether a pod became ready after the istiods were asked: then their answers are no proof of it. */
export type NewlyReady = (pod: Pod) => boolean;

const none: NewlyReady = () => false;

/**
 * The proof of a workload and of each of its pods. `workload` is undefined when it does not exist any more; `now` is in
 * ms of any monotonic clock.
 */
export function workloadProof(
  whole: ManagedWorkload | undefined,
  goal: RestartGoal,
  answers: readonly IstiodAnswer[],
  provenAt: ReadonlyMap<string, number>,
  now: number,
  newlyReady: NewlyReady = none,
): WorkloadProof {
  const lost = whole ? outOfReach(whole, (pod) => isOldPod(pod, goal)) : [];
  const workload = whole && reachable(whole, lost);
  const rollout = rolloutOf(workload, goal);
  const current = (workload?.pods ?? []).filter((pod) => isLive(pod) && !pod.terminating);
  const checked = current.map((pod) => ({
    pod,
    proof: orProvenRecently(
      pod,
      currentProof(pod, goal, answers, newlyReady),
      goal,
      answers,
      now - (provenAt.get(pod.uid) ?? Number.NEGATIVE_INFINITY),
    ),
  }));
  const wrongRevision = checked.filter(
    ({ pod, proof }) =>
      proof.kind === "wrong-revision" && (rollout.kind === "done" || isBefore(goal.stamp, pod.createdAt)),
  );
  const ending = (workload?.pods ?? []).filter((pod) => isEnding(pod, goal));
  const verdict = workload ? workloadVerdict(workload, rollout, checked, wrongRevision, [ending, lost]) : rollout;
  const onlyOld = checked.every((each) => isProven(each) || each.proof.kind === "wrong-revision");
  return {
    verdict,
    ending: onlyOld && wrongRevision.length === 0 ? ending : [],
    lost,
    allNewProven:
      verdict.kind === "waiting" &&
      ending.length + lost.length > 0 &&
      rollout.kind === "done" &&
      isWhole(workload, checked),
    pods: checked.map(({ pod, proof }) => ({
      pod,
      proof: proof.kind === "proven-recently" ? { kind: "done" } : proof,
    })),
    proven: checked.filter(isProven).length,
    wrongRevision: wrongRevision.map(({ pod }) => pod),
    provenAt: new Map(checked.flatMap(({ pod, proof }) => provenTimes(pod, proof, provenAt, now))),
  };
}

/** A pod that has not ended, although its successor may be there. One that is on the target was scaled down. */
const isEnding = (pod: Pod, { revision }: RestartGoal): boolean =>
  isLive(pod) && pod.terminating && pod.proxy?.revision !== revision;

const isWhole = (workload: ManagedWorkload | undefined, checked: readonly PodWithProof[]): boolean =>
  workload !== undefined && checked.length >= workload.status.desired && checked.every(isProven);

/** `proven-recently`: this look does not prove the pod, but a look within `proofValidMs` did. */
type CurrentProof = PodProof | { readonly kind: "proven-recently" };
type PodWithProof = { readonly pod: Pod; readonly proof: CurrentProof };

const isProven = ({ proof }: PodWithProof): boolean => proof.kind === "done" || proof.kind === "proven-recently";

function currentProof(pod: Pod, goal: RestartGoal, answers: readonly IstiodAnswer[], newlyReady: NewlyReady): PodProof {
  const proof = podProof(pod, goal, answers);
  if (goal.operator !== undefined && proof.kind === "wrong-revision" && !isBefore(goal.stamp, pod.createdAt))
    return { kind: "waiting", reason: `not replaced yet by ${goal.operator}` };
  return proof.kind === "done" && newlyReady(pod)
    ? { kind: "waiting", reason: "ready, waiting for the next answer of its istiod" }
    : proof;
}

function orProvenRecently(
  pod: Pod,
  proof: PodProof,
  goal: RestartGoal,
  answers: readonly IstiodAnswer[],
  sinceProven: number,
): CurrentProof {
  const unconfirmed = proof.kind === "waiting" || proof.kind === "unknown";
  const ready = pod.ready && pod.proxy?.ready && !istiodOfOtherRevision(pod, goal, answers);
  return unconfirmed && ready && sinceProven <= proofValidMs ? { kind: "proven-recently" } : proof;
}

function provenTimes(
  pod: Pod,
  proof: CurrentProof,
  provenAt: ReadonlyMap<string, number>,
  now: number,
): readonly (readonly [string, number])[] {
  if (proof.kind === "done") return [[pod.uid, now]];
  const last = provenAt.get(pod.uid);
  return proof.kind === "proven-recently" && last !== undefined ? [[pod.uid, last]] : [];
}

function rolloutOf(workload: ManagedWorkload | undefined, goal: RestartGoal): Verdict {
  if (!workload) return failed("was deleted meanwhile");
  if (workload.uid !== goal.uid) return failed("was replaced meanwhile by another object with the same name");
  if (workload.generation < goal.generation) return waiting("restart not seen yet");
  return rolloutVerdict(workload);
}

function workloadVerdict(
  workload: ManagedWorkload,
  rollout: Verdict,
  checked: readonly PodWithProof[],
  wrongRevision: readonly PodWithProof[],
  [ending, lost]: readonly [ending: readonly Pod[], lost: readonly Pod[]],
): Verdict {
  if (rollout.kind === "failed") return rollout;
  const wrong = wrongRevision[0];
  if (wrong) return waiting(about(wrong));
  const open = checked.filter((each) => !isProven(each) && each.proof.kind !== "wrong-revision");
  const first = open.find(({ proof }) => proof.kind !== "unknown") ?? open[0];
  if (rollout.kind !== "done" && lost.length > 0)
    return waiting(`${reasonOf(rollout)} of those that can be reached; ${lost[0]?.name} is on ${lostNodesText(lost)}`);
  if (rollout.kind !== "done") return waiting(first ? `${reasonOf(rollout)}; ${about(first)}` : reasonOf(rollout));
  if (first) return first.proof.kind === "unknown" ? unknown(about(first)) : waiting(about(first));
  if (checked.length < workload.status.desired)
    return waiting(`${checked.length} of ${workload.status.desired} pods seen`);
  if (ending.length > 0) return waiting(`${counted(ending.length, "old pod")} still terminating`);
  return lost.length > 0 ? waiting(outOfReachText(lost)) : done;
}

const reasonOf = (proof: CurrentProof | Verdict): string => ("reason" in proof ? proof.reason : "");
const about = ({ pod, proof }: PodWithProof): string => `${pod.name}: ${reasonOf(proof)}`;

/** How many proven pods run each version of the proxy; `unknown` where neither image nor proxy says it. */
export type ProvenVersions = Readonly<Record<string, number>>;

export const provenVersions = (
  { pods }: Pick<WorkloadProof, "pods">,
  answers: readonly IstiodAnswer[],
): ProvenVersions => {
  const proven = pods.filter(({ proof }) => proof.kind === "done");
  const groups = Map.groupBy(proven, ({ pod }) => proxyVersion(pod, answers) ?? "unknown");
  return Object.fromEntries([...groups].map(([version, all]) => [version, all.length]));
};

/** The proof of a canary: that of its new pods. */
export interface FirstPodProof {
  readonly verdict: Verdict;
  /** The new pods, oldest first. */
  readonly pods: readonly CheckedPod[];
  readonly wrongRevision: readonly Pod[];
}

/**
 * The proof of the canary: whether one pod created after the stamp is proven. `failed` only if no such pod can come.
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
  pods: readonly CheckedPod[],
): Verdict {
  if (!workload || workload.uid !== goal.uid) return rollout;
  if (pods.some(({ proof }) => proof.kind === "done")) return done;
  if (rollout.kind === "failed") return rollout;
  const first = pods.find(({ proof }) => proof.kind !== "wrong-revision") ?? pods[0];
  if (!first && goal.operator !== undefined) return waiting(`no pod replaced yet by ${goal.operator}`);
  if (!first) return waiting(rollout.kind === "done" ? "no new pod yet" : `no new pod yet; ${reasonOf(rollout)}`);
  return first.proof.kind === "unknown" ? unknown(about(first)) : waiting(about(first));
}

/**
 * The stamp has whole seconds. A pod created in the same second is new if the target injected it, or if it did not
 * exist before the restart was sent.
 */
export const isNew = (pod: Pod, goal: RestartGoal): boolean =>
  isBefore(goal.stamp, pod.createdAt) ||
  (!isBefore(pod.createdAt, goal.stamp) &&
    (!isOldPod(pod, goal) || (goal.before !== undefined && !goal.before.has(pod.uid))));
