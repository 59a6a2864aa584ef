/**
 * What a migration came to, as data: printed for a person, given to scripts as JSON, and the source of the exit code.
 */
import type { ExitCode } from "../mesh/exit-codes.ts";
import type { Finding } from "../mesh/finding.ts";
import type { ObjectRef } from "../mesh/model.ts";
import type { RevisionLabels } from "../mesh/revision-labels.ts";
import type { Left, Unplanned } from "./plan/plan.ts";
import type { Target } from "./record/undo-record.ts";
import type { SidecarComparison } from "./trial/sidecar-comparison.ts";

/**
 * `planned`: a dry run · `done` · `nothing-to-do`: all was there already · `refused`: a check refused, nothing was
 * changed · `failed`: it could not be begun, nothing was changed ·
 * `cannot-tell`: evidence is missing, nothing was changed · `partial`: stopped on the way · `restored`: put back ·
 * `unknown`: changed, and not proven either way ·
 * `interrupted`: by a signal, after the step at hand; what was begun goes on.
 */
export type MigrationState =
  | "planned"
  | "done"
  | "nothing-to-do"
  | "refused"
  | "failed"
  | "cannot-tell"
  | "partial"
  | "restored"
  | "unknown"
  | "interrupted";

export interface MigrationResult {
  readonly state: MigrationState;
  /** Undefined when it could not be resolved: then `state` is `refused` or `cannot-tell`. */
  readonly target: Target | undefined;
  /** Of `--tag`: the tag. Absent without it. */
  readonly tag?: MovedTag | undefined;
  /** Of the target, and of the proxies that are proven to be on it. Absent where the target was not resolved. */
  readonly versions?: MigratedVersions | undefined;
  readonly namespaces: readonly MigratedNamespace[];
  readonly workloads: readonly MigratedWorkload[];
  /** By what arrival is proven: `pods` where some istiods could not be asked, and that was accepted. */
  readonly proof: "connections" | "pods";
  /** With `pods`: the revisions whose istiods were not asked which proxies they hold. */
  readonly unasked?: readonly string[];
  /** What stays on the old revision, accepted. */
  readonly left: readonly Left[];
  /** Of `-A`: pods on another revision that no step moves, by namespace. Absent without it. */
  readonly unplanned?: readonly Unplanned[];
  /** Blockers of a refusal, and warnings and notes of any run. */
  readonly findings: readonly Finding[];
  /** Of `--dry-run=server`: what the target changes in the sidecar of the first workload of each namespace. */
  readonly sidecars?: readonly SidecarComparison[];
  /** The first thing that went wrong. */
  readonly failure: Failure | undefined;
  /** Command that goes on, where there is something left to do. */
  readonly goOn: string | undefined;
  /** Command that puts everything back, where something was changed. */
  readonly goBack: string | undefined;
  /** The same with kubectl alone. It is there where `goBack` is, unless a tag was moved. */
  readonly goBackKubectl: string | undefined;
  /** One of the contract's exit codes. */
  readonly exitCode: ExitCode;
}

export interface MigratedVersions {
  /** Of the target's istiod; undefined: not known. */
  readonly istiod: string | undefined;
  /** Of the proxies that the target injects, by the values of its injector; undefined: cannot be told. */
  readonly injects: string | undefined;
  /** Of workloads that were caught up: what their proxies were before. */
  readonly from: readonly string[];
  /** The proven proxies; version `unknown`: neither their image nor they themselves say it. */
  readonly proven: readonly { readonly version: string; readonly pods: number }[];
}

/**
 * `already`: it had the revision before · `unproven`: written, or it may be, and a Gateway of it is not proven ·
 * `changed`: of a rollback: somebody else changed an object of it, which was left as it is.
 */
export interface MovedTag {
  readonly name: string;
  /** The revision that it had; undefined: there was no such tag. */
  readonly from: string | undefined;
  /** The revision that it gets; undefined: its objects are deleted again. */
  readonly to: string | undefined;
  readonly outcome: "moved" | "already" | "planned" | "failed" | "unproven" | "not-started" | "restored" | "changed";
  /** The objects that are written: `MutatingWebhookConfiguration/istio-revision-tag-prod`. */
  readonly objects: readonly string[];
}

export interface MigratedNamespace {
  readonly name: string;
  /** Revision that injected before; undefined when none did. */
  readonly from: string | undefined;
  readonly to: string;
  readonly before: RevisionLabels;
  readonly after: RevisionLabels;
  /** `kept`: the labels said it already · `planned`: not written, in a dry run · `restored`: written and put back. */
  readonly labels: "written" | "kept" | "planned" | "not-started" | "restored";
}

/**
 * `moved`: restarted and proven · `already`: every pod was on the target before · `planned`: would be restarted ·
 * `draining`: every new pod is proven, old ones have not ended yet ·
 * `failed` ·
 * `unproven`: restarted, without proof · `not-started` · `restored`: back on the old revision · `empty`: no pods; the
 * next one comes up on the target · `unselected`: left out by `-l`, moves at its next pod · `not-injected`: it gets no
 * proxy from the target.
 */
export type Outcome =
  | "moved"
  | "already"
  | "planned"
  | "draining"
  | "failed"
  | "unproven"
  | "not-started"
  | "restored"
  | "empty"
  | "unselected"
  | "not-injected";

export interface MigratedWorkload extends ObjectRef {
  readonly outcome: Outcome;
  /** Pods that it is to have, and how many of them are proven on the target. */
  readonly pods: number;
  readonly proven: number;
  readonly canary: boolean;
  /** In words for a person, where the outcome is not the hoped-for one. */
  readonly reason: string | undefined;
  /** Of `--workload-pods`, where it is paced: new pods at a time, and seconds between. */
  readonly pace?: { readonly pods: number; readonly pauseSeconds: number };
}

export interface Failure {
  readonly object: ObjectRef;
  readonly reason: string;
  /** The pod and container to look at. */
  readonly pod: string | undefined;
  readonly container: string | undefined;
  /** Last lines of the container, oldest first. */
  readonly logs: readonly string[];
  /** Warnings the cluster recorded about the object, newest last. */
  readonly events: readonly string[];
}
