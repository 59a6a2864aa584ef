/**
 * Asks the API server which revision would inject a workload's next pod: a dry-run pod create from its own template
 * runs the real webhooks, which Istio declares free of side effects. Right after a relabel an API server may still
 * match the namespace's old labels (it keeps them in a cache), so the answer is asked for until it is the one wanted.
 */
import { type Clock, sleep } from "../../cluster/clock.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { kinds, resourceOf } from "../../cluster/kinds.ts";
import { podFrom } from "../../mesh/from/pod.ts";
import type { PodObject, WorkloadObject } from "../../mesh/kubernetes.ts";
import type { ObjectRef } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import type { RestartWay } from "../../mesh/operators/restart-way.ts";
import { trialPodOf } from "../../mesh/operators/trial-pod.ts";
import { isLive } from "../../mesh/pod-state.ts";
import { isOutdated } from "../../mesh/proxy/proxy-version.ts";
import type { TrialProxy } from "../../upgrade/proof/pods-proof.ts";
import { podOfTemplate } from "../../upgrade/trial/template-pod.ts";
import { type Compared, type Trial, trialVerdict } from "../../upgrade/trial/trial-verdict.ts";
import type { Tools } from "../tools.ts";

/** `refused`: somebody else than the injector would not let the pod in (quota, policy), so the probe says nothing. */
export type ProbeAnswer =
  | { readonly kind: "injected"; readonly revision: string; readonly pod: PodObject; readonly proxy: TrialProxy }
  | { readonly kind: "not-injected"; readonly pod: PodObject }
  | { readonly kind: "injector-failed"; readonly reason: string }
  | { readonly kind: "refused"; readonly reason: string };

type Answer = ProbeAnswer | { readonly kind: "unanswered"; readonly reason: string };

/**
 * One dry-run pod create from the workload's template as it stands now; of an operator's own object, from one of its
 * pods. Throws `ClusterError` where there was no answer.
 */
export async function probe(cluster: Cluster, ref: ObjectRef, way?: RestartWay): Promise<ProbeAnswer> {
  const trial = way?.direct ? await podLike(cluster, way) : await podOfWorkload(cluster, ref);
  try {
    const made = { namespace: ref.namespace, dryRun: true };
    const pod = await cluster.create<PodObject>(kinds.pods, trial, made);
    const { proxy } = podFrom(pod);
    if (proxy?.revision === undefined) return { kind: "not-injected", pod };
    return { kind: "injected", revision: proxy.revision, pod, proxy };
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    if (/failed calling webhook/.test(error.message)) return { kind: "injector-failed", reason: error.message };
    if (["forbidden", "denied", "invalid"].includes(error.reason)) return { kind: "refused", reason: error.message };
    throw error;
  }
}

async function podOfWorkload(cluster: Cluster, ref: ObjectRef): Promise<object> {
  const workload = await cluster.get(resourceOf(ref), ref.name, ref.namespace);
  if (!workload) throw new ClusterError(`${refText(ref)} was deleted meanwhile`, { reason: "not-found" });
  return podOf(ref, await templateOwner(cluster, ref, workload));
}

/** Only the operator knows how it makes a pod: one that it made shows it. */
async function podLike(cluster: Cluster, { object, uid }: RestartWay): Promise<object> {
  const { namespace } = object;
  const ofOwner = (pod: PodObject): readonly PodObject[] =>
    pod.metadata.ownerReferences?.some((owner) => owner.controller && owner.uid === uid) && isLive(podFrom(pod))
      ? [pod]
      : [];
  const listed = await cluster.list<PodObject, readonly PodObject[]>(kinds.pods, { namespace }, ofOwner);
  const pod = listed?.items.flat()[0];
  if (!pod) throw new ClusterError(`${refText(object)} has no pod to try another one by`, { reason: "not-found" });
  const trial = trialPodOf(pod);
  if (trial) return trial;
  throw new ClusterError(`what istiod added to pod ${namespace}/${pod.metadata.name} cannot be told`, {
    reason: "malformed",
  });
}

/** A Rollout with `workloadRef` makes its pods from that Deployment's template. */
async function templateOwner(cluster: Cluster, ref: ObjectRef, workload: WorkloadObject): Promise<WorkloadObject> {
  const other = workload.spec.workloadRef;
  if (!other) return workload;
  return (await cluster.get(kinds.deployments, other.name, ref.namespace)) ?? workload;
}

function podOf(ref: ObjectRef, { spec }: WorkloadObject): object {
  if (!spec.template) throw new ClusterError(`${refText(ref)} has no pod template`, { reason: "malformed" });
  return podOfTemplate(ref, spec.template, spec.volumeClaimTemplates);
}

/** While a webhook cannot be called, no pod is admitted. The failure may pass by itself within this time (ms). */
const deadWebhookMs = 10_000;

/**
 * Probes until `revision` answers, or the last other answer when the time is up. Errors count as answers not had yet.
 */
export async function probeUntil(
  cluster: Cluster,
  ref: ObjectRef,
  revision: string,
  options: {
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
    readonly clock: Clock;
    /** No older proxy than this is wanted. */
    readonly version?: string | undefined;
    readonly way?: RestartWay | undefined;
  },
): Promise<Answer> {
  const { clock } = options;
  const deadline = clock.now() + options.timeoutMs;
  let deadSince: number | undefined;
  for (let pause = 100; ; pause = Math.min(pause * 2, 2_000)) {
    const answer = await probe(cluster, ref, options.way).catch((error: unknown) => {
      if (error instanceof ClusterError) return { kind: "unanswered", reason: error.message } as const;
      throw error;
    });
    if (isWanted(answer, revision, options.version)) return answer;
    if (answer.kind === "injector-failed") deadSince ??= clock.now();
    else deadSince = undefined;
    const dead = deadSince !== undefined && clock.now() - deadSince >= deadWebhookMs;
    if (dead || answer.kind === "refused" || options.signal.aborted || clock.now() + pause > deadline) return answer;
    await sleep(clock, pause, options.signal);
  }
}

const isWanted = (answer: Answer, revision: string, version?: string): boolean =>
  answer.kind === "injected" && answer.revision === revision && isOutdated([answer.proxy.version], version) !== true;

/** What a trial pod is judged by: the one of before, what is accepted, and the version that none may be older than. */
interface Wanted extends Compared {
  readonly before: Trial | undefined;
  readonly version?: string | undefined;
}

/**
 * Asks with a trial pod whether new pods of a workload are injected by `revision`; undefined where they are, else what
 * is wrong, in words. Where somebody else refuses it, the restarted pods are the only proof, unless the refusal would
 * meet them too. Throws the reason of `stop.now` when that aborts.
 */
export async function probeFailure(
  ref: ObjectRef,
  revision: string,
  { cluster, clock, stop, timeouts, warn, trials, wayOf }: Tools,
  { before, accepted, trustsBoth, version }: Wanted,
): Promise<string | undefined> {
  const options = { timeoutMs: timeouts.probe, signal: stop.now, clock, version, way: wayOf(ref) };
  const ask = () => probeUntil(cluster, ref, revision, options);
  let answer = await ask();
  if (answer.kind === "refused" && before?.kind === "let-in") {
    // A quota may have been full for a moment: what is an answer is refused twice.
    await sleep(clock, secondLookMs, stop.now);
    answer = await ask();
  }
  const trial = trialOf(answer);
  if (trial && (trial.kind === "refused" || isWanted(answer, revision, version))) {
    if (answer.kind === "injected") trials.set(refText(ref), answer.proxy);
    if (trial.kind === "refused") stop.now.throwIfAborted();
    const { failure, warnings } = trialVerdict(refText(ref), before, trial, { accepted, trustsBoth });
    for (const text of warnings) warn(text);
    return failure;
  }
  stop.now.throwIfAborted();
  if (answer.kind === "injected" && answer.revision === revision)
    return `new pods of ${refText(ref)} would run ${answer.proxy.version}, and not ${version} as the values of injector ${revision} have it`;
  return `new pods of namespace ${ref.namespace} would not be injected by ${revision}: ${answerText(answer)}`;
}

const secondLookMs = 1_000;

/** The trial pod of now, before anything is changed; undefined where there is no answer: nothing is compared then. */
export async function trialBefore(
  ref: ObjectRef,
  { cluster, wayOf }: Pick<Tools, "cluster" | "wayOf">,
): Promise<Trial | undefined> {
  const answer = await probe(cluster, ref, wayOf(ref)).catch((error: unknown) => {
    if (error instanceof ClusterError) return undefined;
    throw error;
  });
  return answer && trialOf(answer);
}

/** Undefined: nothing is known of what would be let in. A pod without a sidecar is let in, and is compared with none. */
const trialOf = (answer: Answer): Trial | undefined => {
  if (answer.kind === "injected") return { kind: "let-in", pod: answer.pod };
  return answer.kind === "refused" ? answer : undefined;
};

const answerText = (answer: Answer): string => {
  switch (answer.kind) {
    case "injected":
      return `${answer.revision} injects them`;
    case "not-injected":
      return "nothing injects them";
    default:
      return answer.reason;
  }
};
