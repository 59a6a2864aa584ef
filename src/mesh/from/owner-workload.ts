/** Operators' objects as workloads, and the workloads that such an object restarts. */
import type { KubeObject, PodTemplateSpec } from "../kubernetes.ts";
import type { ObjectRef, Pod } from "../model.ts";
import { askedStamp, fieldAt, type OwnerKind, type OwnerResource, type RestartWay } from "../operators/restart-way.ts";
import { isLive } from "../pod-state.ts";
import type { ManagedWorkload } from "./ownership.ts";
import { podsOf } from "./strategy.ts";

/** An object of an operator as it was read. */
export interface FoundOwner {
  readonly by: OwnerKind;
  readonly resource: OwnerResource;
  readonly object: KubeObject;
  /** How many pods it had before, where that is known. */
  readonly pods?: number;
}

/** Workloads and pods, each workload with its way of being restarted. */
export interface Attached {
  readonly workloads: readonly ManagedWorkload[];
  readonly pods: readonly Pod[];
}

/**
 * Joins operators' objects with what they own: a workload that one of them controls is restarted through it, and pods
 * that it controls itself become a workload of their own. An object that owns nothing here is left out.
 */
export const attachOwners = ({ workloads, pods }: Attached, owners: readonly FoundOwner[]): Attached => {
  if (owners.length === 0) return { workloads, pods };
  const byUid = new Map(owners.map((owner) => [owner.object.metadata.uid, owner]));
  const byRef = new Map(owners.map((owner) => [ownerKey(owner.resource, owner.object.metadata), owner]));
  const joined = pods.map((pod): Pod => {
    const owner = pod.workload === undefined && pod.owner ? byUid.get(pod.owner.uid) : undefined;
    return owner ? { ...pod, workload: refOfOwner(owner) } : pod;
  });
  const own = Map.groupBy(joined, (pod) => (pod.owner && byUid.has(pod.owner.uid) ? pod.owner.uid : ""));
  const controlled = workloads.map((workload): ManagedWorkload => {
    const { owner, namespace } = workload;
    const found = owner?.controller ? byRef.get(ownerKey(owner, { namespace, name: owner.name })) : undefined;
    if (!found) return workload;
    return { ...workload, restartedAt: askedStamp(found.object, found.by), way: wayOf(found, workload.pods, false) };
  });
  const direct = owners.flatMap((owner) => {
    const ofOwner = own.get(owner.object.metadata.uid) ?? [];
    return ofOwner.length === 0 ? [] : [directWorkload(owner, ofOwner)];
  });
  return { workloads: [...controlled, ...direct], pods: joined };
};

const ownerKey = (
  { group, kind }: Pick<OwnerResource, "group" | "kind">,
  { namespace = "", name }: { readonly namespace?: string | undefined; readonly name: string },
): string => `${group}/${kind}/${namespace}/${name}`;

/** Its kind alone may be ambiguous, so it is named with its group, as kubectl does: `StatefulSet.apps.kruise.io`. */
const refOfOwner = ({ resource: { kind, group }, object: { metadata } }: FoundOwner): ObjectRef => ({
  kind: `${kind}.${group}`,
  namespace: metadata.namespace ?? "",
  name: metadata.name,
});

const wayOf = (owner: FoundOwner, pods: readonly Pod[], direct: boolean): RestartWay => ({
  by: owner.by,
  resource: owner.resource,
  object: refOfOwner(owner),
  uid: owner.object.metadata.uid,
  direct,
  pods: owner.pods ?? pods.filter(isLive).length,
  hindrance: hindranceOf(owner),
});

const hindranceOf = ({ by, object }: FoundOwner): RestartWay["hindrance"] =>
  by.hindrances.find(({ path, values }) => {
    const value = fieldAt(object, path);
    return values === "any" ? Boolean(value) && value !== "0" && value !== "0%" : values.includes(value);
  });

/** By its pods: what an operator counts in its status is its own affair. */
const directWorkload = (owner: FoundOwner, pods: readonly Pod[]): ManagedWorkload => {
  const { metadata } = owner.object;
  const way = wayOf(owner, pods, true);
  const running = pods.filter((pod) => isLive(pod) && !pod.terminating);
  const ready = running.filter((pod) => pod.ready).length;
  const desired = desiredPods(owner) ?? way.pods;
  const { path, fallback } = owner.by.unavailable;
  const bound = (path && fieldAt(owner.object, path)) ?? fallback;
  const maxUnavailable = podsOf(typeof bound === "number" ? bound : String(bound), desired, Math.ceil);
  return {
    ...way.object,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion ?? "",
    generation: metadata.generation ?? 0,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    selector: undefined,
    template: templateOf(owner) ?? templateByPod(running[0]),
    gateway: false,
    strategy: { type: "RollingUpdate", maxSurge: 0, maxUnavailable: Math.max(1, maxUnavailable), partition: 0 },
    paused: false,
    status: {
      ...{ desired, observedGeneration: metadata.generation ?? 0, replicas: running.length, updated: desired },
      ...{ ready, available: ready, conditions: [] },
      ...{ currentRevision: undefined, updateRevision: undefined, phase: undefined, restartedAt: undefined },
    },
    restartedAt: askedStamp(owner.object, owner.by),
    workloadRef: undefined,
    claims: [],
    hostPorts: [],
    pods: pods.map((pod) => ({ ...pod, workload: way.object })),
    way,
  };
};

const desiredPods = ({ by, object }: FoundOwner): number | undefined => {
  const value = by.replicas && fieldAt(object, by.replicas);
  if (Array.isArray(value)) return value.length;
  return typeof value === "number" ? value : undefined;
};

const templateOf = ({ by, object }: FoundOwner): PodTemplateSpec | undefined => {
  const value = by.template && fieldAt(object, by.template);
  const template: unknown = Array.isArray(value) ? value[0] : value;
  return typeof fieldAt(template, ["spec"]) === "object" ? (template as PodTemplateSpec) : undefined;
};

/** What decides about injection and is known of a pod of the mesh: its labels, without those that istiod adds. */
const templateByPod = (pod: Pod | undefined): PodTemplateSpec | undefined =>
  pod && {
    metadata: {
      labels: Object.fromEntries(Object.entries(pod.labels).filter(([key]) => !addedByIstiod.has(key))),
    },
    spec: { containers: [] },
  };

/** Labels that the injection template adds to a pod: injection-template.yaml (istio/istio, chart istio-discovery). */
const addedByIstiod: ReadonlySet<string> = new Set([
  "security.istio.io/tlsMode",
  "service.istio.io/canonical-name",
  "service.istio.io/canonical-revision",
  "networking.istio.io/tunnel",
]);
