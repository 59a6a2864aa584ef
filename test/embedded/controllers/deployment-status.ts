/**
 * What a Deployment says of itself: counts, and the conditions by which `kubectl rollout status` and others judge it
 * (`syncRolloutStatus`).
 */
import { conditionOf, type Json, type KubeJson, withCondition } from "../object.ts";
import type { Cluster } from "./controller.ts";
import { scaled, withoutZeros } from "./template.ts";

export const total = (sets: readonly KubeJson[]): number => sets.reduce((sum, { spec }) => sum + spec.replicas, 0);
export const totalOf = (sets: readonly KubeJson[], count: string): number =>
  sets.reduce((sum, { status }) => sum + (status?.[count] ?? 0), 0);

export const surgeOf = ({ spec }: KubeJson): number =>
  scaled(spec.strategy.rollingUpdate?.maxSurge, spec.replicas, "up");
export const unavailableOf = (deployment: KubeJson): number => {
  const { spec } = deployment;
  const allowed = scaled(spec.strategy.rollingUpdate?.maxUnavailable, spec.replicas, "down");
  return surgeOf(deployment) === 0 && allowed === 0 ? 1 : allowed;
};

export const isComplete = ({ spec, metadata }: KubeJson, status: Json): boolean =>
  status.updatedReplicas === spec.replicas &&
  status.replicas === spec.replicas &&
  status.availableReplicas === spec.replicas &&
  status.observedGeneration >= (metadata.generation ?? 0);

/**
 * `checkPausedConditions`: that it was paused or resumed is told before anything else. Whether something was to be
 * told.
 */
export async function tellPause(deployment: KubeJson, cluster: Cluster): Promise<boolean> {
  const { spec, status = {} } = deployment;
  const known = conditionOf(deployment, "Progressing")?.reason;
  if (known === "ProgressDeadlineExceeded" || (known === "DeploymentPaused") === (spec.paused ?? false)) return false;
  const [reason, message] = spec.paused
    ? ["DeploymentPaused", "Deployment is paused"]
    : ["DeploymentResumed", "Deployment is resumed"];
  const conditions = withUpdate(
    status.conditions ?? [],
    { type: "Progressing", status: "Unknown", reason, message },
    cluster.now(),
  );
  await cluster.setStatus(deployment, { ...status, conditions });
  return true;
}

/** Writes it. Gives the milliseconds to the progress deadline. */
export async function writeStatus(
  deployment: KubeJson,
  current: KubeJson | undefined,
  sets: readonly KubeJson[],
  cluster: Cluster,
  created: "NewReplicaSetCreated" | undefined,
): Promise<number | undefined> {
  const fresh = sets
    .map(({ metadata }) => cluster.store.get(cluster.resource("replicasets"), metadata.namespace, metadata.name))
    .filter((set) => set !== undefined);
  const before: Json = deployment.status ?? {};
  const own = fresh.filter(({ metadata }) => metadata.uid === current?.metadata.uid);
  const available = totalOf(fresh, "availableReplicas");
  const replicas = totalOf(fresh, "replicas");
  const counts = {
    observedGeneration: deployment.metadata.generation,
    replicas,
    updatedReplicas: totalOf(own, "replicas"),
    readyReplicas: totalOf(fresh, "readyReplicas"),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, total(fresh) - available),
  };
  const now = cluster.now();
  const enough = available >= deployment.spec.replicas - unavailableOf({ ...deployment, spec: { ...deployment.spec } });
  const availability = enough
    ? {
        type: "Available",
        status: "True",
        reason: "MinimumReplicasAvailable",
        message: "Deployment has minimum availability.",
      }
    : {
        type: "Available",
        status: "False",
        reason: "MinimumReplicasUnavailable",
        message: "Deployment does not have minimum availability.",
      };
  const { progress, wait } = progressing(deployment, current, counts, created, cluster);
  const failure = fresh.map((set) => conditionOf(set, "ReplicaFailure")).find((condition) => condition !== undefined);
  const others = (before.conditions ?? []).filter(({ type }: Json) => type !== "ReplicaFailure");
  const conditions = [availability, progress, failure]
    .filter((each) => each !== undefined)
    .reduce((all: readonly Json[], each) => withUpdate(all, each, now), others);
  await cluster.setStatus(deployment, { ...withoutZeros(counts), conditions });
  return wait;
}

/** `lastUpdateTime` stays while nothing but the text of the condition is the same. */
function withUpdate(all: readonly Json[], next: Json, now: string): readonly Json[] {
  const before = all.find(({ type }) => type === next.type);
  const same = before && before.status === next.status && before.reason === next.reason && !next.again;
  const { again: _, ...condition } = next;
  return withCondition(all, { ...condition, lastUpdateTime: same ? before.lastUpdateTime : now }, now);
}

function progressing(
  deployment: KubeJson,
  current: KubeJson | undefined,
  counts: Json,
  created: string | undefined,
  cluster: Cluster,
): { readonly progress: Json; readonly wait: number | undefined } {
  const { spec, status: before = {} } = deployment;
  const known = conditionOf(deployment, "Progressing");
  const name = current?.metadata.name;
  if (created)
    return {
      progress: { type: "Progressing", status: "True", reason: created, message: `Created new replica set "${name}"` },
      wait: deadlineOf(spec),
    };
  if (spec.paused) return { progress: known, wait: undefined };
  if (!known)
    return {
      progress: {
        type: "Progressing",
        status: "True",
        reason: "FoundNewReplicaSet",
        message: `Found new replica set "${name}"`,
      },
      wait: deadlineOf(spec),
    };
  if (current && isComplete(deployment, counts))
    return {
      progress: {
        type: "Progressing",
        status: "True",
        reason: "NewReplicaSetAvailable",
        message: `ReplicaSet "${name}" has successfully progressed.`,
      },
      wait: undefined,
    };
  if (known.reason === "NewReplicaSetAvailable" && counts.replicas === counts.updatedReplicas)
    return { progress: known, wait: undefined };
  const old = (status: Json): number => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  const moved =
    counts.updatedReplicas > (before.updatedReplicas ?? 0) ||
    old(counts) < old(before) ||
    counts.readyReplicas > (before.readyReplicas ?? 0) ||
    counts.availableReplicas > (before.availableReplicas ?? 0);
  if (moved)
    return {
      progress: {
        type: "Progressing",
        status: "True",
        reason: "ReplicaSetUpdated",
        message: `ReplicaSet "${name}" is progressing.`,
        again: true,
      },
      wait: deadlineOf(spec),
    };
  const left = deadlineOf(spec) - (cluster.clock.wall() - Date.parse(known.lastUpdateTime));
  if (left > 0 || known.reason === "ProgressDeadlineExceeded")
    return { progress: known, wait: left > 0 ? left : undefined };
  return {
    progress: {
      type: "Progressing",
      status: "False",
      reason: "ProgressDeadlineExceeded",
      message: `ReplicaSet "${name}" has timed out progressing.`,
    },
    wait: undefined,
  };
}

/** `MaxInt32` seconds means none; timers do not reach so far. */
const deadlineOf = (spec: Json): number => Math.min(spec.progressDeadlineSeconds, 1_000_000) * 1000;
