/**
 * Records the availability of every workload, at every single change: the fewest ready pods it had, and the bound that
 * its strategy promises.
 */
import { type Availability, boundOf } from "../real/recorder.ts";
import type { EmbeddedMesh } from "./mesh.ts";
import { controllerOf, isGoing, isReady, type KubeJson } from "./object.ts";

export interface Recorder extends Disposable {
  /** What was seen until now of the namespace's workloads, by their names. */
  report(namespace: string): readonly Availability[];
}

const kinds = ["deployments", "statefulsets", "daemonsets"] as const;

export function recordAvailability({ store, resources }: EmbeddedMesh): Recorder {
  const records = new Map<string, { lowest: number; bound: number }>();
  const keyOf = ({ kind, metadata }: KubeJson): string => `${metadata.namespace}/${kind}/${metadata.name}`;
  const readyPods = ({ metadata }: KubeJson): number => {
    const owned = store.controlled(metadata.uid);
    const pods = owned.flatMap((each) =>
      each.kind === "ReplicaSet" ? store.controlled(each.metadata.uid) : each.kind === "Pod" ? [each] : [],
    );
    return pods.filter((pod) => isReady(pod) && !isGoing(pod)).length;
  };
  const note = (workload: KubeJson): void => {
    const [ready, bound] = [readyPods(workload), boundOf(workload)];
    const known = records.get(keyOf(workload));
    // What comes later counts from when it first holds its bound.
    if (known)
      records.set(keyOf(workload), { lowest: Math.min(known.lowest, ready), bound: Math.min(known.bound, bound) });
    else if (workload.status?.observedGeneration !== undefined && ready >= bound)
      records.set(keyOf(workload), { lowest: ready, bound });
  };
  const workloadOf = (object: KubeJson): KubeJson | undefined => {
    const owner = controllerOf(object);
    const found =
      owner &&
      resources.of(owner) &&
      store.get(resources.named(`${owner.kind.toLowerCase()}s`), object.metadata.namespace, owner.name);
    return found?.kind === "ReplicaSet" ? workloadOf(found) : found;
  };
  for (const kind of kinds)
    for (const workload of store.list(resources.named(kind)))
      records.set(keyOf(workload), { lowest: readyPods(workload), bound: boundOf(workload) });
  const stop = store.onChange(({ type, resource, object }) => {
    const workload =
      resource.plural === "pods"
        ? workloadOf(object)
        : type !== "DELETED" && kinds.some((kind) => kind === resource.plural)
          ? object
          : undefined;
    if (workload) note(workload);
  });
  return {
    report: (namespace) =>
      [...records]
        .filter(([key]) => key.startsWith(`${namespace}/`))
        .map(([workload, { lowest, bound }]) => ({ workload, lowest, bound, ok: lowest >= bound }))
        .toSorted((a, b) => (a.workload < b.workload ? -1 : 1)),
    [Symbol.dispose]: stop,
  };
}
