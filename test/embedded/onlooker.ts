/**
 * Looks on while others meddle: what of a workload's loss is not ours, and what of a success is not so. What a success says may be a few
 * seconds old when it is said, so whatever changed in the last ten is no lie.
 */
import { boundOf } from "../real/recorder.ts";
import type { EmbeddedMesh } from "./mesh.ts";
import { conditionOf, controllerOf, isGoing, isOver, isReady, type KubeJson } from "./object.ts";
import { revisionOf } from "./pods/life.ts";

/** Milliseconds: the longest rest between two looks (execute/poller.ts), twice. */
const graceMs = 10_000;
/** Milliseconds: what still serves then was not taken after all. */
const takenWithinMs = 5_000;
const kinds = ["deployments", "statefulsets", "daemonsets"];

export interface Onlooker extends Disposable {
  /**
   * This pod goes down by none of our doing: one ready pod less is excused until its workload is at full strength again. Or this Namespace
   * gets other labels by none of our doing, which a success need not know within seconds.
   */
  blame(object: KubeJson): void;
  /** Where a workload had fewer ready pods than its bound and than what others took explains: `Kind/name: 1 of 2 at …`. */
  fell(): readonly string[];
  /** What is not so of "the namespace is on this revision", now. */
  lies(revision: string): readonly string[];
}

export function lookOn(mesh: EmbeddedMesh, namespace: string): Onlooker {
  const { store, resources, clock } = mesh;
  const bounds = new Map<string, number>();
  const taken = new Map<string, Map<string, number>>();
  const fell = new Map<string, string>();
  let labelsSince = Number.NEGATIVE_INFINITY;

  const keyOf = ({ kind, metadata }: KubeJson): string => `${kind}/${metadata.name}`;
  const workloads = (): readonly KubeJson[] => kinds.flatMap((kind) => store.list(resources.named(kind), namespace));
  const podsOf = ({ metadata }: KubeJson): readonly KubeJson[] =>
    store
      .controlled(metadata.uid)
      .flatMap((each) => (each.kind === "ReplicaSet" ? store.controlled(each.metadata.uid) : each.kind === "Pod" ? [each] : []));
  const serves = (pod: KubeJson): boolean => isReady(pod) && !isGoing(pod);
  const desiredOf = ({ spec, status }: KubeJson): number => spec.replicas ?? status?.desiredNumberScheduled ?? 0;

  /** How many of the pods that were taken are down and not made good. */
  const excusedOf = (workload: KubeJson, ready: number): number => {
    const pods = taken.get(keyOf(workload)) ?? new Map<string, number>();
    const serving = new Set(
      podsOf(workload)
        .filter(serves)
        .map(({ metadata }) => metadata.uid),
    );
    for (const [uid, since] of pods)
      if (serving.has(uid) ? clock.now() - since > takenWithinMs : ready >= desiredOf(workload)) pods.delete(uid);
    return [...pods.keys()].filter((uid) => !serving.has(uid)).length;
  };
  const note = (workload: KubeJson): void => {
    const key = keyOf(workload);
    const ready = podsOf(workload).filter(serves).length;
    const bound = Math.min(bounds.get(key) ?? Number.POSITIVE_INFINITY, boundOf(workload));
    // A workload that comes later counts from when it first holds its bound.
    if (!bounds.has(key) && (workload.status?.observedGeneration === undefined || ready < bound)) return;
    bounds.set(key, bound);
    const excused = excusedOf(workload, ready);
    if (ready + excused < bound && !fell.has(key))
      fell.set(key, `${key}: ${ready} ready of at least ${bound}, ${excused} taken by others, at ${new Date(clock.wall()).toISOString()}`);
  };
  for (const workload of workloads()) note(workload);
  const stop = store.onChange(({ resource, object }) => {
    if (object.metadata.namespace !== namespace || ![...kinds, "pods"].includes(resource.plural)) return;
    for (const workload of workloads()) note(workload);
  });

  const age = (time: string | undefined): number => clock.wall() - Date.parse(time ?? "1970-01-01T00:00:00Z");
  const lieOf = (pod: KubeJson, revision: string): string | undefined => {
    const name = pod.metadata.name;
    if (age(pod.metadata.creationTimestamp) < graceMs) return undefined;
    if (revisionOf(pod) !== revision) return `${name} is injected by ${revisionOf(pod)}`;
    const ready = conditionOf(pod, "Ready");
    if (ready?.status !== "True" && age(ready?.lastTransitionTime) > graceMs)
      return `${name} is not ready since ${ready?.lastTransitionTime}`;
    const elsewhere = mesh.planes
      .held()
      .find(
        (held) =>
          held.connection.proxy === `${name}.${namespace}` && held.revision !== revision && age(held.connection.connectedAt) > graceMs,
      );
    return elsewhere && `${name} is connected to ${elsewhere.revision}`;
  };

  return {
    blame: (pod) => {
      if (pod.kind === "Namespace") labelsSince = clock.now();
      if (pod.metadata.namespace !== namespace || !serves(pod)) return;
      const owner = workloads().find((workload) => podsOf(workload).some(({ metadata }) => metadata.uid === pod.metadata.uid));
      if (!owner) return;
      const pods = taken.get(keyOf(owner)) ?? new Map<string, number>();
      taken.set(keyOf(owner), pods.set(pod.metadata.uid, clock.now()));
    },
    fell: () => [...fell.values()],
    lies: (revision) => {
      const found = store.get(resources.named("namespaces"), undefined, namespace);
      const { "istio-injection": injection, "istio.io/rev": rev } = found?.metadata.labels ?? {};
      const labels =
        found && !isGoing(found) && injection === undefined && rev === revision
          ? []
          : [`its labels are ${JSON.stringify(found?.metadata.labels)}${found && isGoing(found) ? ", and it is going" : ""}`];
      const pods = store
        .list(resources.named("pods"), namespace)
        .filter((pod) => !isGoing(pod) && !isOver(pod) && controllerOf(pod) && controllerOf(pod)?.kind !== "Job");
      return [...(clock.now() - labelsSince > graceMs ? labels : []), ...pods.flatMap((pod) => lieOf(pod, revision) ?? [])];
    },
    [Symbol.dispose]: stop,
  };
}
