/** Reads the result of a rollback from its plan and from what became of each step. Pure. */
import { exit } from "../../mesh/exit-codes.ts";
import type { Finding } from "../../mesh/finding.ts";
import { namespaceRef } from "../../mesh/object-ref.ts";
import { type RevisionLabels, revisionLabelsText } from "../../mesh/revision-labels.ts";
import { goOnCommand, rollbackCommand } from "../commands.ts";
import { failureOf, movedStates, type RunEnd, type Shown, shownOf, stateCodes, stateOf } from "../migration-result.ts";
import { outcomeOf } from "../plan/outcome.ts";
import { stepsOf, tagSteps } from "../plan/plan.ts";
import { labelsKey, objectOf, stepKey, tagKey } from "../plan/step.ts";
import type { Failure, MigratedNamespace, MigratedWorkload, MigrationResult, MigrationState } from "../result.ts";
import { tagObjectRef } from "../tags/tag-back.ts";
import { tagObjectText } from "../tags/tag-parts.ts";
import { changedByOthers, type NamespacesRollbackPlan } from "./plan-rollback.ts";
import type { RollbackFacts } from "./rollback-facts.ts";
import type { RollbackRequest } from "./rollback-request.ts";

export interface RollbackResult extends Omit<MigrationResult, "target" | "namespaces" | "goBackKubectl"> {
  readonly namespaces: readonly RolledBackNamespace[];
}

/** `from`: the revision that it leaves · `to`: the one that it goes back to. */
export interface RolledBackNamespace extends Omit<MigratedNamespace, "labels"> {
  /** The run that is undone. */
  readonly run: string;
  /** `changed`: somebody else changed them, so they were left as they are. */
  readonly labels: MigratedNamespace["labels"] | "changed";
  /** `removed`: everything in it is proven to be back. */
  readonly record: "kept" | "removed";
  /** The labels after are not those of before, but the revision itself (`--pin`). */
  readonly pinned: boolean;
}

/** What the commands at the end repeat: the request, and the flags as they were given. */
export interface RepeatedRollback {
  readonly request: RollbackRequest;
  /** Of the cluster, for mesh-migrate too. */
  readonly clusterFlags: readonly string[];
  /** Of mesh-rollback alone. */
  readonly ownFlags: readonly string[];
}

export const rollbackCommandOf = ({ request, clusterFlags, ownFlags }: RepeatedRollback): string =>
  rollbackCommand(request, clusterFlags, ownFlags);

type Plain = Pick<RollbackResult, "findings" | "failure" | "goOn" | "goBack">;
const nothingMore: Omit<Plain, "findings"> = { failure: undefined, goOn: undefined, goBack: undefined };

/** Of a rollback that changed nothing, because a check refused it. Without a blocker the state is `cannot-tell`. */
export const refusedRollback = (
  facts: RollbackFacts,
  plan: NamespacesRollbackPlan,
  findings: readonly Finding[],
): RollbackResult => {
  const state = findings.some(({ severity }) => severity === "blocker") ? "refused" : "cannot-tell";
  return { ...document(facts, plan, new Map()), ...nothingMore, state, findings, exitCode: stateCodes[state] };
};

/** Of a plan that is only shown. */
export const plannedRollback = (
  facts: RollbackFacts,
  plan: NamespacesRollbackPlan,
  findings: readonly Finding[],
  repeated: RepeatedRollback,
): RollbackResult => {
  const { namespaces, workloads, left, tag } = document(facts, plan, new Map());
  return {
    ...(tag && { tag: tag.outcome === "not-started" ? { ...tag, outcome: "planned" } : tag }),
    ...{ left, findings, ...nothingMore, state: "planned", exitCode: stateCodes.planned },
    namespaces: namespaces.map((each) => (each.labels === "changed" ? each : { ...each, labels: "planned" })),
    workloads: workloads.map((each) => (each.outcome === "not-started" ? { ...each, outcome: "planned" } : each)),
    goOn: rollbackCommandOf(repeated),
  };
};

/** Where no namespace had anything to put back. */
export const nothingToPutBack = (
  facts: RollbackFacts,
  plan: NamespacesRollbackPlan,
  findings: readonly Finding[],
): RollbackResult => ({
  ...document(facts, plan, new Map()),
  ...{ ...nothingMore, state: "nothing-to-do", findings, exitCode: stateCodes["nothing-to-do"] },
});

/** Of a plan that was run. */
export const rollbackResult = (
  facts: RollbackFacts,
  plan: NamespacesRollbackPlan,
  end: RunEnd,
  findings: readonly Finding[],
  repeated: RepeatedRollback,
): RollbackResult => {
  const shown = shownOf(plan, end.outcomes);
  const failure =
    failureOf(plan, end, shown) ?? (end.interruptedCode === undefined ? notPutBack(facts, plan, end) : undefined);
  const state = endState(plan, end, shown, failure);
  return {
    ...document(facts, plan, end.outcomes),
    state,
    findings,
    failure,
    goOn: state === "done" ? undefined : rollbackCommandOf(repeated),
    goBack: state === "failed" ? undefined : turnRound(facts, end, repeated),
    exitCode: state === "interrupted" ? (end.interruptedCode ?? exit.interrupted) : stateCodes[state],
  };
};

/** A rollback is put back by nothing: what a migration calls restored is partial here. */
const endState = (
  plan: NamespacesRollbackPlan,
  end: RunEnd,
  shown: Shown,
  failure: Failure | undefined,
): Exclude<MigrationState, "refused" | "cannot-tell" | "planned" | "nothing-to-do" | "restored"> => {
  const state = stateOf(plan, end, shown, failure);
  return state === "restored" ? "partial" : state;
};

/** Nothing failed, and yet a record is still there, or a namespace was left as it is. */
const notPutBack = (facts: RollbackFacts, plan: NamespacesRollbackPlan, { outcomes }: RunEnd): Failure | undefined => {
  const open = stepsOf(plan).find((step) => outcomeOf(outcomes, stepKey(step)).state !== "proven");
  const changed = changedByOthers(facts)[0];
  const written = facts.tag?.changed[0];
  const [object, reason] = open
    ? [objectOf(open), open.kind === "relabel" ? "its undo record is still there" : "not proven"]
    : written
      ? [tagObjectRef(written), "somebody else changed it, so it was left as it is"]
      : [changed && namespaceRef(changed.name), changed && otherLabels(changed.found)];
  return object && reason ? { object, reason, pod: undefined, container: undefined, logs: [], events: [] } : undefined;
};

const otherLabels = (found: RevisionLabels): string =>
  `somebody else changed its labels to ${revisionLabelsText(found)}, so it was left as it is`;

/** The namespaces and workloads as the result shows them: what a migration calls moved is restored here. */
const document = (
  facts: RollbackFacts,
  plan: NamespacesRollbackPlan,
  outcomes: RunEnd["outcomes"],
): Pick<RollbackResult, "tag" | "namespaces" | "workloads" | "left"> => {
  const { namespaces, workloads, left } = shownOf(plan, outcomes);
  const closed = new Set(
    stepsOf(plan).flatMap((step) =>
      step.kind === "relabel" && step.record.kind === "close" && outcomeOf(outcomes, stepKey(step)).state === "proven"
        ? [step.namespace]
        : [],
    ),
  );
  return {
    ...tagDocument(facts, plan, outcomes),
    namespaces: [
      ...namespaces.map(
        (each): RolledBackNamespace => ({
          ...each,
          run: plan.undoes.get(each.name) ?? "",
          record: closed.has(each.name) ? "removed" : "kept",
          pinned: facts.request.pin,
        }),
      ),
      ...changedByOthers(facts).map(
        ({ name, found, back: { record } }): RolledBackNamespace => ({
          ...{ name, run: record.run, from: record.target.revision, to: record.from.revision },
          ...{ before: found, after: found, labels: "changed", record: "kept", pinned: false },
        }),
      ),
    ],
    workloads: workloads.map(
      (each): MigratedWorkload => (each.outcome === "moved" ? { ...each, outcome: "restored" } : each),
    ),
    left,
  };
};

const tagDocument = (
  { tag, request }: RollbackFacts,
  plan: NamespacesRollbackPlan,
  outcomes: RunEnd["outcomes"],
): Pick<RollbackResult, "tag"> => {
  if (request.tag === undefined || tag === undefined) return {};
  const { state } = outcomeOf(outcomes, tagKey(tag.tag));
  const outcome = tagSteps(plan).length === 0 ? "already" : state === "proven" ? "restored" : movedStates[state];
  return {
    tag: {
      ...{ name: tag.tag, from: tag.record?.target, to: tag.record?.from?.revision },
      outcome: tag.changed.length > 0 && outcome !== "failed" ? "changed" : outcome,
      objects: [...tag.changes.map(({ ref }) => ref), ...tag.changed].map(tagObjectText),
    },
  };
};

/** The migration again, of every namespace that this run has changed: one command for each target. */
const turnRound = (
  { returns, tag }: RollbackFacts,
  { outcomes }: RunEnd,
  { request, clusterFlags }: RepeatedRollback,
): string | undefined => {
  const wish = { from: undefined, selector: undefined, leave: [], restartOwned: [], skipCheck: [] };
  const { allowDowntime, endsByItself } = request;
  if (tag?.record)
    return goOnCommand(
      { ...wish, tag: tag.tag, to: tag.record.target, namespaces: "all", allowDowntime, endsByItself },
      clusterFlags,
    );
  const changed = returns.filter(
    ({ move }) => outcomeOf(outcomes, labelsKey(move.namespace.name)).state !== "not-begun",
  );
  const byTarget = Map.groupBy(changed, ({ back }) => back.record.target.label);
  const commands = [...byTarget].map(([to, each]) => {
    const namespaces = each.map(({ move }) => move.namespace.name);
    return goOnCommand({ ...wish, to, namespaces, allowDowntime, endsByItself }, clusterFlags);
  });
  return commands.length === 0 ? undefined : commands.join(" && ");
};
