/** Whether a workload ever had fewer ready pods than its bound, beside those that others took. */
import { boundOf } from "../real/recorder.ts";
import type { EmbeddedMesh } from "./mesh.ts";
import { isGoing, isReady, type KubeJson } from "./object.ts";

/** Milliseconds: what still serves then was not taken after all. */
const takenWithinMs = 5_000;
export const workloadPlurals = ["deployments", "statefulsets", "daemonsets"];

export const keyOf = ({ kind, metadata }: KubeJson): string => `${kind}/${metadata.name}`;

export const workloadsIn = ({ store, resources }: EmbeddedMesh, namespace: string): readonly KubeJson[] =>
  workloadPlurals.flatMap((plural) => store.list(resources.named(plural), namespace));

/** All pods that a workload controls, going or not. */
export const podsUnder = ({ store }: EmbeddedMesh, { metadata }: KubeJson): readonly KubeJson[] =>
  store
    .controlled(metadata.uid)
    .flatMap((each) =>
      each.kind === "ReplicaSet" ? store.controlled(each.metadata.uid) : each.kind === "Pod" ? [each] : [],
    );

export interface AvailabilityViolations extends Disposable {
  /** Others take this pod: one ready pod less is excused until its workload is at full strength again. */
  take(workload: KubeJson, pod: KubeJson): void;
  /** `Kind/name: 1 ready of at least 2 …` */
  fell(): readonly string[];
}

export function watchViolations(mesh: EmbeddedMesh, namespace: string): AvailabilityViolations {
  const { store, clock } = mesh;
  const bounds = new Map<string, number>();
  const taken = new Map<string, Map<string, number>>();
  const fell = new Map<string, string>();

  const serves = (pod: KubeJson): boolean => isReady(pod) && !isGoing(pod);
  const desiredOf = ({ spec, status }: KubeJson): number => spec.replicas ?? status?.desiredNumberScheduled ?? 0;
  /** How many of the pods that were taken are down and not made good. */
  const excusedOf = (workload: KubeJson, serving: ReadonlySet<string>): number => {
    const pods = taken.get(keyOf(workload)) ?? new Map<string, number>();
    for (const [uid, since] of pods)
      if (serving.has(uid) ? clock.now() - since > takenWithinMs : serving.size >= desiredOf(workload))
        pods.delete(uid);
    return [...pods.keys()].filter((uid) => !serving.has(uid)).length;
  };
  const note = (workload: KubeJson): void => {
    const key = keyOf(workload);
    const serving = new Set(
      podsUnder(mesh, workload)
        .filter(serves)
        .map(({ metadata }) => metadata.uid),
    );
    const bound = Math.min(bounds.get(key) ?? Number.POSITIVE_INFINITY, boundOf(workload));
    // A workload that comes later counts from when it first holds its bound.
    if (!bounds.has(key) && (workload.status?.observedGeneration === undefined || serving.size < bound)) return;
    bounds.set(key, bound);
    const excused = excusedOf(workload, serving);
    if (serving.size + excused < bound && !fell.has(key))
      fell.set(
        key,
        `${key}: ${serving.size} ready of at least ${bound}, ${excused} taken by others, at ${new Date(clock.wall()).toISOString()}`,
      );
  };
  for (const workload of workloadsIn(mesh, namespace)) note(workload);
  const stop = store.onChange(({ resource, object }) => {
    if (object.metadata.namespace !== namespace || ![...workloadPlurals, "pods"].includes(resource.plural)) return;
    for (const workload of workloadsIn(mesh, namespace)) note(workload);
  });
  return {
    take: (workload, pod) => {
      if (!serves(pod)) return;
      const pods = taken.get(keyOf(workload)) ?? new Map<string, number>();
      taken.set(keyOf(workload), pods.set(pod.metadata.uid, clock.now()));
    },
    fell: () => [...fell.values()],
    [Symbol.dispose]: stop,
  };
}
