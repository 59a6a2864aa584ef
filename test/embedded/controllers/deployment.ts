/**
 * How a Deployment rolls: a ReplicaSet for each template, the new one scaled up and the old ones down within surge and
 * unavailability. As k8s.io/kubernetes pkg/controller/deployment/{sync,rolling,recreate,progress}.go and
 * util/deployment_util.go have it.
 */
import { isDeepStrictEqual } from "node:util";
import type { Change } from "../api/store.ts";
import { controllerOf, isGoing, isOver, type Json, type KubeJson, ownerReference } from "../object.ts";
import type { Cluster, Controller } from "./controller.ts";
import { isComplete, surgeOf, tellPause, total, totalOf, unavailableOf, writeStatus } from "./deployment-status.ts";
import { hashOf } from "./template.ts";

const revisionKey = "deployment.kubernetes.io/revision";
const desiredKey = "deployment.kubernetes.io/desired-replicas";
const maxKey = "deployment.kubernetes.io/max-replicas";
const hashKey = "pod-template-hash";

export const deployments: Controller = { of: "deployments", concerns, reconcile };

/** A Recreate waits for the last pod to be gone, which no ReplicaSet tells. */
function concerns({ type, resource, object }: Change, { store, resource: named }: Cluster): readonly KubeJson[] {
  const { namespace } = object.metadata;
  const owner = type === "DELETED" && resource.plural === "pods" ? controllerOf(object) : undefined;
  const set = owner && store.get(named("replicasets"), namespace, owner.name);
  const deployment = set && store.get(named("deployments"), namespace, controllerOf(set)?.name ?? "");
  return deployment?.spec.strategy.type === "Recreate" ? [deployment] : [];
}

async function reconcile(deployment: KubeJson, cluster: Cluster): Promise<number | undefined> {
  if (isGoing(deployment) || (await tellPause(deployment, cluster))) return undefined;
  const { spec } = deployment;
  const sets = cluster.store
    .controlled(deployment.metadata.uid)
    .filter(({ kind }) => kind === "ReplicaSet")
    .toSorted(byAge);
  const current = sets.find((set) => isDeepStrictEqual(templateOf(set), spec.template));
  if (spec.paused || isScaling(deployment, sets)) {
    await rescale(deployment, current, sets, cluster);
    return writeStatus(deployment, current, sets, cluster, undefined);
  }
  if (!current) {
    if (spec.strategy.type === "Recreate" && (await emptyOld(sets, cluster)))
      return writeStatus(deployment, undefined, sets, cluster, undefined);
    const created = await createSet(deployment, sets, cluster);
    return writeStatus(deployment, created, [...sets, created], cluster, "NewReplicaSetCreated");
  }
  await keepRevision(deployment, current, sets, cluster);
  const old = sets.filter((set) => set !== current);
  if (spec.strategy.type === "Recreate") {
    if (!(await emptyOld(old, cluster))) await setReplicas(deployment, current, spec.replicas, cluster);
  } else if (!(await growNew(deployment, current, sets, cluster))) {
    await shrinkOld(deployment, current, old, cluster);
  }
  if (isComplete(deployment, deployment.status ?? {})) await forgetOld(deployment, old, cluster);
  return writeStatus(deployment, current, sets, cluster, undefined);
}

const byAge = (a: KubeJson, b: KubeJson): number =>
  a.metadata.creationTimestamp === b.metadata.creationTimestamp
    ? revisionOf(a) - revisionOf(b)
    : a.metadata.creationTimestamp < b.metadata.creationTimestamp
      ? -1
      : 1;
const revisionOf = ({ metadata }: KubeJson): number => Number(metadata.annotations?.[revisionKey] ?? 0);
/** The template that a ReplicaSet was made from. */
function templateOf({ spec: { template } }: KubeJson): Json {
  const { [hashKey]: _, ...labels } = template.metadata.labels;
  return { ...template, metadata: { ...template.metadata, labels } };
}

async function createSet(deployment: KubeJson, sets: readonly KubeJson[], cluster: Cluster): Promise<KubeJson> {
  const { spec, metadata } = deployment;
  const hash = hashOf(spec.template);
  const labels = { ...spec.template.metadata.labels, [hashKey]: hash };
  const revision = Math.max(0, ...sets.map(revisionOf)) + 1;
  const rolling = spec.strategy.type !== "Recreate";
  const room = rolling ? Math.max(0, spec.replicas + surgeOf(deployment) - total(sets)) : spec.replicas;
  await mark(deployment, revision, cluster);
  return cluster.create("replicasets", metadata.namespace, {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: `${metadata.name}-${hash}`,
      labels,
      annotations: { ...ownAnnotations(deployment), ...sizes(deployment), [revisionKey]: String(revision) },
      ownerReferences: [ownerReference(deployment)],
    },
    spec: {
      replicas: Math.min(spec.replicas, room),
      ...(spec.minReadySeconds && { minReadySeconds: spec.minReadySeconds }),
      selector: { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [hashKey]: hash } },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
    },
  });
}

const ownAnnotations = ({ metadata }: KubeJson): object => {
  const { "kubectl.kubernetes.io/last-applied-configuration": _, ...rest } = metadata.annotations ?? {};
  return rest;
};
const sizes = (deployment: KubeJson): Record<string, string> => ({
  [desiredKey]: String(deployment.spec.replicas),
  [maxKey]: String(deployment.spec.replicas + (deployment.spec.strategy.type === "Recreate" ? 0 : surgeOf(deployment))),
});

/** A template that comes back makes its ReplicaSet the latest again. */
async function keepRevision(
  deployment: KubeJson,
  current: KubeJson,
  sets: readonly KubeJson[],
  cluster: Cluster,
): Promise<void> {
  const others = Math.max(0, ...sets.filter((set) => set !== current).map(revisionOf));
  const revision = revisionOf(current) > others ? revisionOf(current) : others + 1;
  if (revision !== revisionOf(current))
    await cluster.change(current, (set) => ({
      ...set,
      metadata: { ...set.metadata, annotations: { ...set.metadata.annotations, [revisionKey]: String(revision) } },
    }));
  await mark(deployment, revision, cluster);
}

async function mark(deployment: KubeJson, revision: number, cluster: Cluster): Promise<void> {
  if (revisionOf(deployment) === revision) return;
  await cluster.change(deployment, (now) => ({
    ...now,
    metadata: { ...now.metadata, annotations: { ...now.metadata.annotations, [revisionKey]: String(revision) } },
  }));
}

async function setReplicas(deployment: KubeJson, set: KubeJson, replicas: number, cluster: Cluster): Promise<boolean> {
  const annotations = { ...set.metadata.annotations, ...sizes(deployment) };
  if (set.spec.replicas === replicas && isDeepStrictEqual(annotations, set.metadata.annotations)) return false;
  await cluster.change(set, (now) => ({
    ...now,
    metadata: { ...now.metadata, annotations: { ...now.metadata.annotations, ...sizes(deployment) } },
    spec: { ...now.spec, replicas },
  }));
  return set.spec.replicas !== replicas;
}

/** `reconcileNewReplicaSet` */
async function growNew(
  deployment: KubeJson,
  current: KubeJson,
  sets: readonly KubeJson[],
  cluster: Cluster,
): Promise<boolean> {
  const wanted: number = deployment.spec.replicas;
  if (current.spec.replicas >= wanted) return setReplicas(deployment, current, wanted, cluster);
  const room = wanted + surgeOf(deployment) - total(sets);
  return room > 0 && setReplicas(deployment, current, Math.min(wanted, current.spec.replicas + room), cluster);
}

/** `reconcileOldReplicaSets`: first what does not run anyway, then what availability can spare. */
async function shrinkOld(
  deployment: KubeJson,
  current: KubeJson,
  old: readonly KubeJson[],
  cluster: Cluster,
): Promise<void> {
  if (total(old) === 0) return;
  const least = deployment.spec.replicas - unavailableOf(deployment);
  const newUnavailable = current.spec.replicas - (current.status?.availableReplicas ?? 0);
  let spare = total([...old, current]) - least - newUnavailable;
  if (spare <= 0) return;
  const sizeOf = new Map(old.map((set) => [set, set.spec.replicas as number]));
  const shrink = (set: KubeJson, by: number): void => void sizeOf.set(set, (sizeOf.get(set) ?? 0) - by);
  for (const set of old) {
    const unwell = Math.min(spare, set.spec.replicas - (set.status?.availableReplicas ?? 0));
    if (unwell <= 0) continue;
    shrink(set, unwell);
    spare -= unwell;
  }
  let available = totalOf([...old, current], "availableReplicas") - least;
  for (const set of old) {
    const by = Math.min(sizeOf.get(set) ?? 0, available);
    if (by <= 0) continue;
    shrink(set, by);
    available -= by;
  }
  for (const [set, size] of sizeOf) if (size !== set.spec.replicas) await setReplicas(deployment, set, size, cluster);
}

/** Recreate: nothing new before the last old pod is gone. Whether there is still something old. */
async function emptyOld(old: readonly KubeJson[], cluster: Cluster): Promise<boolean> {
  for (const set of old.filter(({ spec }) => spec.replicas > 0))
    await cluster.change(set, (now) => ({ ...now, spec: { ...now.spec, replicas: 0 } }));
  return old.some(({ metadata }) =>
    cluster.store.controlled(metadata.uid).some((pod) => pod.kind === "Pod" && !isOver(pod)),
  );
}

const isScaling = (deployment: KubeJson, sets: readonly KubeJson[]): boolean =>
  sets.some(
    ({ spec, metadata }) =>
      spec.replicas > 0 &&
      (metadata.annotations?.[desiredKey] ?? String(deployment.spec.replicas)) !== String(deployment.spec.replicas),
  );

/** `scale`: one ReplicaSet takes it all; in the midst of a rollout each takes its share. */
async function rescale(
  deployment: KubeJson,
  current: KubeJson | undefined,
  sets: readonly KubeJson[],
  cluster: Cluster,
): Promise<void> {
  const wanted: number = deployment.spec.replicas;
  const active = sets.filter(({ spec }) => spec.replicas > 0);
  const [only] = active.length <= 1 ? [active[0] ?? current ?? sets.at(-1)] : [];
  if (only) return void (await setReplicas(deployment, only, wanted, cluster));
  if (active.length === 0) return;
  const allowed = wanted > 0 ? wanted + surgeOf(deployment) : 0;
  let rest = allowed - total(active);
  const largestFirst = active.toSorted((a, b) => b.spec.replicas - a.spec.replicas);
  const shares = largestFirst.map((set) => {
    const before = Number(set.metadata.annotations?.[maxKey] ?? wanted) || 1;
    const share = Math.round((set.spec.replicas * allowed) / before) - set.spec.replicas;
    const part = rest > 0 ? Math.min(Math.max(share, 0), rest) : Math.max(Math.min(share, 0), rest);
    rest -= part;
    return { set, size: set.spec.replicas + part };
  });
  for (const [index, { set, size }] of shares.entries())
    await setReplicas(deployment, set, Math.max(0, size + (index === 0 ? rest : 0)), cluster);
}

async function forgetOld({ spec }: KubeJson, old: readonly KubeJson[], cluster: Cluster): Promise<void> {
  const empty = old.filter(({ spec: { replicas }, status }) => replicas === 0 && (status?.replicas ?? 0) === 0);
  for (const set of empty.slice(0, Math.max(0, empty.length - spec.revisionHistoryLimit))) await cluster.remove(set);
}
