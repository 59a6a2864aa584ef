/** One migration from request to result: gather, refuse or show or run the plan. */

import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { compareSidecars } from "../../gather/trial/compare-sidecars.ts";
import { type Finding, isObstacle } from "../../mesh/finding.ts";
import type { Mesh } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import { revisionLabelsOf } from "../../mesh/revision-labels.ts";
import { cannotTell, observe } from "../../upgrade/checks/check.ts";
import { alreadyProven } from "../../upgrade/checks/single-checks.ts";
import { goBackCommand } from "../../upgrade/commands.ts";
import { trustsBoth } from "../../upgrade/evidence/trust-domains.ts";
import {
  failedBeforeCanary,
  migrationResult,
  nothingToDoResult,
  plannedResult,
  type RepeatedCommand,
  refusedResult,
} from "../../upgrade/migration-result.ts";
import { outcomeOf, type StepOutcome } from "../../upgrade/plan/outcome.ts";
import {
  type Lane,
  type MigrationPlan,
  proveSteps,
  relabelSteps,
  restartSteps,
  writesAnything,
} from "../../upgrade/plan/plan.ts";
import { type ProveStep, stepKey } from "../../upgrade/plan/step.ts";
import type { MigratedNamespace, MigrationResult } from "../../upgrade/result.ts";
import { comparedWorkloads } from "../../upgrade/trial/compared-workloads.ts";
import { comparisonFindings } from "../../upgrade/trial/sidecar-comparison.ts";
import { type CarryOutOptions, carryOut, lastLook } from "../carry-out.ts";
import { undoLane } from "../rollback/undo-lane.ts";
import type { Machine } from "../run-plan.ts";
import { openLedger } from "../state/ledger.ts";
import type { Lock } from "../state/lock.ts";
import { lockedRun, newRunId } from "../state/locked-run.ts";
import { actionsOf } from "../steps/actions.ts";
import { rehearseRestarts } from "../steps/rehearse.ts";
import { createStop } from "../stop.ts";
import type { Tools } from "../tools.ts";
import { type Prepared, prepare } from "./gather-and-plan.ts";
import { notMovedSince } from "./not-moved-since.ts";
import { rollbackAfter } from "./rollback-after.ts";

export interface MigrationOptions extends CarryOutOptions {
  readonly dryRun: "none" | "client" | "server";
  readonly parallelNamespaces: number;
  /** Aborted when a person or the system wants the run to stop. */
  readonly interrupted: AbortSignal;
  /** What becomes of everything that was moved when a step fails after the canary. */
  readonly onFailure: "stop" | "rollback";
  readonly repeated: RepeatedCommand;
}

/** `plan` where there was one: a dry run shows it. */
export interface Migration {
  readonly result: MigrationResult;
  readonly plan: MigrationPlan | undefined;
  /** A tag was moved, and its canary was never proven: the run is put back as a whole. */
  readonly failedBeforeCanary?: boolean;
}

/** Throws `ClusterError` while nothing has been written; after the first write every failure is in the result. */
export async function migrateNamespaces(cluster: Cluster, options: MigrationOptions): Promise<Migration> {
  const stop = createStop(options.interrupted, options.timeouts.overall, options.clock);
  const bounded = cluster.until(stop.requests);
  const prepared = await prepare(bounded, options.repeated.request, options);
  const { plan, findings } = prepared;
  if (!plan || findings.some(isObstacle)) return { plan, result: refusedResult(plan, findings) };
  if (options.dryRun !== "none") return { plan, result: await shown(bounded, plan, prepared, options) };
  if (!writesAnything(plan)) return carriedOut(cluster, prepared, stop, options);
  const request = { ...options, run: newRunId(), verb: "migrate", signal: stop.now, requests: stop.requests };
  const migration = await lockedRun<Prepared, Migration>(cluster, prepared, request, {
    prepare: () => prepare(bounded, options.repeated.request, options),
    namespacesOf: ({ drafts }) => [...drafts.keys()],
    run: (again, lock) => carriedOut(cluster, again, stop, options, { lock, run: request.run }),
    refuse: (finding) => ({ plan, result: refusedResult(plan, [...findings, finding]) }),
  });
  if (options.onFailure === "stop" && !migration.failedBeforeCanary) return migration;
  return { ...migration, result: await rollbackAfter(cluster, migration.result, options) };
}

async function shown(
  cluster: Cluster,
  plan: MigrationPlan,
  { findings, mesh, evidence }: Prepared,
  { dryRun, repeated }: MigrationOptions,
): Promise<MigrationResult> {
  if (dryRun !== "server") return plannedResult(plan, findings, repeated);
  const asked = comparedWorkloads(
    mesh,
    relabelSteps(plan).map(({ namespace }) => namespace),
    plan.target,
  );
  const [refused, sidecars] = await Promise.all([
    rehearseRestarts(cluster, restartSteps(plan)),
    compareSidecars(cluster, mesh, asked),
  ]);
  const accepted = repeated.request.skipCheck;
  const ofSidecars = sidecars.flatMap((each) =>
    comparisonFindings(each, {
      accepted,
      trustsBoth: evidence !== undefined && trustsBoth(evidence, each.from, each.to),
    }),
  );
  const all = [...findings, ...refused, ...ofSidecars];
  const result = all.some(isObstacle) ? refusedResult(plan, all) : plannedResult(plan, all, repeated);
  return { ...result, sidecars };
}

/** Carries out what was prepared. Without a lock nothing may be written. */
async function carriedOut(
  cluster: Cluster,
  prepared: Prepared,
  stop: ReturnType<typeof createStop>,
  options: MigrationOptions,
  locked?: { readonly lock: Lock; readonly run: string },
): Promise<Migration> {
  const { plan, findings, drafts, journals } = prepared;
  if (!plan || findings.some(isObstacle)) return { plan, result: refusedResult(plan, findings) };
  if (plan.stages.length === 0) return { plan, result: nothingToDo(plan, prepared) };
  const ledger =
    locked && journals ? openLedger(cluster, { ...options, ...locked, journals, drafts, signal: stop.now }) : undefined;
  const { result, outcomes } = await carryOut(cluster, plan, stop, options, {
    machine: machineOf(plan, options),
    ledger,
    direction: "forward",
    resultOf: (end) => migrationResult(plan, end, findings, options.repeated),
  });
  if (writesAnything(plan) || result.state === "interrupted")
    return { plan, result, failedBeforeCanary: failedBeforeCanary(plan, outcomes) };
  const open = proveSteps(plan).flatMap((step) => unprovenFinding(step, outcomeOf(outcomes, stepKey(step))));
  const ended = open.length === 0 ? nothingToDo(plan, prepared) : refusedResult(plan, [...findings, ...open]);
  return { plan, result: ended };
}

const machineOf = (plan: MigrationPlan, options: MigrationOptions): Machine => ({
  actionsOf,
  gate: async (stage, tools) =>
    tools.journal.failure()
      ? stage.lanes
      : lastLook(stage, plan, tools, () =>
          notMovedSince(tools.cluster, plan, options.repeated.request, options.istioNamespace),
        ),
  undo: (lane, tools) => putBack(lane, options, tools),
});

/** A rollback that a signal stopped is reported with the command that continues it. */
async function putBack(lane: Lane, { repeated }: MigrationOptions, tools: Tools): Promise<string | undefined> {
  const stopped = (why: string): string =>
    `putting back stopped: ${why}; go on with ${goBackCommand([lane.namespace], repeated.clusterFlags)}`;
  try {
    const missing = await undoLane(lane, { actionsOf, undo: async () => undefined }, tools);
    return missing !== undefined && tools.stop.interrupted() ? stopped(missing) : missing;
  } catch (error) {
    if (!(error instanceof ClusterError) || !tools.stop.interrupted()) throw error;
    return stopped(error.message);
  }
}

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
            state === "draining"
              ? reason
              : `its pods are injected by ${to}, and not all are proven to have arrived: ${reason}`,
            "run the command again in a minute; 'kubectl mesh-revisions' shows where its proxies are",
          ),
        ),
      ];
