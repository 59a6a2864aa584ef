/**
 * How a StatefulSet rolls: one pod after the other, from the last ordinal down to the partition, each ready before the
 * next. Its pods keep their names; a pod that never gets ready holds up everything (kubernetes/kubernetes#67250).
 * pkg/controller/statefulset/stateful_set_control.go
 */

import { Refusal } from "../api/status.ts";
import { isAvailable, isGoing, isOver, isReady, type Json, type KubeJson } from "../object.ts";
import type { Cluster, Controller } from "./controller.ts";
import { currentRevision, revisionLabel, revisionsOf, templateOf } from "./revision.ts";
import { podOf, withoutZeros } from "./template.ts";

export const statefulSets: Controller = { of: "statefulsets", reconcile };

interface Picture {
  readonly set: KubeJson;
  readonly cluster: Cluster;
  /** By ordinal. */
  readonly pods: ReadonlyMap<number, KubeJson>;
  /** The revision to come, and the one of pods below the partition. */
  readonly update: KubeJson;
  readonly current: KubeJson;
}

async function reconcile(set: KubeJson, cluster: Cluster): Promise<number | undefined> {
  const update = await currentRevision(set, cluster);
  const current =
    revisionsOf(set, cluster).find(({ metadata }) => metadata.name === set.status?.currentRevision) ?? update;
  const picture: Picture = { set, cluster, update, current, pods: podsOf(set, cluster) };
  let replaced: KubeJson | undefined;
  try {
    if (!isGoing(set)) replaced = await manage(picture);
  } finally {
    await writeStatus(picture, replaced);
  }
  const minReady = (set.spec.minReadySeconds ?? 0) * 1000;
  return minReady > 0 && [...picture.pods.values()].some((pod) => isReady(pod) && !isWell(picture, pod))
    ? minReady
    : undefined;
}

const ordinalOf = ({ metadata: { name } }: KubeJson): number => Number(name.slice(name.lastIndexOf("-") + 1));
const podsOf = ({ metadata }: KubeJson, { store }: Cluster): ReadonlyMap<number, KubeJson> =>
  new Map(
    store
      .controlled(metadata.uid)
      .filter(({ kind }) => kind === "Pod")
      .map((pod) => [ordinalOf(pod), pod]),
  );
const isWell = ({ set, cluster }: Picture, pod: KubeJson): boolean =>
  !isGoing(pod) && isAvailable(pod, set.spec.minReadySeconds ?? 0, cluster.clock.wall());
const revisionIn = (pod: KubeJson): string | undefined => pod.metadata.labels?.[revisionLabel];
const isOf = (pod: KubeJson, revision: KubeJson): boolean => revisionIn(pod) === revision.metadata.name;

/** Gives back the pod that it took away to replace it. */
async function manage(picture: Picture): Promise<KubeJson | undefined> {
  const { set, cluster, pods } = picture;
  const inOrder = set.spec.podManagementPolicy !== "Parallel";
  for (let ordinal = 0; ordinal < set.spec.replicas; ordinal++) {
    const pod = pods.get(ordinal);
    if (pod && isOver(pod) && !isGoing(pod)) await cluster.remove(pod);
    else if (!pod) await createPod(picture, ordinal);
    if ((!pod || !isWell(picture, pod)) && inOrder) return undefined;
  }
  const surplus = [...pods.values()]
    .filter((pod) => ordinalOf(pod) >= set.spec.replicas)
    .toSorted((a, b) => ordinalOf(b) - ordinalOf(a));
  for (const pod of surplus) {
    if (!isGoing(pod)) await cluster.remove(pod);
    if (inOrder) return undefined;
  }
  if (set.spec.updateStrategy.type === "OnDelete") return undefined;
  for (let ordinal = set.spec.replicas - 1; ordinal >= partitionOf(set); ordinal--) {
    const pod = pods.get(ordinal);
    if (pod && !isOf(pod, picture.update) && !isGoing(pod)) {
      await cluster.remove(pod);
      return pod;
    }
    if (!pod || !isWell(picture, pod)) return undefined;
  }
  return undefined;
}

const partitionOf = ({ spec }: KubeJson): number => spec.updateStrategy.rollingUpdate?.partition ?? 0;

/** Below the partition a pod comes back as it was. */
async function createPod({ set, cluster, update, current }: Picture, ordinal: number): Promise<void> {
  const rolling = set.spec.updateStrategy.type !== "OnDelete";
  const revision = rolling && ordinal < partitionOf(set) ? current : update;
  const name = `${set.metadata.name}-${ordinal}`;
  const claims: readonly Json[] = set.spec.volumeClaimTemplates ?? [];
  for (const claim of claims) await createClaim(set, claim, name, cluster);
  const template = templateOf(revision);
  const claimed = new Set(claims.map(({ metadata }) => metadata.name));
  const volumes = [
    ...(template.spec.volumes ?? []).filter((volume: Json) => !claimed.has(volume.name)),
    ...claims.map(({ metadata }) => ({
      name: metadata.name,
      persistentVolumeClaim: { claimName: `${metadata.name}-${name}` },
    })),
  ];
  const labels = {
    [revisionLabel]: revision.metadata.name,
    "statefulset.kubernetes.io/pod-name": name,
    "apps.kubernetes.io/pod-index": String(ordinal),
  };
  const spec = {
    hostname: name,
    ...(set.spec.serviceName && { subdomain: set.spec.serviceName }),
    ...(volumes.length > 0 && { volumes }),
  };
  try {
    await cluster.create("pods", set.metadata.namespace, podOf(set, template, { name, labels, spec }));
  } catch (error) {
    if (error instanceof Refusal)
      await cluster.tell(
        set,
        "Warning",
        "FailedCreate",
        `Create Pod ${name} in StatefulSet ${set.metadata.name} failed error: ${error.message}`,
      );
    throw error;
  }
}

async function createClaim(set: KubeJson, { metadata, spec }: Json, pod: string, cluster: Cluster): Promise<void> {
  const name = `${metadata.name}-${pod}`;
  const { namespace } = set.metadata;
  if (cluster.store.get(cluster.resource("persistentvolumeclaims"), namespace, name)) return;
  const claim = await cluster.create("persistentvolumeclaims", namespace, {
    ...{ apiVersion: "v1", kind: "PersistentVolumeClaim", spec },
    metadata: { ...metadata, name, labels: { ...metadata.labels, ...set.spec.selector.matchLabels } },
  });
  await cluster.setStatus(claim, { phase: "Bound", accessModes: spec.accessModes, capacity: spec.resources?.requests });
}

/**
 * Of the pods as they were looked at (`updateStatus`, `completeRollingUpdate`): those made meanwhile are counted next
 * time.
 */
async function writeStatus(picture: Picture, replaced: KubeJson | undefined): Promise<void> {
  const { set, cluster, update, current } = picture;
  const pods = [...picture.pods.values()];
  const live = pods.filter((pod) => !isGoing(pod));
  const minReady = set.spec.minReadySeconds ?? 0;
  const [replicas, ready, updated] = [
    pods.length,
    pods.filter(isReady).length,
    live.filter((pod) => isOf(pod, update)).length,
  ];
  const complete =
    set.spec.updateStrategy.type !== "OnDelete" &&
    [replicas, ready, updated].every((count) => count === set.spec.replicas);
  const ofCurrent = complete ? updated : live.filter((pod) => isOf(pod, current) && pod !== replaced).length;
  await cluster.setStatus(set, {
    observedGeneration: set.metadata.generation,
    ...{ replicas, availableReplicas: pods.filter((pod) => isAvailable(pod, minReady, cluster.clock.wall())).length },
    ...withoutZeros({ readyReplicas: ready, currentReplicas: ofCurrent, updatedReplicas: updated }),
    currentRevision: (complete ? update : current).metadata.name,
    updateRevision: update.metadata.name,
    collisionCount: 0,
  });
}
