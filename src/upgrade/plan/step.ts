/** What changes, one step each: `before` and `after` make a step its own inverse. */
import type { ObjectRef } from "../../mesh/model.ts";
import { namespaceRef, refText } from "../../mesh/object-ref.ts";
import type { RestartWay } from "../../mesh/operators/restart-way.ts";
import type { RevisionLabels } from "../../mesh/revision-labels.ts";
import type { StepPace } from "../pace/workload-pace.ts";
import type { FromRevision, Target, UndoRecord } from "../record/undo-record.ts";
import type { TagChange } from "../tags/tag-parts.ts";
import type { Compared } from "../trial/trial-verdict.ts";

export type Step = RelabelStep | RestartStep | ProveStep | MoveTagStep;

/**
 * Writes the two labels of a namespace together with its undo record. Equal `before` and `after` write no label: the
 * step records and proves.
 */
export interface RelabelStep {
  readonly kind: "relabel";
  readonly namespace: string;
  readonly uid: string;
  readonly before: RevisionLabels;
  readonly after: RevisionLabels;
  /** The revision that the namespace comes from. */
  readonly from: FromRevision;
  /** The revision that injects new pods afterwards. */
  readonly to: string;
  readonly record: RecordChange;
  /** A trial pod of this workload shows who injects new pods; `required`: the step fails where it is not `to`. */
  readonly probe: TrialPod | undefined;
}

/** `compared`: one is made before the labels are written too, and the two are compared; absent: of a way back. */
export interface TrialPod {
  readonly workload: ObjectRef;
  readonly required: boolean;
  readonly compared?: Compared | undefined;
  /** Of a catch-up: no older proxy than this is wanted. */
  readonly version?: string | undefined;
}

/**
 * What the step makes of the undo record. `open`: a run to `target` begins, or goes on with the record of an unfinished
 * one, whose run id, stamp and labels stay · `close`: the steps with these keys are proven; the record then is `done`, or
 * is removed · `keep`: nothing, because the rollback that writes these labels still needs it.
 */
export type RecordChange =
  | {
      readonly kind: "open";
      readonly target: Target;
      readonly resumed: UndoRecord | undefined;
      /** What a new record takes from the one that it replaces. */
      readonly inherited?: Inherited | undefined;
      /** The run moves this tag, and not the labels: see `UndoRecord.movedTag`. */
      readonly movedTag?: string | undefined;
      /** A catch-up: the namespace keeps the record that it has, or none, because there is nothing to go back to. */
      readonly unwritten?: boolean;
    }
  | {
      readonly kind: "close";
      readonly proven: readonly string[];
      readonly removes?: boolean;
      readonly unwritten?: boolean;
    }
  | { readonly kind: "keep" };

/**
 * Of an earlier run to the same target, whose pods are still there: since when they are not of before, and, where the
 * labels are those of the target already, what the namespace was before.
 */
export type Inherited = Pick<UndoRecord, "since"> & Partial<Pick<UndoRecord, "before" | "from" | "movedTag" | "set">>;

/** Restarts a workload, and waits until every pod of it is proven on `to`. */
export interface RestartStep {
  readonly kind: "restart";
  readonly workload: ObjectRef;
  readonly uid: string;
  /** The first workload that is restarted: judged on its first new pod. */
  readonly canary: boolean;
  /** The first of its namespace, the canary too: the others there begin once its first new pod is proven. */
  readonly leads?: boolean;
  /** Pods beyond the desired number plus pods missing, at most, while it restarts. */
  readonly podsInFlight: number;
  readonly stalePods: number;
  readonly pods: number;
  /** Revisions that its stale pods run. */
  readonly from: readonly string[];
  readonly to: string;
  /** With `--outdated`: the versions that its stale pods run. */
  readonly fromVersions?: readonly string[];
  /** With `--outdated`: no new pod may have an older proxy than this; absent where it cannot be told. */
  readonly version?: string;
  readonly gateway: boolean;
  readonly stamp: StampChoice;
  /** Right before the restart a trial pod has to be injected by `to`, and the labels have to be those of the plan. */
  readonly guarded: boolean;
  /** Ids of checks on its trial pod that are accepted; absent: none is. */
  readonly accepted?: readonly string[] | undefined;
  /** Pods that keep a StatefulSet from going on (kubernetes/kubernetes#67250): deleted by UID after the restart. */
  readonly blockingPods: readonly { readonly name: string; readonly uid: string }[];
  /** The restart is asked of the operator of this object; absent: it is written to the workload's own template. */
  readonly way?: RestartWay;
  /** It is held after so many new pods; absent: its own strategy says how fast it goes. */
  readonly pace?: StepPace;
}

/**
 * The restart stamp of the pod template. `of-record`: the one of the run in this namespace, so that a repeated step is
 * the same rollout · `new`: the time now, later than `after` · `as-before`: the template as it was, without a new
 * rollout where its old ReplicaSet still serves.
 */
export type StampChoice =
  | { readonly kind: "of-record" }
  | { readonly kind: "new"; readonly after: string | undefined }
  | { readonly kind: "as-before"; readonly stamp: string | null };

/** Changes nothing: proves that a workload which needs no restart is connected to `to`, whenever its pods were made. */
export interface ProveStep {
  readonly kind: "prove";
  readonly workload: ObjectRef;
  readonly uid: string;
  readonly restartedAt: string | undefined;
  readonly to: string;
  readonly way?: RestartWay;
}

/**
 * Moves a tag: writes the objects that it consists of, each with its undo record in the same write. Then every Gateway
 * that follows the tag is proven to be programmed as before.
 */
export interface MoveTagStep {
  readonly kind: "move-tag";
  readonly tag: string;
  /** The Istio namespace: it has the lock and the journal of the move. */
  readonly namespace: string;
  /** The revision that the tag has; undefined: there is no such tag. */
  readonly from: FromRevision | undefined;
  /** The revision that it gets; undefined: its objects are deleted again. */
  readonly to: string | undefined;
  readonly changes: readonly TagChange[];
  /**
   * What becomes of the records of its objects. `open`: a move begins, or goes on · `close`: everything behind the tag
   * is proven · `remove`: the tag goes back.
   */
  readonly record: "open" | "close" | "remove";
  readonly gateways: readonly ObjectRef[];
}

/** Names a step among all steps of a plan. A step back has the same key as the step that it undoes. */
export const stepKey = (step: Step): string => {
  if (step.kind === "move-tag") return step.record === "close" ? closeKey(tagKey(step.tag)) : tagKey(step.tag);
  if (step.kind !== "relabel") return refText(step.workload);
  return step.record.kind === "close" ? closeKey(step.namespace) : labelsKey(step.namespace);
};

/**
 * The step that closes the record of a namespace once `steps` are proven, `relabel` among them; `removes`: the record is
 * no longer needed.
 */
export const closeStep = (
  relabel: RelabelStep,
  steps: readonly Step[],
  removes = false,
  unwritten = isUnwritten(relabel),
): RelabelStep => ({
  ...relabel,
  before: relabel.after,
  record: {
    kind: "close",
    proven: [relabel, ...steps].map(stepKey),
    ...(removes ? { removes } : {}),
    ...(unwritten ? { unwritten } : {}),
  },
  probe: undefined,
});

/** A step whose undo record is written nowhere. */
export const isUnwritten = ({ record }: RelabelStep): boolean => record.kind !== "keep" && record.unwritten === true;

export const namespaceOf = (step: Step): string => ("workload" in step ? step.workload.namespace : step.namespace);

/** A step that only ends a run: everything of it is proven. */
export const closesRecord = (step: Step): boolean =>
  step.kind === "move-tag" ? step.record === "close" : step.kind === "relabel" && step.record.kind === "close";

/** What a step changes or proves, for a person. */
export const objectOf = (step: Step): ObjectRef =>
  step.kind === "move-tag"
    ? { kind: "Tag", namespace: step.namespace, name: step.tag }
    : step.kind === "relabel"
      ? namespaceRef(step.namespace)
      : step.workload;

/** No name can hold a space: these keys are no workload's. */
export const labelsKey = (namespace: string): string => `labels of ${namespace}`;
export const tagKey = (tag: string): string => `tag ${tag}`;
const closeKey = (namespace: string): string => `record of ${namespace}`;
