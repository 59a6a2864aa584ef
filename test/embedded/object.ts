/** An object of the API as it is stored: a value, never changed in place. */

/** Fields of which the server itself knows little. */
// biome-ignore lint/suspicious/noExplicitAny: objects of every kind are looked into as they come
export type Json = any;

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface Meta {
  readonly name: string;
  readonly namespace?: string;
  readonly generateName?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
  readonly managedFields?: readonly Json[];
}

export interface KubeJson {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Meta;
  readonly spec?: Json;
  readonly status?: Json;
  readonly [field: string]: Json;
}

export const controllerOf = ({ metadata }: KubeJson): OwnerReference | undefined =>
  metadata.ownerReferences?.find(({ controller }) => controller);

export const ownerReference = ({ apiVersion, kind, metadata: { name, uid } }: KubeJson): OwnerReference => ({
  apiVersion,
  kind,
  name,
  uid,
  controller: true,
  blockOwnerDeletion: true,
});

export const isGoing = ({ metadata }: KubeJson): boolean => metadata.deletionTimestamp !== undefined;

export const conditionOf = ({ status }: KubeJson, type: string): Json | undefined =>
  (status?.conditions ?? []).find((each: Json) => each.type === type);

export const isReady = (pod: KubeJson): boolean => conditionOf(pod, "Ready")?.status === "True";

/** Ready for at least so long (the `minReadySeconds` of a workload). */
export const isAvailable = (pod: KubeJson, minReadySeconds: number, wall: number): boolean => {
  const ready = conditionOf(pod, "Ready");
  return ready?.status === "True" && Date.parse(ready.lastTransitionTime) + minReadySeconds * 1000 <= wall;
};

export const isOver = ({ status }: KubeJson): boolean => status?.phase === "Succeeded" || status?.phase === "Failed";

/** The conditions with this one in its place; its `lastTransitionTime` stays while its status does. */
export function withCondition(conditions: readonly Json[] | undefined, next: Json, now: string): readonly Json[] {
  const before = conditions?.find(({ type }) => type === next.type);
  const lastTransitionTime = before?.status === next.status ? before.lastTransitionTime : now;
  const others = conditions?.filter(({ type }) => type !== next.type) ?? [];
  return [...others, { ...next, lastTransitionTime }];
}
