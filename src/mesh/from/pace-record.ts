/**
 * A workload that is held at a pace of our own: what its spec was before stands in an annotation of the object, written
 * in the same patch. So it is known whatever becomes of the run that holds it.
 */
import type { KubeObject, WorkloadObject } from "../kubernetes.ts";
import { labelOf } from "../labels.ts";

/** Annotation of a Deployment or StatefulSet that is held, with its record as JSON. */
export const paceAnnotation = "kubectl-mesh/pace";

/** How many new pods come at a time, and how long (ms) is waited after they are proven. */
export interface Pace {
  readonly pods: number;
  readonly pauseMs: number;
}

type Bound = number | string | null;

/** The fields that a pace changes, as they were; `null`: absent, which is not the same as 0 or false. */
export type PaceRecord =
  | {
      readonly version: 1;
      readonly kind: "Deployment";
      readonly paused: boolean | null;
      readonly maxSurge: Bound;
      readonly maxUnavailable: Bound;
      /** What was written in their place. */
      readonly written: { readonly maxSurge: number; readonly maxUnavailable: number };
    }
  | { readonly version: 1; readonly kind: "StatefulSet"; readonly partition: number | null };

type Held = Pick<WorkloadObject, "spec"> & { readonly metadata: Pick<KubeObject["metadata"], "annotations"> };

/**
 * The record of an object that is held. Undefined without one, and for one that does not fit the object: `kubectl rollout
 * undo` brings annotations of an earlier ReplicaSet back (kubectl pkg/polymorphichelpers/rollback.go).
 */
export function paceRecordOf(kind: string, { metadata, spec }: Held): PaceRecord | undefined {
  const record = parsed(labelOf(metadata.annotations, paceAnnotation));
  if (record?.kind !== kind) return undefined;
  if (record.kind === "StatefulSet") return record;
  const { maxSurge, maxUnavailable } = spec.strategy?.rollingUpdate ?? {};
  const { written } = record;
  const fits = maxSurge === written.maxSurge && maxUnavailable === written.maxUnavailable;
  return spec.paused === true || fits ? record : undefined;
}

function parsed(text: string | undefined): PaceRecord | undefined {
  if (text === undefined || text.length > 1_000) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const record = value as PaceRecord;
  if (record.version !== 1) return undefined;
  if (record.kind === "StatefulSet") return isCount(record.partition) || record.partition === null ? record : undefined;
  const isRead =
    record.kind === "Deployment" &&
    [true, false, null].includes(record.paused) &&
    isBound(record.maxSurge) &&
    isBound(record.maxUnavailable) &&
    isCount(record.written?.maxSurge) &&
    isCount(record.written?.maxUnavailable);
  return isRead ? record : undefined;
}

const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0;
const isBound = (value: unknown): boolean =>
  value === null || isCount(value) || (typeof value === "string" && /^\d{1,9}%$/.test(value));

/** The spec as its owner wrote it. */
export function ownSpec(spec: WorkloadObject["spec"], record: PaceRecord | undefined): WorkloadObject["spec"] {
  if (record === undefined) return spec;
  if (record.kind === "StatefulSet") {
    const { partition: _, ...rollingUpdate } = spec.updateStrategy?.rollingUpdate ?? {};
    const own = record.partition === null ? {} : { partition: record.partition };
    return { ...spec, updateStrategy: { ...spec.updateStrategy, rollingUpdate: { ...rollingUpdate, ...own } } };
  }
  const { maxSurge, maxUnavailable, paused } = record;
  const own = { ...(maxSurge === null ? {} : { maxSurge }), ...(maxUnavailable === null ? {} : { maxUnavailable }) };
  return { ...spec, paused: paused ?? false, strategy: { ...spec.strategy, rollingUpdate: own } };
}

/**
 * The bounds of a rolling update within so many pods at once, never above the owner's: pods that are made beyond the
 * desired number come first, so that none is missing where none has to be. Both are never 0, as the API demands.
 * https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment
 */
export const boundsWithin = (
  own: { readonly maxSurge: number; readonly maxUnavailable: number },
  pods: number,
): { readonly maxSurge: number; readonly maxUnavailable: number } => {
  const maxSurge = Math.min(own.maxSurge, pods);
  return { maxSurge, maxUnavailable: Math.min(own.maxUnavailable, pods - maxSurge) };
};

/**
 * The merge patch that holds an object: no pod is replaced until it is let go. `bounds` are those of a Deployment. An
 * object that is held already keeps its record.
 */
export function holdPatch(
  kind: PaceRecord["kind"],
  object: Held,
  bounds: { readonly maxSurge: number; readonly maxUnavailable: number },
): { readonly annotation: string; readonly spec: object } {
  const { spec } = object;
  const known = paceRecordOf(kind, object);
  if (kind === "StatefulSet") {
    const { partition = null } = spec.updateStrategy?.rollingUpdate ?? {};
    const record: PaceRecord = known ?? { version: 1, kind, partition };
    return {
      annotation: JSON.stringify(record),
      spec: { updateStrategy: { rollingUpdate: { partition: spec.replicas ?? 1 } } },
    };
  }
  const own = ownSpec(spec, known);
  const { maxSurge = null, maxUnavailable = null } = own.strategy?.rollingUpdate ?? {};
  const before = known?.kind === "Deployment" ? known.paused : (spec.paused ?? null);
  const record: PaceRecord = { version: 1, kind, paused: before, maxSurge, maxUnavailable, written: bounds };
  return { annotation: JSON.stringify(record), spec: { paused: true, strategy: { rollingUpdate: bounds } } };
}

/**
 * The part of a merge patch that gives the owner's fields back. Bounds that somebody else has written meanwhile stay as
 * they are.
 */
export function ownFields(record: PaceRecord, { strategy }: WorkloadObject["spec"]): object {
  if (record.kind === "StatefulSet") return { updateStrategy: { rollingUpdate: { partition: record.partition } } };
  const { maxSurge, maxUnavailable, written, paused } = record;
  const now = strategy?.rollingUpdate;
  const ours = now?.maxSurge === written.maxSurge && now.maxUnavailable === written.maxUnavailable;
  return { paused, ...(ours ? { strategy: { rollingUpdate: { maxSurge, maxUnavailable } } } : {}) };
}
