/** What can be wrong with a restarted workload, and how long that may last before it counts as a failure. */
import type { ClusterEvent } from "../../mesh/from/event.ts";
import type { ObjectRef } from "../../mesh/model.ts";
import type { CheckedPod } from "./workload-proof.ts";

/**
 * What is wrong, the most serious first. `crash`: a container ends again and again · `image`: it cannot be pulled ·
 * `config`: the container cannot be created · `create`: the API server refuses new pods · `rejected`: the proxy rejects
 * its configuration · `unscheduled` · `unconnected`: the proxy is not connected, or its configuration is not
 * acknowledged · `unready` · `starting` · `terminating`: an old pod has not ended yet.
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

/** One symptom: where it is, why, and how long it may last. */
export interface Diagnosis {
  readonly symptom: Symptom;
  /** The pod, or the object that could not create one (a ReplicaSet, a StatefulSet, …). */
  readonly object: ObjectRef;
  readonly uid: string;
  readonly container: string | undefined;
  readonly cause: "proxy" | "application" | "cluster";
  /** The cluster's reason, where it gives one: `CrashLoopBackOff`, `FailedCreate`, `Unschedulable`, … */
  readonly reason: string;
  /** A clause for a person, with the cluster's own message. */
  readonly message: string;
  /** The run of the container whose logs explain more; undefined where nothing ran. */
  readonly logs: "current" | "previous" | undefined;
  /** How long (ms) it may last before it counts as a failure; undefined: until the caller's deadline. */
  readonly graceMs: number | undefined;
}

/** What a diagnosis is made from. */
export interface Evidence {
  /** The workload's pods with their proofs, from `workloadProof` or `firstNewPodProof`. */
  readonly pods: readonly CheckedPod[];
  readonly replicaSets: readonly ReplicaSetRef[];
  readonly events: readonly ClusterEvent[];
  /** The restart stamp (RFC 3339): older events and pods are ignored. */
  readonly stamp: string;
  /** Revision of the target. */
  readonly revision: string;
}

export interface ReplicaSetRef {
  readonly name: string;
  readonly uid: string;
  readonly ownerUid: string | undefined;
}

/** After so many restarts a container counts as failed. */
export const restartLimit = 3;

/**
 * How long (ms) a state may last that normally does not end by itself. Not 0, because a registry or a webhook may be
 * unavailable for a few seconds.
 */
export const defaultGraceMs = 15_000;

/** When (ms) each symptom was first seen in an uninterrupted series of looks. */
export type SeenSince = ReadonlyMap<string, number>;

/**
 * Adds the symptoms of one look to those of the looks before, and returns the first one that lasts longer than its
 * grace. `ErrImagePull` and `ImagePullBackOff`, which alternate, are one symptom. `now` in ms of the clock of `before`.
 */
export function pastGrace(
  before: SeenSince,
  found: readonly Diagnosis[],
  now: number,
): { readonly since: SeenSince; readonly expired: Diagnosis | undefined } {
  const since = new Map(found.map((each) => [keyOf(each), before.get(keyOf(each)) ?? now]));
  const expired = found.find(
    (each) => each.graceMs !== undefined && now - (since.get(keyOf(each)) ?? now) >= each.graceMs,
  );
  return { since, expired };
}

const keyOf = ({ symptom, uid, container }: Diagnosis): string => `${symptom} ${uid} ${container ?? ""}`;
