/**
 * How a DaemonSet rolls: a pod on each node, replaced by unavailability or by surge.
 * pkg/controller/daemon/{daemon_controller,update}.go
 */

import { Refusal } from "../api/status.ts";
import { isAvailable, isGoing, isOver, isReady, type KubeJson } from "../object.ts";
import { fits } from "../pods/scheduler.ts";
import type { Cluster, Controller } from "./controller.ts";
import { currentRevision, revisionLabel } from "./revision.ts";
import { podOf, scaled, withoutZeros } from "./template.ts";

export const daemonSets: Controller = {
  of: "daemonsets",
  concerns: ({ resource, type }, { store, resource: named }) =>
    resource.plural === "nodes" && type !== "MODIFIED" ? store.list(named("daemonsets")) : [],
  reconcile,
};

interface OnNode {
  readonly node: string;
  readonly old: KubeJson | undefined;
  readonly fresh: KubeJson | undefined;
}

async function reconcile(set: KubeJson, cluster: Cluster): Promise<number | undefined> {
  const revision = await currentRevision(set, cluster);
  const hash = revision.metadata.labels?.[revisionLabel] ?? "";
  const nodes = cluster.store.list(cluster.resource("nodes")).filter((node) => fits(set.spec.template.spec, node));
  const names = nodes.map(({ metadata }) => metadata.name);
  const pods = podsOf(set, cluster);
  try {
    if (!isGoing(set)) await manage(set, names, hash, cluster);
  } finally {
    await writeStatus(set, names, pods, hash, cluster);
  }
  const minReady = set.spec.minReadySeconds ?? 0;
  return minReady > 0 ? minReady * 1000 : undefined;
}

const podsOf = ({ metadata }: KubeJson, { store }: Cluster): readonly KubeJson[] =>
  store.controlled(metadata.uid).filter((pod) => pod.kind === "Pod" && !isOver(pod));

const isOf = (pod: KubeJson, hash: string): boolean => pod.metadata.labels?.[revisionLabel] === hash;

function onNodes(set: KubeJson, names: readonly string[], hash: string, cluster: Cluster): readonly OnNode[] {
  const pods = podsOf(set, cluster);
  const find = (node: string, fresh: boolean) =>
    pods
      .filter((pod) => pod.spec.nodeName === node && isOf(pod, hash) === fresh)
      .toSorted((a) => (isGoing(a) ? 1 : -1))[0];
  return names.map((node) => ({ node, old: find(node, false), fresh: find(node, true) }));
}

async function manage(set: KubeJson, names: readonly string[], hash: string, cluster: Cluster): Promise<void> {
  const places = onNodes(set, names, hash, cluster);
  for (const { node, old, fresh } of places) if (!old && !fresh) await createPod(set, node, hash, cluster);
  for (const pod of podsOf(set, cluster))
    if (!names.includes(pod.spec.nodeName) && !isGoing(pod)) await cluster.remove(pod);
  const { type, rollingUpdate } = set.spec.updateStrategy;
  if (type === "OnDelete") return;
  const surge = scaled(rollingUpdate?.maxSurge, names.length, "up");
  if (surge > 0) await replaceBySurge(set, places, surge, hash, cluster);
  else
    await replaceInPlace(set, places, Math.max(1, scaled(rollingUpdate?.maxUnavailable, names.length, "up")), cluster);
}

const available = (set: KubeJson, pod: KubeJson, cluster: Cluster): boolean =>
  isAvailable(pod, set.spec.minReadySeconds ?? 0, cluster.clock.wall());

async function replaceInPlace(set: KubeJson, places: readonly OnNode[], most: number, cluster: Cluster): Promise<void> {
  let unavailable = 0;
  const [first, candidates]: [KubeJson[], KubeJson[]] = [[], []];
  for (const { old, fresh } of places) {
    if (!old && !fresh) unavailable++;
    else if (fresh) unavailable += available(set, fresh, cluster) ? 0 : 1;
    else if (old && !available(set, old, cluster)) {
      unavailable++;
      if (!isGoing(old)) first.push(old);
    } else if (old && isGoing(old)) unavailable++;
    else if (old) candidates.push(old);
  }
  for (const pod of [...first, ...candidates.slice(0, Math.max(0, most - unavailable))]) await cluster.remove(pod);
}

async function replaceBySurge(
  set: KubeJson,
  places: readonly OnNode[],
  surge: number,
  hash: string,
  cluster: Cluster,
): Promise<void> {
  let inSurge = 0;
  const candidates: string[] = [];
  for (const { node, old, fresh } of places) {
    if (!old) continue;
    if (fresh) {
      if (available(set, fresh, cluster) && !isGoing(old)) await cluster.remove(old);
      else if (!isGoing(old)) inSurge++;
    } else if (!available(set, old, cluster) || isGoing(old)) await createPod(set, node, hash, cluster);
    else candidates.push(node);
  }
  for (const node of candidates.slice(0, Math.max(0, surge - inSurge))) await createPod(set, node, hash, cluster);
}

async function createPod(set: KubeJson, node: string, hash: string, cluster: Cluster): Promise<void> {
  const labels = { [revisionLabel]: hash, "pod-template-generation": String(set.metadata.generation) };
  try {
    await cluster.create(
      "pods",
      set.metadata.namespace,
      podOf(set, set.spec.template, { labels, spec: { nodeName: node } }),
    );
  } catch (error) {
    if (error instanceof Refusal)
      await cluster.tell(set, "Warning", "FailedCreate", `Error creating: ${error.message}`);
    throw error;
  }
}

/**
 * `updateDaemonSetStatus`: of a node's pods, as they were looked at, the oldest counts; with a surge that is the old
 * one until it is gone.
 */
async function writeStatus(
  set: KubeJson,
  names: readonly string[],
  pods: readonly KubeJson[],
  hash: string,
  cluster: Cluster,
): Promise<void> {
  const oldest = names.flatMap((name) => pods.filter(({ spec }) => spec.nodeName === name).toSorted(byAge)[0] ?? []);
  const count = (holds: (pod: KubeJson) => boolean): number => oldest.filter(holds).length;
  const numberAvailable = count((pod) => available(set, pod, cluster));
  await cluster.setStatus(set, {
    observedGeneration: set.metadata.generation,
    ...{ desiredNumberScheduled: names.length, currentNumberScheduled: oldest.length, numberMisscheduled: 0 },
    numberReady: count(isReady),
    ...withoutZeros({
      ...{ updatedNumberScheduled: count((pod) => isOf(pod, hash)), numberAvailable },
      numberUnavailable: names.length - numberAvailable,
    }),
  });
}

/** Times are whole seconds; of one second the name decides (`podByCreationTimestampAndPhase`). */
const byAge = (a: KubeJson, b: KubeJson): number =>
  Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp) ||
  (a.metadata.name < b.metadata.name ? -1 : 1);
