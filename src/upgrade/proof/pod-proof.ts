/**
 * Whether one pod has arrived: injected by the target, ready, connected to an istiod of the target, configuration
 * acknowledged, and gone from every other control plane. What each istiod pod knows are its own connections only, so
 * all have to be asked (istio/istio pilot/pkg/xds/debug.go).
 */
import { instantOf } from "../../mesh/instant.ts";
import type { IstiodAnswer, Pod, ProxyConnection, SyncState } from "../../mesh/model.ts";
import type { Verdict } from "./verdict.ts";

/** Where a pod is to arrive, and which control planes have to say that they do not hold it any more. */
export interface Arrival {
  /** Revision of the target, resolved: never a tag. */
  readonly revision: string;
  /** Revisions that were left. An istiod of theirs that does not answer leaves the proof open. */
  readonly oldRevisions: readonly string[];
}

/**
 * Beside the verdicts: `wrong-revision`, injected by another revision or by none, which only a new pod mends;
 * `rejected`, the proxy refuses what the target sends it, which is a failure once it lasts (trouble.ts). Both are no
 * verdict at first sight.
 */
export type PodProof =
  | Exclude<Verdict, { readonly kind: "failed" }>
  | { readonly kind: "wrong-revision"; readonly reason: string; readonly revision: string | undefined }
  | { readonly kind: "rejected"; readonly reason: string };

/**
 * A proxy reconnects now and then (istiod ends connections after about 30 minutes): one `waiting` is no verdict, ask
 * again.
 */
export function podProof(pod: Pod, arrival: Arrival, answers: readonly IstiodAnswer[]): PodProof {
  const revision = pod.proxy?.revision;
  if (revision !== arrival.revision)
    return { kind: "wrong-revision", reason: wrongRevisionReason(pod, arrival), revision };
  if (pod.terminating) return { kind: "waiting", reason: "terminating" };
  if (!hasStarted(pod)) return { kind: "waiting", reason: notRunning(pod) };
  return atTarget(pod, arrival, answers) ?? readiness(pod) ?? goneElsewhere(pod, arrival, answers) ?? { kind: "done" };
}

const wrongRevisionReason = (pod: Pod, { revision }: Arrival): string =>
  pod.proxy === undefined
    ? `not injected, ${revision} was to`
    : `injected by ${pod.proxy.revision ?? "an unknown revision"}, not by ${revision}`;

/**
 * Its proxy runs, ready or not. A native sidecar does so while the pod still is `Pending`: the application waits for
 * it.
 */
export const hasStarted = (pod: Pod): boolean =>
  pod.phase === "Running" ||
  pod.proxy?.ready === true ||
  pod.troubles.some(({ container, state }) => container === pod.proxy?.container && state === "not ready");

const notRunning = (pod: Pod): string =>
  pod.conditions.some(({ type }) => type === "PodScheduled") ? "not scheduled yet" : "containers not started yet";

function readiness(pod: Pod): PodProof | undefined {
  if (!pod.proxy?.ready) return { kind: "waiting", reason: "proxy not ready yet" };
  return pod.ready ? undefined : { kind: "waiting", reason: "proxy ready, pod not ready yet" };
}

/** Undefined: connected and acknowledged. */
function atTarget(pod: Pod, { revision }: Arrival, answers: readonly IstiodAnswer[]): PodProof | undefined {
  const own = answers.filter((answer) => answer.revision === revision);
  const found = own.flatMap((answer) => connectionsOf(pod, answer));
  const current = newest(found.filter((proxy) => isOwn(pod, proxy)));
  if (current) return configured(current);
  const silent = own.find((answer) => answer.kind === "unanswered");
  if (silent) return { kind: "unknown", reason: silence(silent) };
  if (own.length === 0) return { kind: "unknown", reason: `no istiod of ${revision} to ask` };
  return {
    kind: "waiting",
    reason: found.length > 0 ? "proxy not connected yet, only a pod of its name before it" : "proxy not connected yet",
  };
}

function configured({ cds, lds, rejected }: ProxyConnection): PodProof | undefined {
  const refusal = rejected[0];
  if (refusal)
    return { kind: "rejected", reason: `proxy rejects its configuration: ${refusal.type}: ${refusal.message}` };
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

/** The istiod of another revision that still lists a proxy of this pod's name, if one does. */
export const otherHolder = (
  pod: Pod,
  { revision }: Arrival,
  answers: readonly IstiodAnswer[],
): IstiodAnswer | undefined =>
  answers.find((answer) => answer.revision !== revision && connectionsOf(pod, answer).length > 0);

/** Undefined: every istiod of the revisions left has answered, and none that answered holds a proxy of this name. */
function goneElsewhere(pod: Pod, arrival: Arrival, answers: readonly IstiodAnswer[]): PodProof | undefined {
  const holder = otherHolder(pod, arrival, answers);
  if (holder) return { kind: "waiting", reason: `still connected to ${holder.istiod} of ${holder.revision}` };
  const silent = answers
    .filter((answer) => answer.kind === "unanswered")
    .find(({ revision }) => arrival.oldRevisions.includes(revision));
  return silent && { kind: "unknown", reason: silence(silent) };
}

const connectionsOf = (pod: Pod, answer: IstiodAnswer): readonly ProxyConnection[] =>
  byPod(answer).get(`${pod.namespace}/${pod.name}`) ?? [];

/** Each answer's proxies by `namespace/pod`, made once an answer: every pod of every workload asks the same answers. */
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
 * The name of a ReplicaSet's or DaemonSet's pod is used once. Any other (a StatefulSet's) may be the name of the pod
 * before it, whose connection istiod still lists: then only a connection made since this pod exists counts.
 */
function isOwn(pod: Pod, proxy: ProxyConnection): boolean {
  if (pod.owner?.kind === "ReplicaSet" || pod.owner?.kind === "DaemonSet") return true;
  const [connected, created] = [instantOf(proxy.connectedAt), instantOf(pod.createdAt)];
  return connected !== undefined && created !== undefined && connected >= created;
}

const newest = (proxies: readonly ProxyConnection[]): ProxyConnection | undefined =>
  proxies.reduce<ProxyConnection | undefined>(
    (best, proxy) => (best && (instantOf(best.connectedAt) ?? 0) > (instantOf(proxy.connectedAt) ?? 0) ? best : proxy),
    undefined,
  );

const silence = ({ istiod, revision, reason }: Extract<IstiodAnswer, { readonly kind: "unanswered" }>): string =>
  `${istiod} of ${revision} does not answer: ${reason}`;
