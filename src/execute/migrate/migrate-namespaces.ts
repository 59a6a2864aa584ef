/** One migration from request to result: gather, refuse or show or run the plan. */

import { randomBytes } from "node:crypto";
import type { Clock } from "../../cluster/clock.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { type ExitCode, exit } from "../../mesh/exit-codes.ts";
import type { Finding } from "../../mesh/finding.ts";
import type { Mesh } from "../../mesh/model.ts";
import { namespaceRef, refText } from "../../mesh/object-ref.ts";
import { revisionLabelsOf } from "../../mesh/revision-labels.ts";
import { cannotTell, observe } from "../../upgrade/checks/check.ts";
import { alreadyProven } from "../../upgrade/checks/single-checks.ts";
import { rollbackCommand } from "../../upgrade/commands.ts";
import {
  migrationResult,
  nothingToDoResult,
  plannedResult,
  type RepeatedCommand,
  refusedResult,
} from "../../upgrade/migration-result.ts";
import type { StepOutcome } from "../../upgrade/plan/outcome.ts";
import {
  type Lane,
  type MigrationPlan,
  proveSteps,
  restartSteps,
  type Stage,
  writesAnything,
} from "../../upgrade/plan/plan.ts";
import { type ProveStep, stepKey } from "../../upgrade/plan/step.ts";
import type { MigratedNamespace, MigrationResult } from "../../upgrade/result.ts";
import { noteFailure } from "../failure.ts";
import type { Progress } from "../progress.ts";
import { undoLane } from "../rollback/undo-lane.ts";
import { type Machine, runPlan } from "../run-plan.ts";
import { actionsOf } from "../steps/actions.ts";
import { rehearseRestarts } from "../steps/rehearse.ts";
import { createStop } from "../stop.ts";
import { openTools, type Timeouts, type Tools } from "../tools.ts";
import { type Prepared, prepare } from "./gather-and-plan.ts";
import { notMovedSince } from "./not-moved-since.ts";

export interface MigrationOptions {
  readonly istioNamespace: string;
  readonly dryRun: "none" | "client" | "server";
  readonly timeouts: Timeouts;
  /** Pods in flight at once. */
  readonly parallel: number;
  readonly parallelNamespaces: number;
  /** Opened when there is something to be reported. */
  readonly openProgress: () => Promise<Progress>;
  readonly warn: (text: string) => void;
  /** Aborted when a person or the system wants the run to stop. */
  readonly interrupted: AbortSignal;
  /** Exit code of the signal, once interrupted. */
  readonly interruptedCode: () => ExitCode | undefined;
  /** Set while something is half done: what to say if the process ends at once. */
  readonly whenStopped: (halfDone: (() => string) | undefined) => void;
  readonly clock: Clock;
  /** The field manager of the writes. */
  readonly fieldManager: string;
  readonly repeated: RepeatedCommand;
}

/** `plan` where there was one: a dry run shows it. */
export interface Migration {
  readonly result: MigrationResult;
  readonly plan: MigrationPlan | undefined;
}

/** Throws `ClusterError` while nothing has been written; after the first write every failure is in the result. */
export async function migrateNamespaces(cluster: Cluster, options: MigrationOptions): Promise<Migration> {
  const stop = createStop(options.interrupted, options.timeouts.overall, options.clock);
  const bounded = cluster.until(stop.requests);
  const prepared = await prepare(bounded, options.repeated.request, options);
  const { plan, findings } = prepared;
  if (!plan || stops(findings)) return { plan, result: refusedResult(plan, findings) };
  if (options.dryRun !== "none") return { plan, result: await shown(bounded, plan, findings, options) };
  if (plan.stages.length === 0) return { plan, result: nothingToDo(plan, prepared) };
  return { plan, result: await carriedOut(cluster, plan, prepared, stop, options) };
}

const stops = (findings: readonly Finding[]): boolean =>
  findings.some(({ severity }) => severity === "blocker" || severity === "unknown");

async function shown(
  cluster: Cluster,
  plan: MigrationPlan,
  findings: readonly Finding[],
  { dryRun, repeated }: MigrationOptions,
): Promise<MigrationResult> {
  const refused = dryRun === "server" ? await rehearseRestarts(cluster, plan) : [];
  return stops(refused) ? refusedResult(plan, [...findings, ...refused]) : plannedResult(plan, findings, repeated);
}

async function carriedOut(
  cluster: Cluster,
  plan: MigrationPlan,
  prepared: Prepared,
  stop: ReturnType<typeof createStop>,
  options: MigrationOptions,
): Promise<MigrationResult> {
  const progress = await options.openProgress();
  const { findings } = prepared;
  const tools = openTools(cluster, watched(plan), stop, {
    ...options,
    runId: randomBytes(6).toString("hex"),
    oldRevisions: plan.oldRevisions,
    progress,
  });
  const resultNow = (interruptedCode: ExitCode | undefined): MigrationResult => {
    const end = {
      outcomes: tools.journal.outcomes(),
      failure: tools.journal.failure(),
      interruptedCode,
      timedOut: stop.now.aborted && !stop.interrupted(),
    };
    return migrationResult(plan, end, findings, options.repeated);
  };
  options.whenStopped(() => halfDone(resultNow(exit.interrupted)));
  // A signal or a timeout while the progress is closed comes after the run, so it does not change the result.
  const result = await runPlan(plan, machineOf(plan, options), tools)
    .then(() => resultNow(stop.interrupted() ? (options.interruptedCode() ?? exit.interrupted) : undefined))
    .finally(() => tools.events.close())
    .finally(() => progress.close());
  options.whenStopped(undefined);
  if (writesAnything(plan) || result.state === "interrupted") return result;
  const open = proveSteps(plan).flatMap((step) => unprovenFinding(step, tools.journal.outcome(stepKey(step))));
  return open.length === 0 ? nothingToDo(plan, prepared) : refusedResult(plan, [...findings, ...open]);
}

const machineOf = (plan: MigrationPlan, options: MigrationOptions): Machine => ({
  actionsOf,
  gate: (stage, tools) => lastLook(stage, plan, options, tools),
  undo: (lane, tools) => putBack(lane, options, tools),
});

/** A rollback that a signal stopped is reported with the command that continues it. */
async function putBack(lane: Lane, { repeated }: MigrationOptions, tools: Tools): Promise<string | undefined> {
  const stopped = (why: string): string =>
    `putting back stopped: ${why}; go on with ${rollbackCommand([lane.namespace], repeated.clusterFlags)}`;
  try {
    const missing = await undoLane(lane, { actionsOf, undo: async () => undefined }, tools);
    return missing !== undefined && tools.stop.interrupted() ? stopped(missing) : missing;
  } catch (error) {
    if (!(error instanceof ClusterError) || !tools.stop.interrupted()) throw error;
    return stopped(error.message);
  }
}

/** Pods that another revision injected during the run are not moved by this run: the next one moves them. */
async function lastLook(
  stage: Stage,
  plan: MigrationPlan,
  { repeated, istioNamespace }: MigrationOptions,
  tools: Tools,
): Promise<readonly Lane[] | undefined> {
  const { journal, cluster, stop } = tools;
  if (journal.failure()) return stage.lanes;
  const known = new Set([...restartSteps(plan), ...proveSteps(plan)].map(stepKey));
  try {
    for (const { object, reason } of await notMovedSince(cluster, plan, repeated.request, istioNamespace)) {
      journal.note(refText(object), { state: known.has(refText(object)) ? "failed" : "not-begun", reason });
      await noteFailure(tools, object, reason);
    }
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    const reason = `whether anything else came up there meanwhile is not known: ${error.message}`;
    if (!stop.interrupted()) await noteFailure(tools, namespaceRef(stage.lanes[0]?.namespace ?? ""), reason);
    return undefined;
  }
  return stage.lanes;
}

const halfDone = ({ goOn, goBack }: MigrationResult): string =>
  [`to go on:\n  ${goOn}`, ...(goBack ? [`to go back:\n  ${goBack}`] : [])].join("\n");

/** The workloads whose kinds are watched: all that may have pods on the target when the run ends. */
const watched = (plan: MigrationPlan) => [
  ...restartSteps(plan).map(({ workload }) => workload),
  ...plan.already,
  ...plan.empty,
  ...plan.left.map(({ object }) => object),
];

/** The labels have the target already: the namespaces are shown as they are. */
const nothingToDo = (plan: MigrationPlan, { mesh, findings }: { mesh: Mesh; findings: readonly Finding[] }) => {
  const { revision } = plan.target;
  const namespaces = mesh.namespaces
    .filter(({ name }) => plan.namespaces.includes(name))
    .map(({ name, labels: all }): MigratedNamespace => {
      const labels = revisionLabelsOf(all);
      return { name, from: revision, to: revision, before: labels, after: labels, labels: "kept" };
    });
  return nothingToDoResult(plan, findings, namespaces);
};

const unprovenFinding = (
  { workload, to }: ProveStep,
  { state, reason = "not waited for to the end" }: StepOutcome,
): readonly Finding[] =>
  state === "proven"
    ? []
    : [
        observe(
          alreadyProven,
          cannotTell(
            refText(workload),
            `its pods are injected by ${to}, and not all are proven to have arrived: ${reason}`,
            "run the command again in a minute; 'kubectl mesh-revisions' shows where its proxies are",
          ),
        ),
      ];
