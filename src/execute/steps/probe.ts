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
import type { Tools } from "../tools.ts";

/** `refused`: somebody else than the injector would not let the pod in (quota, policy), so the probe says nothing. */
export type ProbeAnswer =
  | { readonly kind: "injected"; readonly revision: string }
  | { readonly kind: "not-injected" }
  | { readonly kind: "injector-failed"; readonly reason: string }
  | { readonly kind: "refused"; readonly reason: string };

/**
 * One dry-run pod create from the workload's template as it stands now; of an operator's own object, from one of its
 * pods. Throws `ClusterError` where there was no answer.
 */
export async function probe(cluster: Cluster, ref: ObjectRef, way?: RestartWay): Promise<ProbeAnswer> {
  const trial = way?.direct ? await podLike(cluster, way) : await podOfTemplate(cluster, ref);
  try {
    const pod = podFrom(await cluster.create<PodObject>(kinds.pods, trial, { namespace: ref.namespace, dryRun: true }));
    return pod.proxy?.revision === undefined
      ? { kind: "not-injected" }
      : { kind: "injected", revision: pod.proxy.revision };
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    if (/failed calling webhook/.test(error.message)) return { kind: "injector-failed", reason: error.message };
    if (["forbidden", "denied", "invalid"].includes(error.reason)) return { kind: "refused", reason: error.message };
    throw error;
  }
}

async function podOfTemplate(cluster: Cluster, ref: ObjectRef): Promise<object> {
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

/** The pod a controller would create: a StatefulSet's claim templates become volumes, as its controller makes them. */
function podOf(ref: ObjectRef, { spec }: WorkloadObject): object {
  const template = spec.template;
  if (!template) throw new ClusterError(`${refText(ref)} has no pod template`, { reason: "malformed" });
  const claimed = new Set((spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata.name));
  const volumes = [
    ...(template.spec.volumes ?? []).filter(({ name }) => !claimed.has(name)),
    ...[...claimed].map((name) => ({ name, emptyDir: {} })),
  ];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...template.metadata, generateName: `${ref.name.slice(0, 50)}-`, namespace: ref.namespace },
    spec: { ...template.spec, ...(volumes.length > 0 ? { volumes } : {}) },
  };
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
    readonly way?: RestartWay | undefined;
  },
): Promise<ProbeAnswer | { readonly kind: "unanswered"; readonly reason: string }> {
  const { clock } = options;
  const deadline = clock.now() + options.timeoutMs;
  let deadSince: number | undefined;
  for (let pause = 100; ; pause = Math.min(pause * 2, 2_000)) {
    const answer = await probe(cluster, ref, options.way).catch((error: unknown) => {
      if (error instanceof ClusterError) return { kind: "unanswered", reason: error.message } as const;
      throw error;
    });
    if (answer.kind === "injected" && answer.revision === revision) return answer;
    if (answer.kind === "injector-failed") deadSince ??= clock.now();
    else deadSince = undefined;
    const dead = deadSince !== undefined && clock.now() - deadSince >= deadWebhookMs;
    if (dead || answer.kind === "refused" || options.signal.aborted || clock.now() + pause > deadline) return answer;
    await sleep(clock, pause, options.signal);
  }
}

/**
 * Asks with a trial pod whether new pods of a workload are injected by `revision`; undefined where they are, else what
 * is wrong, in words. A refusal by somebody else (a quota, a policy) says nothing of the injector: then the restarted
 * pods are the only proof. Throws the reason of `stop.now` when that aborts.
 */
export async function probeFailure(
  ref: ObjectRef,
  revision: string,
  { cluster, clock, stop, timeouts, warn, wayOf }: Tools,
): Promise<string | undefined> {
  const way = wayOf(ref);
  const answer = await probeUntil(cluster, ref, revision, { timeoutMs: timeouts.probe, signal: stop.now, clock, way });
  if (answer.kind === "injected" && answer.revision === revision) return undefined;
  stop.now.throwIfAborted();
  if (answer.kind === "refused") {
    const object = refText(ref);
    warn(`a trial pod of ${object} was not let in, so its restarted pods are the only proof: ${answer.reason}`);
    return undefined;
  }
  return `new pods of namespace ${ref.namespace} would not be injected by ${revision}: ${answerText(answer)}`;
}

const answerText = (answer: ProbeAnswer | { readonly kind: "unanswered"; readonly reason: string }): string => {
  switch (answer.kind) {
    case "injected":
      return `${answer.revision} injects them`;
    case "not-injected":
      return "nothing injects them";
    default:
      return answer.reason;
  }
};
