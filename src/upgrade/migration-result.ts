/** Reads the result of a migration from its plan and from what became of each step. Pure. */
import { type ExitCode, exit } from "../mesh/exit-codes.ts";
import type { Finding } from "../mesh/finding.ts";
import type { ObjectRef } from "../mesh/model.ts";
import { namespaceRef, refOf, refText } from "../mesh/object-ref.ts";
import { sameRevisionLabels } from "../mesh/revision-labels.ts";
import { type GoBack, goBackCommand, goBackKubectlCommand, goOnCommand, proofWords } from "./commands.ts";
import { otherVersions, versionsShown } from "./migrated-versions.ts";
import type { MigrationRequest } from "./plan/migration-request.ts";
import { isWritten, type Outcomes, outcomeOf, type StepOutcome } from "./plan/outcome.ts";
import {
  isOpen,
  type MigrationPlan,
  type MovePlan,
  proveSteps,
  relabelSteps,
  restartSteps,
  stepsOf,
  tagSteps,
} from "./plan/plan.ts";
import {
  closesRecord,
  isUnwritten,
  labelsKey,
  objectOf,
  type RelabelStep,
  type RestartStep,
  stepKey,
  tagKey,
} from "./plan/step.ts";
import type {
  Failure,
  MigratedNamespace,
  MigratedWorkload,
  MigrationResult,
  MigrationState,
  MovedTag,
  Outcome,
} from "./result.ts";
import { tagObjectText } from "./tags/tag-parts.ts";

/** What the commands at the end repeat: the request, and the flags as they were given. */
export interface RepeatedCommand {
  readonly request: MigrationRequest;
  /** Of the cluster, for kubectl's commands too. */
  readonly clusterFlags: readonly string[];
  /** Of every plugin of the suite: where the control planes are. */
  readonly meshFlags: readonly string[];
  /** Of mesh-migrate alone. */
  readonly ownFlags: readonly string[];
}

/** How a run ended. */
export interface RunEnd {
  readonly outcomes: Outcomes;
  /** The first thing that went wrong. */
  readonly failure: Failure | undefined;
  /** 128 and the signal's number, where one ended the run. */
  readonly interruptedCode: ExitCode | undefined;
  /** The time of `--timeout` was over. */
  readonly timedOut: boolean;
}

type WayBack = Pick<MigrationResult, "goBack" | "goBackKubectl">;

const noWayBack: WayBack = { goBack: undefined, goBackKubectl: undefined };

/** The exit code of each state; an interrupted run has that of its signal. */
export const stateCodes: Readonly<Record<Exclude<MigrationState, "interrupted">, ExitCode>> = {
  planned: exit.done,
  done: exit.done,
  "nothing-to-do": exit.done,
  failed: exit.couldNot,
  refused: exit.refused,
  partial: exit.notDone,
  restored: exit.notDone,
  unknown: exit.notDone,
  "cannot-tell": exit.cannotTell,
};

/**
 * Of a migration that changed nothing, because a check refused it. Without a blocker the state is `cannot-tell`. `plan`
 * is undefined where the target was not resolved.
 */
export function refusedResult(plan: MigrationPlan | undefined, findings: readonly Finding[]): MigrationResult {
  const state = findings.some(({ severity }) => severity === "blocker") ? "refused" : "cannot-tell";
  return {
    ...shownOf(plan, new Map()),
    ...tagShown(plan, new Map()),
    ...versionsShown(plan, new Map()),
    ...unplannedShown(plan),
    state,
    target: plan?.target,
    findings,
    failure: undefined,
    goOn: undefined,
    ...noWayBack,
    exitCode: stateCodes[state],
  };
}

/** The tag of a plan with what became of it. */
export const tagShown = (plan: MigrationPlan | undefined, outcomes: Outcomes): Pick<MigrationResult, "tag"> => {
  if (plan?.tag === undefined) return {};
  const { tag, from, target, changes } = plan.tag;
  const outcome = changes.length === 0 ? "already" : tagStates[outcomeOf(outcomes, tagKey(tag)).state];
  const objects = changes.map(({ ref }) => tagObjectText(ref));
  return { tag: { name: tag, from: from?.revision, to: target.revision, outcome, objects } };
};

/** Of `-A`: what is in no plan. */
const unplannedShown = (plan: MigrationPlan | undefined): Pick<MigrationResult, "unplanned"> =>
  plan?.unplanned === undefined ? {} : { unplanned: plan.unplanned };

/** What a step that moves a workload came to. */
export const movedStates = {
  "not-begun": "not-started",
  begun: "unproven",
  proven: "moved",
  draining: "draining",
  failed: "failed",
  unproven: "unproven",
  undone: "restored",
} as const satisfies Readonly<Record<StepOutcome["state"], Outcome>>;

/** What a step that moves a tag came to: it has no pods that end. */
export const tagStates = { ...movedStates, draining: "unproven" } as const satisfies Readonly<
  Record<StepOutcome["state"], MovedTag["outcome"]>
>;

/** Whether a run that moves a tag has failed before its canary was proven: then it is put back as a whole. */
export const failedBeforeCanary = (plan: MigrationPlan, outcomes: Outcomes): boolean =>
  tagSteps(plan).length > 0 &&
  plan.tag?.resumed === undefined &&
  restartSteps(plan).every((step) => {
    const { state, proven } = outcomeOf(outcomes, stepKey(step));
    return state === "not-begun" || (step.canary && proven === 0);
  });

/** Of a plan that is only shown. */
export function plannedResult(
  plan: MigrationPlan,
  findings: readonly Finding[],
  repeated: RepeatedCommand,
): MigrationResult {
  const { namespaces, workloads, ...rest } = shownOf(plan, new Map());
  const { tag } = tagShown(plan, new Map());
  return {
    ...rest,
    ...(tag && { tag: { ...tag, outcome: tag.outcome === "already" ? "already" : "planned" } }),
    ...versionsShown(plan, new Map()),
    ...unplannedShown(plan),
    state: "planned",
    target: plan.target,
    namespaces: namespaces.map((each) => ({ ...each, labels: "planned" })),
    workloads: workloads.map((each) => (each.outcome === "not-started" ? { ...each, outcome: "planned" } : each)),
    findings,
    failure: undefined,
    goOn: commandOf(repeated),
    ...noWayBack,
    exitCode: stateCodes.planned,
  };
}

/** Where nothing had to be written. `namespaces`: the ones in scope, as they are. */
export const nothingToDoResult = (
  plan: MigrationPlan,
  findings: readonly Finding[],
  namespaces: readonly MigratedNamespace[],
): MigrationResult => ({
  ...shownOf(plan, new Map()),
  ...tagShown(plan, new Map()),
  ...versionsShown(plan, new Map()),
  ...unplannedShown(plan),
  state: "nothing-to-do",
  target: plan.target,
  namespaces,
  findings,
  failure: undefined,
  goOn: undefined,
  ...noWayBack,
  exitCode: stateCodes["nothing-to-do"],
});

/** Of a plan that was run. */
export function migrationResult(
  plan: MigrationPlan,
  end: RunEnd,
  findings: readonly Finding[],
  repeated: RepeatedCommand,
): MigrationResult {
  const shown = shownOf(plan, end.outcomes);
  const failure = failureOf(plan, end, shown);
  const versions = versionsShown(plan, end.outcomes);
  const reached = stateOf(plan, end, shown, failure);
  const state = reached === "done" && plan.unplanned?.some(isOpen) ? "partial" : reached;
  const drops =
    failure === undefined &&
    shown.workloads.every(({ outcome }) => isAsHoped(outcome)) &&
    !shown.workloads.some(isDraining);
  return {
    ...shown,
    ...tagShown(plan, end.outcomes),
    ...versions,
    ...unplannedShown(plan),
    state,
    target: plan.target,
    findings: [...findings, ...otherVersions(plan, versions.versions)],
    failure,
    goOn: state === "done" ? undefined : commandOf(drops ? withoutSelector(repeated) : repeated),
    ...(state === "restored" || state === "failed"
      ? noWayBack
      : tagSteps(plan).length > 0
        ? tagWayBack(plan, repeated)
        : wayBack(plan, end, shown, repeated)),
    exitCode: state === "interrupted" ? (end.interruptedCode ?? exit.interrupted) : stateCodes[state],
  };
}

export const commandOf = ({ request, clusterFlags, meshFlags, ownFlags }: RepeatedCommand): string =>
  goOnCommand(request, clusterFlags, [...meshFlags, ...ownFlags]);

/** Nothing failed, and what is left is left by `-l`: to go on is to drop it. */
const withoutSelector = ({ request, ...flags }: RepeatedCommand): RepeatedCommand => ({
  ...flags,
  request: { ...request, selector: undefined },
});

export type Shown = Pick<MigrationResult, "namespaces" | "workloads" | "left" | "proof" | "unasked">;

/** The first thing that went wrong, or, where no signal ended the run, that is not complete. */
export const failureOf = (plan: MovePlan, end: RunEnd, shown: Shown): Failure | undefined =>
  end.failure ?? (end.interruptedCode === undefined ? unfinished(plan, shown, end) : undefined);

/** The state of a plan that was run; a rollback is never `restored`. */
export function stateOf(
  plan: MovePlan,
  { outcomes, interruptedCode }: RunEnd,
  { workloads }: Shown,
  failure: Failure | undefined,
): Exclude<MigrationState, "refused" | "cannot-tell" | "planned" | "nothing-to-do"> {
  const withoutWrite = keysWithoutWrite(plan);
  const written = [...outcomes].filter(([key]) => !withoutWrite.has(key)).map(([, outcome]) => outcome);
  const isPutBack = !written.some(isWritten) && written.some(({ state }) => state === "undone");
  // A signal during a rollback does not stop it: then everything is as it was, and that is what counts.
  if (interruptedCode !== undefined) return isPutBack ? "restored" : "interrupted";
  const staysOpen = plan.left.some(({ by }) => by === "selector") || workloads.some(isDraining);
  if (failure === undefined) return staysOpen ? "partial" : "done";
  const resumed = relabelSteps(plan).some(goesOn);
  if (!resumed && !written.some(isWritten)) return isPutBack ? "restored" : "failed";
  const failed = workloads.some(({ outcome }) => ["failed", "not-started", "unselected"].includes(outcome));
  return !failed && workloads.some(({ outcome }) => outcome === "unproven") ? "unknown" : "partial";
}

/**
 * The keys of the steps that change nothing that would have to be put back: proofs, and records that are closed.
 */
const keysWithoutWrite = (plan: MovePlan): ReadonlySet<string> =>
  new Set(
    stepsOf(plan)
      .filter((step) => step.kind === "prove" || closesRecord(step))
      .map(stepKey),
  );

/** A step of a run that an earlier one has begun: then something was changed, whatever this one has written. */
const goesOn = ({ record, before, after }: RelabelStep): boolean =>
  (record.kind === "open" && record.resumed !== undefined) ||
  (record.kind === "keep" && sameRevisionLabels(before, after));

const isAsHoped = (outcome: Outcome): boolean =>
  ["moved", "already", "empty", "unselected", "not-injected", "draining"].includes(outcome);

const isDraining = ({ outcome }: MigratedWorkload): boolean => outcome === "draining";

/** The first thing that is not complete. When the time is over, also a step that no entry of the result shows. */
function unfinished(
  plan: MovePlan,
  { namespaces, workloads }: Shown,
  { outcomes, timedOut }: RunEnd,
): Failure | undefined {
  const missing = timedOut ? stepsOf(plan).filter((step) => outcomeOf(outcomes, stepKey(step)).state !== "proven") : [];
  const open = [
    ...workloads
      .filter(({ outcome }) => !isAsHoped(outcome))
      .map((each) => ({ object: refOf(each), reason: each.reason ?? "not restarted" })),
    ...namespaces
      .filter(({ labels }) => labels === "not-started")
      .map(({ name }) => ({ object: namespaceRef(name), reason: "its labels were not written" })),
    ...missing.map((step) => ({
      object: objectOf(step),
      reason: "not proven",
    })),
  ][0];
  if (!open) return undefined;
  const reason = timedOut ? "not waited for to the end: the time of --timeout was over" : open.reason;
  return { object: open.object, reason, pod: undefined, container: undefined, logs: [], events: [] };
}

/** The namespaces and workloads of a plan with their states. */
export function shownOf(plan: MovePlan | undefined, outcomes: Outcomes): Shown {
  if (!plan) return { namespaces: [], workloads: [], left: [], proof: "connections" };
  return {
    namespaces: relabelSteps(plan).map((step) => namespaceEntry(step, outcomeOf(outcomes, stepKey(step)))),
    workloads: workloadEntries(plan, outcomes),
    left: plan.left,
    ...(plan.proof ? { proof: "pods", unasked: plan.proof.unasked } : { proof: "connections" }),
  };
}

const namespaceEntry = (step: RelabelStep, { state, labels }: StepOutcome): MigratedNamespace => {
  const kept = sameRevisionLabels(step.before, step.after);
  return {
    name: step.namespace,
    from: step.from.revision,
    to: step.to,
    before: step.before,
    after: labels ?? step.after,
    labels: state === "not-begun" ? "not-started" : kept ? "kept" : state === "undone" ? "restored" : "written",
  };
};

function workloadEntries(plan: MovePlan, outcomes: Outcomes): readonly MigratedWorkload[] {
  const proofs = new Map(proveSteps(plan).map((step) => [stepKey(step), outcomeOf(outcomes, stepKey(step))]));
  const entries = new Map<string, MigratedWorkload>();
  const add = (ref: ObjectRef, outcome: Outcome, rest: Partial<MigratedWorkload> = {}): void => {
    entries.set(refText(ref), {
      ...refOf(ref),
      outcome,
      pods: 0,
      proven: 0,
      canary: false,
      reason: undefined,
      ...rest,
    });
  };
  for (const ref of plan.already) {
    const proof = proofs.get(refText(ref));
    const open = proof && proof.state !== "proven" && proof.state !== "not-begun";
    add(
      ref,
      open ? movedStates[proof.state] : "already",
      proof && { pods: proof.pods, proven: proof.proven, reason: proof.reason },
    );
  }
  for (const ref of plan.empty) add(ref, "empty");
  for (const { object, reason } of plan.notInjected) add(object, "not-injected", { reason });
  for (const { object, by, reason } of plan.left) if (by === "selector") add(object, "unselected", { reason });
  for (const step of restartSteps(plan)) add(step.workload, ...restartEntry(step, outcomeOf(outcomes, stepKey(step))));
  const ofSteps = new Set([...restartSteps(plan).map(stepKey), ...proofs.keys()]);
  for (const [key, { state, reason }] of outcomes) {
    // In no step of the plan: what came up on another revision meanwhile, and what a way back met.
    const ref = refOfKey(key);
    if (ref && !ofSteps.has(key)) add(ref, movedStates[state], { reason });
  }
  return [...entries.values()];
}

const restartEntry = (
  step: RestartStep,
  { state, reason, pods, proven }: StepOutcome,
): readonly [Outcome, Partial<MigratedWorkload>] => [
  movedStates[state],
  {
    ...{ canary: step.canary, pods: state === "not-begun" || pods === 0 ? step.pods : pods, proven, reason },
    ...(step.pace && { pace: { pods: step.pace.pods, pauseSeconds: step.pace.pauseMs / 1000 } }),
  },
];

/** The workload that a key names; undefined for the keys of namespaces. */
const refOfKey = (key: string): ObjectRef | undefined => {
  const [namespace = "", kind = "", name = ""] = key.split("/");
  return name === "" ? undefined : { namespace, kind, name };
};

/** The tag, and with it everything that moved behind it. */
const tagWayBack = ({ tag }: MigrationPlan, { request, clusterFlags, meshFlags }: RepeatedCommand): WayBack => ({
  goBack: goBackCommand([], [...clusterFlags, ...meshFlags, ...proofWords(request)], tag?.tag),
  goBackKubectl: undefined,
});

/**
 * Every namespace whose labels were written, with the labels from its undo record, and the workloads in it that have
 * pods on the target. One whose labels are back already is in it only where such workloads are.
 */
function wayBack(
  plan: MigrationPlan,
  { outcomes }: RunEnd,
  { namespaces, workloads }: Shown,
  { request, clusterFlags, meshFlags }: RepeatedCommand,
): WayBack {
  const touched = Map.groupBy(
    workloads.filter(({ outcome }) => ["moved", "draining", "already", "failed", "unproven"].includes(outcome)),
    ({ namespace }) => namespace,
  );
  const caughtUp = new Set(
    relabelSteps(plan)
      .filter(isUnwritten)
      .map(({ namespace }) => namespace),
  );
  const ways = new Map(restartSteps(plan).map(({ workload, way }) => [refText(workload), way]));
  const entered = namespaces.filter(
    ({ name, labels }) =>
      !caughtUp.has(name) &&
      (labels === "written" || labels === "kept" || (labels === "restored" && touched.has(name))),
  );
  const places = entered.flatMap(({ name }): readonly GoBack[] => {
    const { record } = outcomeOf(outcomes, labelsKey(name));
    const restart = (touched.get(name) ?? []).map((each) => ({ ...refOf(each), way: ways.get(refText(each)) }));
    return record ? [{ namespace: name, labels: record.before, restart }] : [];
  });
  return {
    goBack: goBackCommand(
      places.map(({ namespace }) => namespace),
      [...clusterFlags, ...meshFlags, ...proofWords(request)],
    ),
    goBackKubectl: goBackKubectlCommand(places, clusterFlags),
  };
}
