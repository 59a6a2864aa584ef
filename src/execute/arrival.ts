/**
 * The one wait for a proof: watches a workload until it has arrived, is past hope, or makes no progress any more. Two
 * questions are asked of the same looks: has the first new pod arrived, and have all.
 */
import type { Clock } from "../cluster/clock.ts";
import { workloadIn } from "../gather/watch/namespace-watch.ts";
import { watchReadiness } from "../gather/watch/readiness.ts";
import { waitFor } from "../gather/watch/wait.ts";
import type { ManagedWorkload } from "../mesh/from/ownership.ts";
import type { ObjectRef, Pod } from "../mesh/model.ts";
import { isLive } from "../mesh/pod-state.ts";
import { diagnose } from "../upgrade/proof/diagnosis.ts";
import { cleanUpMs, drainingOf, drainingText, isBeforeEnd, outlivedText } from "../upgrade/proof/draining.ts";
import { newPodsVerdict } from "../upgrade/proof/new-pods-proof.ts";
import { outOfReachText } from "../upgrade/proof/reach.ts";
import { statedMs } from "../upgrade/proof/stated-time.ts";
import { type Diagnosis, pastGrace, type SeenSince } from "../upgrade/proof/symptom.ts";
import { isTakenBack } from "../upgrade/proof/taken-back.ts";
import { failed, unknown, type Verdict, waiting } from "../upgrade/proof/verdict.ts";
import {
  firstNewPodProof,
  type ProvenVersions,
  provenVersions,
  type RestartGoal,
  type WorkloadProof,
  workloadProof,
} from "../upgrade/proof/workload-proof.ts";
import type { Tools } from "./tools.ts";

/** What is waited for, and how patiently. */
export interface ArrivalGoal extends RestartGoal {
  /** `new-pods`: at least `newPods` new ones, and all new ones that are there (their rollout is held). */
  readonly question: "first-pod" | "all-pods" | "new-pods";
  readonly newPods?: number;
  /** New pods of another revision end the wait (another restart mends them), or are waited for until they are gone. */
  readonly wrongRevision: "ends" | "waits";
  /** It was restarted with a stamp of its own: one that is gone again ends the wait. */
  readonly restarted: boolean;
  /** A cause that lasts ends the wait before its time is over. */
  readonly diagnosed: boolean;
  /** Without any progress for so long (ms) the wait ends; later where the workload itself states a longer time. */
  readonly noProgressMs: number;
}

/**
 * `draining`: every new pod is proven, and old ones are within their time to end, which is longer than the patience, or
 * are on nodes that do not answer.
 * `pods` are those that the workload is to have, `proven` how many of them are.
 */
export interface Arrived {
  readonly kind: "done" | "draining" | "failed" | "unproven" | "wrong-revision" | "taken-back";
  readonly reason: string;
  readonly diagnosis: Diagnosis | undefined;
  readonly pods: number;
  readonly proven: number;
  readonly versions: ProvenVersions;
}

/** How long readings may fail to come before nothing is known any more (ms). */
const blindMs = 60_000;

/**
 * `report` gets what is waited for, in words for a person; `whenProven` is called once every new pod is proven, while old
 * ones still end. Throws the reason of `stop.now` when that aborts.
 */
export async function arrival(
  ref: ObjectRef,
  goal: ArrivalGoal,
  { cluster, watchOf, istiods, clock, stop, timeouts }: ArrivalTools,
  report: (text: string) => void,
  whenProven: () => void = () => {},
): Promise<Arrived> {
  const { objects, failedCreates } = watchOf(ref.namespace);
  const memory = newMemory(clock, await serverOffset(cluster, clock));
  const look = (): Verdict | undefined =>
    judge(ref, goal, { objects, failedCreates, istiods }, memory, clock, whenProven);
  const verdict = await waitFor(look, [objects, istiods, failedCreates], {
    timeoutMs: timeouts.overall,
    signal: stop.now,
    clock,
    onChange: report,
  });
  return endOf(verdict, memory);
}

type ArrivalTools = Pick<Tools, "cluster" | "watchOf" | "istiods" | "clock" | "stop" | "timeouts">;

/** What has to be added to the time of the clock to get the API server's; undefined where that is not known. */
const serverOffset = (cluster: ArrivalTools["cluster"], clock: Clock): Promise<number | undefined> =>
  cluster.now().then(
    (time) => time.getTime() - clock.now(),
    () => undefined,
  );

type Readings = ReturnType<Tools["watchOf"]> & Pick<Tools, "istiods">;

interface Memory {
  provenAt: WorkloadProof["provenAt"];
  readonly newlyReady: ReturnType<typeof watchReadiness>;
  since: SeenSince;
  found: readonly Diagnosis[];
  lasting: Diagnosis | undefined;
  wrongRevision: readonly Pod[];
  takenBack: boolean;
  /** The wait ended because nothing could be proven, not because something was seen to be wrong. */
  blind: boolean;
  pods: number;
  proven: number;
  versions: ProvenVersions;
  /** Since when (ms) every new pod is proven and only old ones are waited for. */
  provenSince: number | undefined;
  /** What is left of old pods, as a clause, where that ended the wait. */
  draining: string | undefined;
  readonly offset: number | undefined;
  /** What counts as progress, and when (ms) it last changed. */
  mark: string;
  markedAt: number;
}

const newMemory = (clock: Clock, offset: number | undefined): Memory => ({
  provenAt: new Map(),
  newlyReady: watchReadiness(),
  since: new Map(),
  found: [],
  lasting: undefined,
  wrongRevision: [],
  takenBack: false,
  blind: false,
  pods: 0,
  proven: 0,
  versions: {},
  provenSince: undefined,
  draining: undefined,
  offset,
  mark: "",
  markedAt: clock.now(),
});

function judge(
  ref: ObjectRef,
  goal: ArrivalGoal,
  readings: Readings,
  memory: Memory,
  clock: Clock,
  whenProven: () => void,
): Verdict | undefined {
  const now = clock.now();
  const [objects, istiods] = [readings.objects.reading(), readings.istiods.reading()];
  for (const { failingSince, trouble } of [objects, istiods]) {
    if (failingSince !== undefined && now - failingSince > blindMs)
      return stalled(goal, memory, now, unknown(`nothing can be read: ${messageOf(trouble)}`));
  }
  if (objects.value === undefined || istiods.value === undefined) return undefined;

  const workload = workloadIn(objects.value, ref);
  const pods = workload?.pods ?? [];
  const newlyReady = memory.newlyReady(pods, objects.readAt ?? now, istiods.readAt ?? now);
  if (pods.some(newlyReady)) readings.istiods.hint();
  const all = workloadProof(workload, goal, istiods.value, memory.provenAt, now, newlyReady);
  const proof =
    goal.question === "first-pod"
      ? firstNewPodProof(workload, goal, istiods.value, newlyReady)
      : goal.question === "all-pods"
        ? all
        : { ...all, verdict: newPodsVerdict(all, goal, goal.newPods ?? 1) };
  memory.provenAt = all.provenAt;
  // As a person counts: a workload of 3 has 3 pods, also while a fourth one is there to replace an old one.
  memory.pods = workload?.status.desired ?? 0;
  memory.proven = Math.min(all.proven, memory.pods);
  memory.versions = provenVersions(all, istiods.value);
  if (workload && goal.restarted && isTakenBack(workload, goal)) {
    memory.takenBack = true;
    return failed("its restart was taken back");
  }
  if (proof.verdict.kind === "done" || !workload) return proof.verdict;
  if (proof.wrongRevision.length > 0 && goal.wrongRevision === "ends") {
    memory.wrongRevision = proof.wrongRevision;
    return failed("reason" in proof.verdict ? proof.verdict.reason : "injected by another revision");
  }
  const verdict = leavesBroken(goal, workload, proof.verdict) ? waiting(proof.verdict.reason) : proof.verdict;
  if (goal.diagnosed) {
    const events = readings.failedCreates.reading().value ?? [];
    const { replicaSets } = objects.value;
    const evidence = { pods: proof.pods, replicaSets, events, stamp: goal.stamp, revision: goal.revision };
    // A controller that has not seen the latest template yet still reports about pods of the one before.
    memory.found = workload.status.observedGeneration < workload.generation ? [] : diagnose(workload, evidence);
    const { since, expired } = pastGrace(memory.since, memory.found, now);
    [memory.since, memory.lasting] = [since, expired];
  }
  if (verdict.kind === "failed") return verdict;
  if (memory.lasting) return failed(sentence(memory.lasting));
  noteProgress(memory, workload, all.proven, now);
  memory.provenSince = all.allNewProven ? (memory.provenSince ?? now) : undefined;
  if (all.allNewProven && goal.question === "all-pods") whenProven();
  const told = goal.question !== "first-pod" ? counted(verdict, memory) : verdict;
  const patient = { ...goal, noProgressMs: Math.max(goal.noProgressMs, statedMs(workload)) };
  if (all.allNewProven && all.ending.length === 0) return unreached(patient, memory, now, told, all.lost);
  return all.ending.length > 0 ? ended(patient, memory, now, told, all.ending) : stalled(patient, memory, now, told);
}

/** A rollout that is put back keeps the conditions of the one that failed, until the pods of that one are gone. */
const leavesBroken = (
  { wrongRevision, revision, uid }: ArrivalGoal,
  workload: ManagedWorkload,
  verdict: Verdict,
): verdict is Extract<Verdict, { kind: "failed" }> =>
  verdict.kind === "failed" &&
  wrongRevision === "waits" &&
  workload.uid === uid &&
  workload.pods.some((pod) => isLive(pod) && pod.proxy !== undefined && pod.proxy.revision !== revision);

function noteProgress(memory: Memory, { status, pods }: ManagedWorkload, proven: number, now: number): void {
  const { updated, ready, available } = status;
  const states = pods.map((pod) => `${pod.uid}${pod.ready}`).join();
  const mark = `${updated} ${ready} ${available} ${proven} ${states}`;
  if (mark !== memory.mark) [memory.mark, memory.markedAt] = [mark, now];
}

/**
 * What ends within its time is waited for: with every new pod proven as long as the goal's patience, else (a StatefulSet
 * makes its next pod only then) until it has ended.
 */
function ended(goal: ArrivalGoal, memory: Memory, now: number, verdict: Verdict, ending: readonly Pod[]): Verdict {
  const serverTime = memory.offset === undefined ? undefined : now + memory.offset;
  const draining = drainingOf(ending, serverTime);
  if (!draining) {
    const outlived = outlivedText(ending, serverTime);
    return stalled(goal, memory, now, outlived ? waiting(outlived) : verdict);
  }
  const { provenSince } = memory;
  if (provenSince === undefined || now - provenSince < goal.noProgressMs || !isBeforeEnd(draining, serverTime))
    return verdict;
  memory.draining = drainingText(draining);
  return failed(memory.draining);
}

/** Nothing ends these but a node that comes back, as one does whose kubelet was restarted: so long they are waited for. */
function unreached(goal: ArrivalGoal, memory: Memory, now: number, verdict: Verdict, lost: readonly Pod[]): Verdict {
  const { provenSince = now, offset } = memory;
  const late = offset !== undefined && lost.every((pod) => outlivedText([pod], now + offset) !== undefined);
  if (!late && now - provenSince < Math.min(goal.noProgressMs, cleanUpMs)) return verdict;
  memory.draining = outOfReachText(lost);
  return failed(memory.draining);
}

/** A verdict that waits becomes one that has waited too long. */
function stalled({ noProgressMs }: ArrivalGoal, memory: Memory, now: number, verdict: Verdict): Verdict {
  if (now - memory.markedAt < noProgressMs || !("reason" in verdict)) return verdict;
  const still = Math.round((now - memory.markedAt) / 1000);
  memory.blind = verdict.kind === "unknown";
  return failed(`${memory.blind ? "no proof" : "no progress"} for ${still}s: ${verdict.reason}`);
}

const counted = (verdict: Verdict, { proven, pods }: Memory): Verdict =>
  verdict.kind === "waiting" && pods > 0 ? waiting(`${proven} of ${pods} proven; ${verdict.reason}`) : verdict;

function endOf(verdict: Verdict, memory: Memory): Arrived {
  const { pods, proven, versions, blind, draining, wrongRevision, takenBack, lasting, found } = memory;
  const end = (kind: Arrived["kind"], reason: string, diagnosis?: Diagnosis): Arrived => ({
    kind,
    reason,
    diagnosis,
    pods,
    proven,
    versions,
  });
  if (verdict.kind === "done") return end("done", "");
  if (takenBack && verdict.kind === "failed") return end("taken-back", verdict.reason);
  if (draining) return end("draining", draining);
  if (verdict.kind === "failed" && blind) return end("unproven", verdict.reason);
  if (wrongRevision.length > 0) return end("wrong-revision", verdict.reason);
  if (verdict.kind !== "failed") return end("unproven", verdict.reason);
  const [cause] = found;
  if (lasting) return end("failed", sentence(lasting), lasting);
  return cause ? end("failed", `${verdict.reason} (${sentence(cause)})`, cause) : end("failed", verdict.reason);
}

const sentence = ({ object, message }: Diagnosis): string => `${object.kind} ${object.name}: ${message}`;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
