/** A plan: stages one after the other, lanes side by side, the steps of a lane in their order. It is run as printed. */
import type { ObjectRef } from "../../mesh/model.ts";
import type { FromRevision, Target } from "../record/undo-record.ts";
import type { TagMove } from "../tags/tag-move.ts";
import type { MoveTagStep, ProveStep, RelabelStep, RestartStep, Step } from "./step.ts";

export interface Plan {
  readonly stages: readonly Stage[];
  /** Control planes that are left: each of their istiods has to say that it no longer serves the moved proxies. */
  readonly oldRevisions: readonly string[];
}

/** A plan that brings namespaces to a revision, with what it does not touch in them. */
export interface MovePlan extends Plan {
  /** Namespaces in the order in which they start. */
  readonly namespaces: readonly string[];
  /** Stays on the old revision, accepted. */
  readonly left: readonly Left[];
  /** Workloads already on the target with every pod. */
  readonly already: readonly ObjectRef[];
  /** Workloads without pods: their next pod is injected by the target. */
  readonly empty: readonly ObjectRef[];
  /** Workloads that get no proxy from the target, and why (opted out, host network, …). */
  readonly notInjected: readonly { readonly object: ObjectRef; readonly reason: string }[];
}

export interface MigrationPlan extends MovePlan {
  readonly target: Target;
  /** The tag that is moved, or has the revision already; absent without `--tag`. */
  readonly tag?: TagMove | undefined;
}

export interface Stage {
  readonly name: StageName;
  readonly lanes: readonly Lane[];
  /** Lanes under way at once. */
  readonly sideBySide: number;
  /** How far each restart is waited for here. What is not proven to the end goes on in a later stage. */
  readonly until: "first-pod" | "all-pods";
  /** A look at the cluster right before the stage: it can fail the stage or change its lanes. */
  readonly gate: Gate | undefined;
  /** Runs although an earlier stage failed. */
  readonly evenAfterFailure: boolean;
}

/**
 * `records`: the undo records of all namespaces that move with a tag · `tag`: the tag itself · `canary`: one workload,
 * until its first new pod is proven · `workloads`: all the others · `close`: the undo records of the namespaces that have
 * arrived whole · `labels` and `restarts`: the two stages of a rollback.
 */
export type StageName = "records" | "tag" | "canary" | "workloads" | "close" | "labels" | "restarts";

/**
 * `last-look`: what came up on another revision meanwhile · `look-again`: which workloads a rollback has to restart, by
 * the pods that are there once the labels are back · `labels-back`: only namespaces whose labels are proven to be back.
 */
export type Gate = "last-look" | "look-again" | "labels-back";

/** The steps of one namespace, in their order; an inner list is run side by side. A failed step ends the lane. */
export interface Lane {
  readonly namespace: string;
  readonly steps: readonly (Step | readonly Step[])[];
  /**
   * When a step fails. `undo`: everything that the lane wrote is put back · `undo-labels`: its labels are put back
   * while no workload in it was restarted · `stop`: it stays as it is.
   */
  readonly onFailure: "undo" | "undo-labels" | "stop";
}

/** Something that stays on the old revision, and why. */
export interface Left {
  readonly object: ObjectRef;
  readonly reason: string;
  /** Accepted by `--leave`; what ends by itself, as a Job does; not selected by `-l`; of a rollback: it was there before the run. */
  readonly by: "--leave" | "job" | "selector" | "before";
}

export const stepsOfLane = ({ steps }: Lane): readonly Step[] => steps.flat();

/** Every step once, in the order in which it begins: one that is waited for in two stages stands in both. */
export const stepsOf = ({ stages }: Pick<Plan, "stages">): readonly Step[] => [
  ...new Set(stages.flatMap(({ lanes }) => lanes.flatMap(stepsOfLane))),
];

/** The steps that write labels of namespaces, without those that only close a record. */
export const relabelSteps = (plan: Pick<Plan, "stages">): readonly RelabelStep[] =>
  stepsOf(plan)
    .filter((step) => step.kind === "relabel")
    .filter(({ record }) => record.kind !== "close");

export const restartSteps = (plan: Pick<Plan, "stages">): readonly RestartStep[] =>
  stepsOf(plan).filter((step) => step.kind === "restart");

/** The steps that move a tag, without the one that only closes its record. */
export const tagSteps = (plan: Pick<Plan, "stages">): readonly MoveTagStep[] =>
  stepsOf(plan)
    .filter((step) => step.kind === "move-tag")
    .filter(({ record }) => record !== "close");

export const proveSteps = (plan: Pick<Plan, "stages">): readonly ProveStep[] =>
  stepsOf(plan).filter((step) => step.kind === "prove");

/** Whether the plan writes anything. */
export const writesAnything = (plan: Pick<Plan, "stages">): boolean =>
  stepsOf(plan).some(({ kind }) => kind !== "prove");

/** The revisions that the steps leave: `to` is not among them. */
export const revisionsLeft = (
  from: readonly FromRevision[],
  restarted: readonly Pick<RestartStep, "from">[],
  to: string,
): readonly string[] => [
  ...new Set(
    [...from.map(({ revision }) => revision), ...restarted.flatMap((step) => step.from)].filter((name) => name !== to),
  ),
];
