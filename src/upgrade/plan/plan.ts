/** A plan: stages one after the other, lanes side by side, the steps of a lane in their order. It is run as printed. */
import type { ObjectRef } from "../../mesh/model.ts";
import type { PodsProof } from "../proof/pods-proof.ts";
import type { FromRevision, Target } from "../record/undo-record.ts";
import type { TagMove } from "../tags/tag-move.ts";
import type { MoveTagStep, ProveStep, RelabelStep, RestartStep, Step } from "./step.ts";

export interface Plan {
  readonly stages: readonly Stage[];
  /** Control planes that are left: each of their istiods has to say that it no longer serves the moved proxies. */
  readonly oldRevisions: readonly string[];
  /** Where istiods cannot be asked, and the weaker proof was allowed: what it goes by. Absent: every one is asked. */
  readonly proof?: PodsProof | undefined;
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
  /** Workloads that an earlier run holds at a pace (mesh/from/pace-record.ts): at the end of this one nothing is held. */
  readonly held?: readonly (ObjectRef & { readonly uid: string })[];
}

export interface MigrationPlan extends MovePlan {
  readonly target: Target;
  /** The tag that is moved, or has the revision already; absent without `--tag`. */
  readonly tag?: TagMove | undefined;
  /** Of the target: the version of its istiod, and of the proxies that it injects; absent where it is not known. */
  readonly versions?: { readonly istiod?: string; readonly injects?: string };
  /** Of `-A`: pods on another revision in namespaces that are not in the plan. Absent without it. */
  readonly unplanned?: readonly Unplanned[];
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

/**
 * The steps of one namespace, in their order; an inner list is run side by side. A failed step ends the lane. A restart
 * that comes again later in the lane is waited for until its first new pod is proven, and there to its end.
 */
export interface Lane {
  readonly namespace: string;
  readonly steps: readonly (Step | readonly Step[])[];
  /**
   * When a step fails. `undo`: everything that the lane wrote is put back · `undo-first`: the same until the restart
   * that goes alone has its first new pod proven, or, where none does, until any workload was restarted; then it stays ·
   * `stop`: it stays as it is.
   */
  readonly onFailure: "undo" | "undo-first" | "stop";
}

/** Something that stays on the old revision, and why. */
export interface Left {
  readonly object: ObjectRef;
  readonly reason: string;
  /**
   * Accepted by `--leave`; its owners want it, by annotation; what ends by itself, as a Job does; not selected by `-l`;
   * of a rollback: it was there before the run.
   */
  readonly by: "--leave" | "owner" | "job" | "selector" | "before";
}

/** Pods of one namespace that stay where they are for one reason. */
export interface Unplanned {
  readonly namespace: string;
  /** In words for a person. */
  readonly reason: string;
  /** How they can be moved; undefined: by waiting. */
  readonly remedy: string | undefined;
  /** The revisions that they run, sorted; none where no pod says its revision. */
  readonly revisions: readonly string[];
  readonly pods: number;
  /** The workloads that they belong to, or their owners, or the pods themselves. */
  readonly objects: readonly ObjectRef[];
  /**
   * They were injected, so the run is not done until they have moved or are named by `--leave`. False: an installer or
   * istiod deployed them, or they end by themselves.
   */
  readonly open: boolean;
}

/** Whether the run is not done although every step of its plan is. */
export const isOpen = ({ open }: Unplanned): boolean => open;

/** Each step once. */
export const stepsOfLane = ({ steps }: Lane): readonly Step[] => [...new Set(steps.flat())];

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
