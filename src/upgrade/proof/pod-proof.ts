/**
 * The proof of one pod: it is injected by the target, ready, connected to an istiod of the target, its configuration is
 * acknowledged, and it is not connected to another control plane. Each istiod knows its own connections only, so all
 * istiods must be asked (istio/istio pilot/pkg/xds/debug.go).
 */
import { instantOf } from "../../mesh/instant.ts";
import type { IstiodAnswer, Pod, ProxyConnection, SyncState } from "../../mesh/model.ts";
import { isOutdated, knownVersions, versionAmong } from "../../mesh/proxy/proxy-version.ts";
import { hasBarrier, misconfigured, type PodsProof } from "./pods-proof.ts";
import type { Verdict } from "./verdict.ts";

/** The revision to which a pod must be connected, and the revisions to which it must not be connected any more. */
export interface PodGoal {
  /** Revision of the target, resolved: never a tag. */
  readonly revision: string;
  /** Revisions that the pods come from. While one of their istiods does not answer, there is no proof. */
  readonly oldRevisions: readonly string[];
  /** What stands for the answers of istiods that cannot be asked; absent: nothing does. */
  readonly proof?: PodsProof | undefined;
  /** No older proxy than this is proven (a catch-up under the same revision); absent: any version is. */
  readonly version?: string;
}

/**
 * Two kinds that a Verdict does not have. `wrong-revision`: injected by another revision or not at all; only a new pod
 * changes that. `rejected`: the proxy rejects the target's configuration; a failure only if it lasts (symptom.ts).
 */
export type PodProof =
  | Exclude<Verdict, { readonly kind: "failed" }>
  | { readonly kind: "wrong-revision"; readonly reason: string; readonly revision: string | undefined }
  | { readonly kind: "rejected"; readonly reason: string };

/**
 * The proof of one pod, by the answers of all istiods. A proxy reconnects from time to time (istiod closes connections
 * after about 30 minutes), so `waiting` is not a failure: ask again.
 */
export function podProof(pod: Pod, goal: PodGoal, answers: readonly IstiodAnswer[]): PodProof {
  const revision = pod.proxy?.revision;
  if (revision !== goal.revision) return { kind: "wrong-revision", reason: wrongRevisionReason(pod, goal), revision };
  if (hasOlderProxy(pod, goal))
    return { kind: "wrong-revision", reason: `runs ${pod.proxy?.version}, not ${goal.version}`, revision };
  if (pod.terminating) return { kind: "waiting", reason: "terminating" };
  if (!hasStarted(pod)) return { kind: "waiting", reason: notRunning(pod) };
  return (
    connectedToTarget(pod, goal, answers) ??
    ofVersion(pod, goal, answers) ??
    readiness(pod) ??
    disconnectedFromOthers(pod, goal, answers) ?? { kind: "done" }
  );
}

const wrongRevisionReason = (pod: Pod, { revision }: PodGoal): string =>
  pod.proxy === undefined
    ? `not injected; it should be injected by ${revision}`
    : `injected by ${pod.proxy.revision ?? "an unknown revision"}, not by ${revision}`;

/** Whether only a new pod in its place changes what it runs: another revision, or an older proxy than is demanded. */
export const isOldPod = (pod: Pod, goal: Pick<PodGoal, "revision" | "version">): boolean =>
  pod.proxy?.revision !== goal.revision || hasOlderProxy(pod, goal);

/** By the tag of its image: only a new pod changes that. */
const hasOlderProxy = ({ proxy }: Pod, { version }: Pick<PodGoal, "version">): boolean =>
  version !== undefined && isOutdated([proxy?.version], version) === true;

/** Undefined where no version is demanded, and where the proxy is not older, by its image or by what it reports. */
function ofVersion(pod: Pod, { version }: PodGoal, answers: readonly IstiodAnswer[]): PodProof | undefined {
  if (version === undefined) return undefined;
  const running = proxyVersion(pod, answers);
  const outdated = isOutdated([running], version);
  if (outdated === undefined && running !== version)
    return {
      kind: "unknown",
      reason: `whether its proxy is of ${version} cannot be told: ${running ?? "no version known"}`,
    };
  return outdated
    ? { kind: "wrong-revision", reason: `runs ${running}, not ${version}`, revision: pod.proxy?.revision }
    : undefined;
}

/** The version of a pod's proxy: by its image, else as it reports it to an istiod. Undefined: not known. */
export const proxyVersion = (pod: Pod, answers: readonly IstiodAnswer[]): string | undefined => {
  const known = knownVersions(
    pod,
    answers.flatMap((answer) => connectionsOf(pod, answer)),
  );
  return versionAmong(known) ?? known[0];
};

/**
 * Whether its proxy runs, ready or not. A native sidecar runs while the pod's phase is still `Pending`, because the
 * application starts after it.
 */
export const hasStarted = (pod: Pod): boolean =>
  pod.phase === "Running" ||
  pod.proxy?.ready === true ||
  pod.unreadyContainers.some(({ container, state }) => container === pod.proxy?.container && state === "not ready");

/** `ContainerCreating` lasts as long as the node pulls images, attaches volumes and makes the pod's network. */
const notRunning = ({ conditions, unreadyContainers, node }: Pod): string => {
  if (conditions.some(({ type }) => type === "PodScheduled")) return "not scheduled yet";
  return unreadyContainers.some(({ reason }) => reason === "ContainerCreating")
    ? `containers not started yet: node ${node ?? "?"} pulls images or attaches volumes (ContainerCreating)`
    : "containers not started yet";
};

function readiness(pod: Pod): PodProof | undefined {
  if (!pod.proxy?.ready) return { kind: "waiting", reason: "proxy not ready yet" };
  return pod.ready ? undefined : { kind: "waiting", reason: "proxy ready, pod not ready yet" };
}

/** Undefined when the pod is connected to the target and its configuration is acknowledged. */
function connectedToTarget(pod: Pod, goal: PodGoal, answers: readonly IstiodAnswer[]): PodProof | undefined {
  const { revision } = goal;
  const own = answers.filter((answer) => answer.revision === revision);
  const found = own.flatMap((answer) => connectionsOf(pod, answer));
  const current = newest(found.filter((proxy) => isConnectionOf(pod, proxy)));
  if (current) return configured(current);
  if (goal.proof?.unasked.includes(revision) && own.every((answer) => answer.kind === "answered" || hasBarrier(answer)))
    return byThePodAlone(pod, revision, goal.proof, own);
  const unanswered = own.find((answer) => answer.kind === "unanswered");
  if (unanswered) return { kind: "unknown", reason: unansweredReason(unanswered) };
  if (own.length === 0) return { kind: "unknown", reason: `no istiod of ${revision} to ask` };
  return {
    kind: "waiting",
    reason:
      found.length > 0
        ? "proxy not connected yet, only that of an earlier pod with the same name"
        : "proxy not connected yet",
  };
}

/** Where no istiod of the target can say that the pod is connected. One that answers has to name it, or not be alone. */
function byThePodAlone(
  pod: Pod,
  revision: string,
  proof: PodsProof,
  own: readonly IstiodAnswer[],
): PodProof | undefined {
  if (own.length > 0 && own.every(({ kind }) => kind === "answered"))
    return { kind: "waiting", reason: "proxy not connected yet" };
  const wrong = misconfigured(pod, revision, proof);
  return wrong && { kind: wrong.certain ? "waiting" : "unknown", reason: wrong.reason };
}

function configured({ cds, lds, rejected }: ProxyConnection): PodProof | undefined {
  const first = rejected[0];
  if (first) return { kind: "rejected", reason: `proxy rejects its configuration: ${first.type}: ${first.message}` };
  const open = (
    [
      ["CDS", cds],
      ["LDS", lds],
    ] as const satisfies readonly (readonly [string, SyncState])[]
  ).filter(([, state]) => state !== "synced");
  if (open.some(([, state]) => state === "rejected"))
    return { kind: "rejected", reason: "proxy rejects its configuration" };
  return open.length === 0
    ? undefined
    : { kind: "waiting", reason: `configuration not acknowledged yet: ${open.map(([type]) => type).join(", ")}` };
}

/** An istiod of another revision that still lists a proxy with this pod's name, if there is one. */
export const istiodOfOtherRevision = (
  pod: Pod,
  { revision }: PodGoal,
  answers: readonly IstiodAnswer[],
): IstiodAnswer | undefined =>
  answers.find((answer) => answer.revision !== revision && connectionsOf(pod, answer).length > 0);

/**
 * Undefined when every istiod of the old revisions answered that can hold the pod's proxy, and no istiod lists a proxy
 * with its name. One that is not ready is in no Service, so the proxy of a new pod never came to it; while it answers,
 * its answer counts all the same.
 */
function disconnectedFromOthers(pod: Pod, goal: PodGoal, answers: readonly IstiodAnswer[]): PodProof | undefined {
  const other = istiodOfOtherRevision(pod, goal, answers);
  if (other) return { kind: "waiting", reason: `still connected to ${other.istiod} of ${other.revision}` };
  const unanswered = answers
    .filter((answer) => answer.kind === "unanswered")
    .filter(({ ready, revision }) => ready !== false && goal.oldRevisions.includes(revision))
    .find((answer) => !(hasBarrier(answer) && goal.proof?.unasked.includes(answer.revision)));
  return unanswered && { kind: "unknown", reason: unansweredReason(unanswered) };
}

const connectionsOf = (pod: Pod, answer: IstiodAnswer): readonly ProxyConnection[] =>
  byPod(answer).get(`${pod.namespace}/${pod.name}`) ?? [];

/** The proxies of each answer by `namespace/pod`; computed once, because every pod of every workload needs them. */
const indices = new WeakMap<IstiodAnswer, ReadonlyMap<string, ProxyConnection[]>>();

function byPod(answer: IstiodAnswer): ReadonlyMap<string, readonly ProxyConnection[]> {
  const known = indices.get(answer);
  if (known) return known;
  const proxies = answer.kind === "answered" ? answer.proxies : [];
  const index = Map.groupBy(proxies, ({ namespace, pod }) => `${namespace}/${pod}`);
  indices.set(answer, index);
  return index;
}

/**
 * Whether a connection with this pod's name is this pod's. A ReplicaSet or DaemonSet uses a pod name once. A
 * StatefulSet uses it again, and istiod may still list the connection of the earlier pod: then the connection must be
 * newer than the pod.
 */
function isConnectionOf(pod: Pod, proxy: ProxyConnection): boolean {
  if (pod.owner?.kind === "ReplicaSet" || pod.owner?.kind === "DaemonSet") return true;
  const [connected, created] = [instantOf(proxy.connectedAt), instantOf(pod.createdAt)];
  return connected !== undefined && created !== undefined && connected >= created;
}

const newest = (proxies: readonly ProxyConnection[]): ProxyConnection | undefined =>
  proxies.reduce<ProxyConnection | undefined>(
    (best, proxy) => (best && (instantOf(best.connectedAt) ?? 0) > (instantOf(proxy.connectedAt) ?? 0) ? best : proxy),
    undefined,
  );

const unansweredReason = ({
  istiod,
  revision,
  reason,
}: Extract<IstiodAnswer, { readonly kind: "unanswered" }>): string =>
  `${istiod} of ${revision} does not answer: ${reason}`;
