/** Reads the result of a run from its plan and its ledger. */
import type { Finding } from "../../mesh/finding.ts";
import { goBackCommand, goOnCommand } from "../../upgrade/commands.ts";
import type { MigrationRequest, Plan } from "../../upgrade/plan/plan.ts";
import type { Target } from "../../upgrade/record/undo-record.ts";
import type { MigratedNamespace, MigratedWorkload, MigrationResult, MigrationState } from "../../upgrade/result.ts";
import { openLedger } from "../journal.ts";
import { type Run, relabelSteps } from "../tools.ts";
import type { End } from "./migrate.ts";

/** What the commands at the end repeat: the request, and the flags that name the cluster, as they were given. */
export interface RepeatedCommand {
  readonly request: MigrationRequest;
  /** Of the cluster, for kubectl's commands too. */
  readonly clusterFlags: readonly string[];
  /** Of mesh-migrate alone. */
  readonly ownFlags: readonly string[];
}

const codes: Readonly<Record<Exclude<MigrationState, "interrupted">, number>> = {
  planned: 0,
  done: 0,
  "nothing-to-do": 0,
  refused: 3,
  "cannot-tell": 5,
  partial: 4,
  restored: 4,
  unknown: 4,
};

/** Of a migration that was refused, and so changed nothing. `unknown` findings alone mean that it cannot be told. */
export function refusedResult(
  plan: Plan | undefined,
  target: Target | undefined,
  findings: readonly Finding[],
): MigrationResult {
  const state = findings.some(({ severity }) => severity === "blocker") ? "refused" : "cannot-tell";
  const ledger = plan && openLedger(plan);
  return {
    state,
    target: plan?.target ?? target,
    namespaces: ledger?.namespaces() ?? [],
    workloads: ledger?.workloads() ?? [],
    left: plan?.left ?? [],
    findings,
    failure: undefined,
    goOn: undefined,
    goBack: undefined,
    exitCode: codes[state],
  };
}

/** Of a plan that is only shown, or that has nothing to do. */
export function plannedResult(
  plan: Plan,
  findings: readonly Finding[],
  state: "planned" | "nothing-to-do",
  typed: RepeatedCommand,
): MigrationResult {
  const ledger = openLedger(plan);
  return {
    state,
    target: plan.target,
    namespaces: ledger.namespaces().map((each) => ({ ...each, labels: "planned" })),
    workloads: ledger
      .workloads()
      .map((each) => (each.outcome === "not-started" ? { ...each, outcome: "planned" } : each)),
    left: plan.left,
    findings,
    failure: undefined,
    goOn: state === "planned" ? commandOf(typed) : undefined,
    goBack: undefined,
    exitCode: 0,
  };
}

/** Of a run that was carried out. `interruptedCode` is 128 and the signal's number. */
export function resultOf(
  run: Run,
  end: End,
  findings: readonly Finding[],
  typed: RepeatedCommand,
  interruptedCode: number | undefined,
): MigrationResult {
  const { ledger, plan } = run;
  const state = stateOf(run, end);
  const unfinished = state !== "done" && state !== "restored";
  return {
    state,
    target: plan.target,
    namespaces: ledger.namespaces(),
    workloads: ledger.workloads(),
    left: plan.left,
    findings,
    failure: ledger.failure(),
    goOn:
      unfinished || state === "restored"
        ? commandOf(onlyUnselected(run) ? { ...typed, request: { ...typed.request, selector: undefined } } : typed)
        : undefined,
    goBack: state === "restored" ? undefined : wayBack(run, typed),
    exitCode:
      state === "interrupted"
        ? (interruptedCode ?? 130)
        : state === "refused" && end === "unchanged"
          ? 1
          : codes[state],
  };
}

function stateOf({ ledger }: Run, end: End): MigrationState {
  if (end === "unchanged") return "refused";
  if (end !== "partial") return end;
  const failed = ledger
    .workloads()
    .some(({ outcome }) => outcome === "failed" || outcome === "not-started" || outcome === "unselected");
  return failed || !ledger.workloads().some(({ outcome }) => outcome === "unproven") ? "partial" : "unknown";
}

/** Nothing failed, and what is left is left by `-l`: then to go on is to drop it. */
const onlyUnselected = ({ ledger }: Run): boolean =>
  ledger.failure() === undefined &&
  ledger.workloads().every(({ outcome }) => ["moved", "already", "empty", "unselected"].includes(outcome));

export const commandOf = ({ request, clusterFlags, ownFlags }: RepeatedCommand): string =>
  goOnCommand(request, clusterFlags, ownFlags);

/**
 * Every namespace that was entered, with the labels from its undo record, and the workloads in it that have pods on the
 * target. One whose labels are back already is in it only where such workloads are.
 */
function wayBack(run: Run, { clusterFlags }: RepeatedCommand): string | undefined {
  const moved = Map.groupBy(run.ledger.workloads().filter(isTouched), ({ namespace }) => namespace);
  const isEntered = ({ name, labels }: MigratedNamespace): boolean =>
    labels === "written" || labels === "kept" || (labels === "restored" && moved.has(name));
  const entered = new Set(
    run.ledger
      .namespaces()
      .filter(isEntered)
      .map(({ name }) => name),
  );
  const places = relabelSteps(run.plan).flatMap(({ namespace }) => {
    const record = run.records.get(namespace);
    return record && entered.has(namespace)
      ? [{ namespace, labels: record.before, restart: moved.get(namespace) ?? [] }]
      : [];
  });
  return goBackCommand(places, clusterFlags);
}

const isTouched = ({ outcome }: MigratedWorkload): boolean =>
  ["moved", "already", "failed", "unproven"].includes(outcome);
