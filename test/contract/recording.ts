/**
 * What happened in a namespace: every state of its objects in order, as watches tell them, and every picture of its
 * pods.
 */
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";

const paths = {
  Deployment: "/apis/apps/v1/namespaces/NAMESPACE/deployments",
  ReplicaSet: "/apis/apps/v1/namespaces/NAMESPACE/replicasets",
  StatefulSet: "/apis/apps/v1/namespaces/NAMESPACE/statefulsets",
  DaemonSet: "/apis/apps/v1/namespaces/NAMESPACE/daemonsets",
  Job: "/apis/batch/v1/namespaces/NAMESPACE/jobs",
  Pod: "/api/v1/namespaces/NAMESPACE/pods",
  EndpointSlice: "/apis/discovery.k8s.io/v1/namespaces/NAMESPACE/endpointslices",
} as const;

export type Kind = keyof typeof paths;

export interface Recording extends Disposable {
  /** Every state of an object, what it was when the recording began first. */
  of(kind: Kind, name: string): readonly Json[];
  /** Every state of every object of a kind. */
  all(kind: Kind): readonly (readonly Json[])[];
  /** All pods after each change of one of them, with those that are being deleted. */
  readonly pods: readonly (readonly Json[])[];
}

/** Records from now on; comes back once everything that is there has been seen. */
export async function record(mesh: MeshUnderTest, namespace: string, kinds: readonly Kind[]): Promise<Recording> {
  const ending = new AbortController();
  const states = new Map<string, Json[]>();
  const present = new Map<string, Json>();
  const pods: (readonly Json[])[] = [];
  const note = (kind: Kind, type: string, object: Json): void => {
    const { uid, name } = object.metadata;
    const key = `${kind}/${name}`;
    if (type !== "DELETED") states.set(key, [...(states.get(key) ?? []), object]);
    if (kind !== "Pod") return;
    if (type === "DELETED") present.delete(uid);
    else present.set(uid, object);
    pods.push([...present.values()]);
  };
  const follow = (kind: Kind) =>
    mesh.api.watch(
      paths[kind].replace("NAMESPACE", namespace),
      ({ type, object }) => note(kind, type, object),
      ending.signal,
    );
  await mesh.during(Promise.all(kinds.map(follow)));
  pods.splice(0, pods.length, [...present.values()]); // what was listed came one by one
  return {
    of: (kind, name) => states.get(`${kind}/${name}`) ?? [],
    all: (kind) => [...states].filter(([key]) => key.startsWith(`${kind}/`)).map(([, each]) => each),
    pods,
    [Symbol.dispose]: () => ending.abort(),
  };
}

/**
 * What became of the pods, in order: `create NAME`, `ready NAME`, `delete NAME`, `gone NAME`; without what had happened
 * before.
 */
export function eventsOf({ pods }: Recording): readonly string[] {
  const seen = new Map<string, { readonly name: string; readonly did: Set<string> }>();
  const events: string[] = [];
  for (const [index, picture] of pods.entries()) {
    const present = new Set(picture.map(({ metadata }) => metadata.uid));
    for (const [uid, { name }] of seen) if (!present.has(uid) && seen.delete(uid)) events.push(`gone ${name}`);
    for (const pod of picture) {
      const { uid, name } = pod.metadata;
      const { did } = seen.get(uid) ?? { did: new Set() };
      seen.set(uid, { name, did });
      const doing = ["create", ...(isReady(pod) ? ["ready"] : []), ...(isGoing(pod) ? ["delete"] : [])];
      for (const each of doing) {
        if (did.has(each)) continue;
        did.add(each);
        if (index > 0) events.push(`${each} ${name}`);
      }
    }
  }
  return events;
}

/** The values as they follow one another, none twice in a row. */
export const sequenceOf = <T>(values: readonly T[]): readonly T[] =>
  values.filter((value, index) => index === 0 || JSON.stringify(value) !== JSON.stringify(values[index - 1]));

export const conditionOf = ({ status }: Json, type: string): Json | undefined =>
  status?.conditions?.find((each: Json) => each.type === type);
export const isReady = (pod: Json): boolean => conditionOf(pod, "Ready")?.status === "True";
export const isGoing = ({ metadata }: Json): boolean => metadata.deletionTimestamp !== undefined;
export const isUp = (pod: Json): boolean => isReady(pod) && !isGoing(pod);
