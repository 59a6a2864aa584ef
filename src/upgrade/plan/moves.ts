/** What the checks judge: the mesh, what surrounds it, and what the request would do to each namespace and workload. */
import type { Labels } from "../../mesh/kubernetes.ts";
import type { Injection, Mesh, Namespace, ObjectRef, Pod, Workload } from "../../mesh/model.ts";
import { type RevisionLabels, sameRevisionLabels } from "../../mesh/revision-labels.ts";
import type { ClusterEvidence } from "../evidence/cluster-evidence.ts";
import type { FromRevision, Target, UndoRecord } from "../record/undo-record.ts";
import type { TagMove } from "../tags/tag-move.ts";
import type { Eligibility } from "./eligibility.ts";
import type { MigrationRequest } from "./migration-request.ts";

export interface Facts {
  readonly mesh: Mesh;
  readonly evidence: ClusterEvidence;
  /** Rollbacks are judged by the same checks: the old revision is then the target. */
  readonly verb: "migrate" | "rollback";
  readonly target: Target;
  /** The labels by which the target injects. */
  readonly after: RevisionLabels;
  readonly request: MigrationRequest;
  /** What was asked for, in its order. */
  readonly asked: readonly Asked[];
  /** The namespaces asked for that may move. */
  readonly inScope: readonly NamespaceMove[];
  /** Those of them in which there is something to do. */
  readonly moves: readonly NamespaceMove[];
  /** The tag that is moved, where it is one that moves the namespaces. The mesh has it as it will be. */
  readonly tag?: TagMove | undefined;
  /** Rollouts that unfinished runs of either verb have started (`startedRollouts`); absent: none is known. */
  readonly started?: ReadonlySet<string>;
}

export interface Asked {
  readonly name: string;
  /** Undefined: there is none of this name. */
  readonly found:
    | {
        readonly namespace: Namespace;
        readonly eligibility: Eligibility;
        readonly workloads: readonly Workload[];
        readonly pods: readonly Pod[];
      }
    | undefined;
}

export interface NamespaceMove {
  readonly namespace: Namespace;
  readonly before: RevisionLabels;
  readonly after: RevisionLabels;
  /** All its labels, as they will be. */
  readonly labelsAfter: Labels;
  readonly from: FromRevision;
  /** Record of an unfinished run to this very target; of a rollback: the record that it goes by. */
  readonly open: UndoRecord | undefined;
  readonly workloads: readonly WorkloadMove[];
  /** Pods on another revision that belong to no known workload, by their owner. */
  readonly podsWithoutWorkload: readonly PodsWithoutWorkload[];
  readonly pods: readonly Pod[];
}

/**
 * `restart` · `blocked`: a restart would not move it · `left`: by `--leave` · `unselected`: by `-l` · `already`: every
 * pod is on the target ·
 * `job`: its owner ends by itself, and its pods with it ·
 * `empty`: no pods, the next one goes to the target · `not-injected`: never gets a proxy from the target · `before`: of
 * a rollback: its pods were on another revision before the run, and stay there.
 */
export type Disposition =
  | "restart"
  | "blocked"
  | "left"
  | "unselected"
  | "already"
  | "job"
  | "empty"
  | "not-injected"
  | "before";

export interface WorkloadMove {
  readonly workload: Workload;
  /** Who injects its pods after the move. */
  readonly after: Injection;
  readonly disposition: Disposition;
  /** Live pods with a proxy of another revision. */
  readonly stale: readonly Pod[];
  /** Why it is blocked, and the check that says so. */
  readonly blocked: Blocked | undefined;
}

export interface Blocked {
  readonly check: "workloads-restartable" | "proxies-unpinned" | "sidecars-kept";
  readonly reason: string;
  readonly remedy: string;
  /** Evidence is missing, rather than certain that it would not move. */
  readonly unknown: boolean;
}

export interface PodsWithoutWorkload {
  /** The pod itself, where nothing owns it. */
  readonly ref: ObjectRef;
  readonly pods: readonly Pod[];
  /** `job`: they end by themselves. */
  readonly disposition: "blocked" | "left" | "unselected" | "job";
}

/** Does carrying out the move change anything, or is there something that keeps it from being whole? */
export const hasWork = (move: NamespaceMove): boolean =>
  writesLabels(move) ||
  move.open !== undefined ||
  move.workloads.some(({ disposition }) => disposition === "restart" || disposition === "blocked") ||
  move.podsWithoutWorkload.some(({ disposition }) => disposition === "blocked");

export const writesLabels = ({ before, after }: NamespaceMove): boolean => !sameRevisionLabels(before, after);

/** Comes from this revision, or has pods that still run it. */
export const comesFrom = ({ from, workloads }: NamespaceMove, revision: string | undefined): boolean =>
  from.revision === revision || workloads.some(({ stale }) => stale.some((pod) => pod.proxy?.revision === revision));

/** The workloads that will be restarted, with the namespace they are in. */
export const restarts = (facts: Facts): readonly (WorkloadMove & { readonly move: NamespaceMove })[] =>
  facts.moves.flatMap((move) =>
    move.workloads.filter(({ disposition }) => disposition === "restart").map((each) => ({ ...each, move })),
  );

/** Revisions a stale pod or a namespace comes from. */
export const oldRevisions = (facts: Facts): readonly string[] => {
  const revisions = facts.moves.flatMap(({ from, workloads, podsWithoutWorkload }) => [
    from.revision,
    ...[...workloads.flatMap(({ stale }) => stale), ...podsWithoutWorkload.flatMap(({ pods }) => pods)].flatMap(
      (pod) => pod.proxy?.revision ?? [],
    ),
  ]);
  return [...new Set(revisions)];
};
