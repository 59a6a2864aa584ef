/** What can be wrong with a restarted workload, as data, and how long it may be so before it counts as hopeless. */
import type { ClusterEvent } from "../../mesh/from/event.ts";
import type { ObjectRef } from "../../mesh/model.ts";
import type { JudgedPod } from "./workload-proof.ts";

/**
 * What is wrong, gravest first. `crash`: ends again and again · `image`: cannot be pulled · `config`: its container
 * cannot be made ·
 * `create`: the API server refuses new pods · `rejected`: the proxy refuses its configuration · `unscheduled` ·
 * `unconnected`: the proxy has no control plane or has not acknowledged · `unready` · `starting` · `terminating`: an
 * old pod does not go.
 */
export const symptoms = [
  "crash",
  "image",
  "config",
  "create",
  "rejected",
  "unscheduled",
  "unconnected",
  "unready",
  "starting",
  "terminating",
] as const;
export type Symptom = (typeof symptoms)[number];

export interface Diagnosis {
  readonly symptom: Symptom;
  /** The pod, or what could not make one (a ReplicaSet, a StatefulSet, …). */
  readonly object: ObjectRef;
  readonly uid: string;
  readonly container: string | undefined;
  readonly party: "proxy" | "application" | "cluster";
  /** As the cluster names it: `CrashLoopBackOff`, `FailedCreate`, `Unschedulable`, … */
  readonly reason: string;
  /** A clause for a person, with the cluster's own words. */
  readonly message: string;
  /** The run of the container whose last lines tell more; undefined where nothing ran. */
  readonly logs: "current" | "previous" | undefined;
  /** How long (ms) it may last before it counts as hopeless; undefined where only the caller's deadline ends it. */
  readonly graceMs: number | undefined;
}

export interface Evidence {
  /** What `workloadProof` or `firstNewPodProof` said of the workload's pods. */
  readonly pods: readonly JudgedPod[];
  readonly replicaSets: readonly ReplicaSetRef[];
  readonly events: readonly ClusterEvent[];
  /** The restart stamp: what is older is another story. */
  readonly stamp: string;
  /** Revision of the target. */
  readonly revision: string;
}

export interface ReplicaSetRef {
  readonly name: string;
  readonly uid: string;
  readonly ownerUid: string | undefined;
}

/** Restarts of a container after which it is not expected to come up any more. */
export const hopelessRestarts = 3;

/**
 * How long (ms) a state that no waiting is likely to end may last: for it may still be a registry's or a webhook's
 * hiccup.
 */
export const lastingMs = 15_000;

/** Since when (ms) each trouble is seen without a break. */
export type SeenSince = ReadonlyMap<string, number>;

/**
 * Takes the troubles of one look into the memory of the looks before it, and says which of them has outlived its grace.
 * `ErrImagePull` and `ImagePullBackOff` taking turns are one trouble.
 */
export function pastGrace(
  before: SeenSince,
  found: readonly Diagnosis[],
  now: number,
): { readonly since: SeenSince; readonly hopeless: Diagnosis | undefined } {
  const since = new Map(found.map((each) => [keyOf(each), before.get(keyOf(each)) ?? now]));
  const hopeless = found.find(
    (each) => each.graceMs !== undefined && now - (since.get(keyOf(each)) ?? now) >= each.graceMs,
  );
  return { since, hopeless };
}

const keyOf = ({ symptom: trouble, uid, container }: Diagnosis): string => `${trouble} ${uid} ${container ?? ""}`;
