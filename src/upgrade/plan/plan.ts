/** What a migration will change, as data: printed, judged, carried out and recorded as it stands. */
import type { Finding } from "../../mesh/finding.ts";
import type { ObjectRef } from "../../mesh/model.ts";
import type { RevisionLabels } from "../../mesh/revision-labels.ts";
import type { FromRevision, Target, UndoRecord } from "../record/undo-record.ts";

/**
 * `relabel-namespace` with equal `before` and `after` writes no label: it is there to be recorded and proven. `open` is
 * the record of an unfinished run to this target, which the step goes on with: its stamp, its labels and its run stay
 * the ones to go back to.
 */
export type Step =
  | {
      readonly kind: "relabel-namespace";
      readonly namespace: string;
      readonly uid: string;
      readonly before: RevisionLabels;
      readonly after: RevisionLabels;
      readonly from: FromRevision;
      readonly open: UndoRecord | undefined;
    }
  | {
      readonly kind: "restart-workload";
      readonly workload: ObjectRef;
      readonly uid: string;
      readonly canary: boolean;
      readonly podsInFlight: number;
      readonly stalePods: number;
      readonly pods: number;
      readonly from: readonly string[];
      readonly gateway: boolean;
    };

/** Something that stays on the old revision, and why. */
export interface Left {
  readonly object: ObjectRef;
  readonly reason: string;
  /** Accepted by `--leave`, or left without asking (a running Job, an opted-out workload's pods are not listed). */
  readonly by: "--leave" | "job" | "selector";
}

export interface MigrationRequest {
  readonly to: string;
  /** Names, in the order in which they are to start; `all`: every namespace injected by its labels. */
  readonly namespaces: readonly string[] | "all";
  readonly from: string | undefined;
  /** Label selector limiting the restarts, as text; the objects it matches are given to the planner as `selected`. */
  readonly selector: string | undefined;
  readonly leave: readonly string[];
  readonly allowDowntime: readonly string[];
  readonly skipCheck: readonly string[];
}

export interface Plan {
  readonly target: Target;
  /** Namespaces in the order in which they start. */
  readonly namespaces: readonly string[];
  readonly steps: readonly Step[];
  readonly left: readonly Left[];
  /** Workloads already on the target with every pod. */
  readonly already: readonly ObjectRef[];
  /** Workloads without pods: their next pod is injected by the target. */
  readonly empty: readonly ObjectRef[];
  readonly findings: readonly Finding[];
}
