/** One rollback from request to result: gather, refuse or show or run the plan. */
import type { Cluster } from "../../cluster/cluster.ts";
import { someOf, type Where } from "../../gather/list-kind.ts";
import { wholeSnapshot } from "../../gather/whole-snapshot.ts";
import { isObstacle } from "../../mesh/finding.ts";
import { ownersWith } from "../../upgrade/owners/known-owners.ts";
import { namespaceMoves } from "../../upgrade/plan/namespace-move.ts";
import { type NotMoved, notMoved } from "../../upgrade/plan/not-moved.ts";
import { type Lane, restartSteps } from "../../upgrade/plan/plan.ts";
import { labelsKey } from "../../upgrade/plan/step.ts";
import type { NamespacesRollbackPlan } from "../../upgrade/rollback/plan-rollback.ts";
import { type RollbackFacts, targetOf, wayBack } from "../../upgrade/rollback/rollback-facts.ts";
import {
  nothingToPutBack,
  plannedRollback,
  type RepeatedRollback,
  type RollbackResult,
  refusedRollback,
  rollbackResult,
} from "../../upgrade/rollback/rollback-result.ts";
import { type CarryOutOptions, carryOut, lastLook } from "../carry-out.ts";
import type { Machine } from "../run-plan.ts";
import { openLedger } from "../state/ledger.ts";
import type { Lock } from "../state/lock.ts";
import { lockedRun, newRunId } from "../state/locked-run.ts";
import { actionsOf } from "../steps/actions.ts";
import { rehearseRestarts } from "../steps/rehearse.ts";
import { createStop } from "../stop.ts";
import type { Tools } from "../tools.ts";
import { type PreparedRollback, type PrepareRollbackOptions, prepareRollback } from "./gather-rollback.ts";

export interface RollbackOptions extends CarryOutOptions, PrepareRollbackOptions {
  readonly dryRun: "none" | "client" | "server";
  /** Aborted when a person or the system wants the run to stop. */
  readonly interrupted: AbortSignal;
  readonly repeated: RepeatedRollback;
}

export interface Rollback {
  readonly result: RollbackResult;
  /** A dry run shows it. */
  readonly plan: NamespacesRollbackPlan;
}

/** Throws `ClusterError` while nothing has been written; after the first write every failure is in the result. */
export async function rollbackNamespaces(cluster: Cluster, options: RollbackOptions): Promise<Rollback> {
  const { dryRun, repeated } = options;
  const stop = createStop(options.interrupted, options.timeouts.overall, options.clock);
  const bounded = cluster.until(stop.requests);
  const first = await prepareRollback(bounded, repeated.request, options);
  const { facts, plan, findings } = first;
  const ended = endedBefore(first);
  if (ended) return ended;
  if (dryRun !== "none") {
    const refused = dryRun === "server" ? await rehearseRestarts(bounded, restartSteps(plan)) : [];
    const all = [...findings, ...refused];
    return {
      plan,
      result: refused.some(isObstacle)
        ? refusedRollback(facts, plan, all)
        : plannedRollback(facts, plan, all, repeated),
    };
  }
  const request = { ...options, run: newRunId(), verb: "rollback", signal: stop.now, requests: stop.requests };
  return lockedRun<PreparedRollback, Rollback>(cluster, first, request, {
    prepare: () => prepareRollback(bounded, repeated.request, { ...options, announce: () => {} }),
    namespacesOf: ({ drafts }) => [...drafts.keys()],
    run: (again, lock) => carriedOut(cluster, again, stop, options, { lock, run: request.run }),
    refuse: (finding) => ({ plan, result: refusedRollback(facts, plan, [...findings, finding]) }),
  });
}

/** Where nothing has to be written, or may not be. */
function endedBefore({ facts, plan, findings }: PreparedRollback): Rollback | undefined {
  if (findings.some(isObstacle)) return { plan, result: refusedRollback(facts, plan, findings) };
  if (plan.stages.length === 0) return { plan, result: nothingToPutBack(facts, plan, findings) };
  return undefined;
}

async function carriedOut(
  cluster: Cluster,
  prepared: PreparedRollback,
  stop: ReturnType<typeof createStop>,
  options: RollbackOptions,
  locked: { readonly lock: Lock; readonly run: string },
): Promise<Rollback> {
  const { facts, plan, findings, drafts, journals } = prepared;
  const ended = endedBefore(prepared);
  if (ended) return ended;
  if (!journals) throw new Error("a rollback without journals was not refused");
  const { result } = await carryOut(cluster, plan, stop, options, {
    machine: machineOf(prepared, options),
    direction: "back",
    ledger: openLedger(cluster, { ...options, ...locked, journals, drafts, signal: stop.now }),
    resultOf: (end) => rollbackResult(facts, plan, end, findings, options.repeated),
  });
  return { plan, result };
}

const machineOf = ({ facts, plan, where }: PreparedRollback, { istioNamespace }: RollbackOptions): Machine => ({
  actionsOf,
  gate: async (stage, tools) => {
    const lanes = stage.lanes.filter(({ namespace }) => hasLabelsBack(namespace, tools));
    if (stage.gate !== "last-look" || lanes.length === 0) return lanes;
    return lastLook({ ...stage, lanes }, plan, tools, () => notBackYet(lanes, facts, where, istioNamespace, tools));
  },
  undo: async () => undefined,
});

/** No pod is replaced, and no record removed, before the namespace is proven to have its labels back. */
const hasLabelsBack = (namespace: string, { journal }: Tools): boolean =>
  journal.outcome(labelsKey(namespace)).state === "proven";

/**
 * What of these namespaces came up on another revision all the same. Throws `ClusterError`, also where a part could not
 * be read.
 */
async function notBackYet(
  lanes: readonly Lane[],
  { returns, request: { leave, endsByItself, owners } }: RollbackFacts,
  where: Where,
  istioNamespace: string,
  { cluster }: Tools,
): Promise<readonly NotMoved[]> {
  const namespaces = lanes.map(({ namespace }) => namespace);
  const mesh = await wholeSnapshot(cluster, someOf(where, namespaces), istioNamespace, ownersWith(owners));
  const moves = returns
    .filter(({ move }) => namespaces.includes(move.namespace.name))
    .flatMap(({ move, back }) => {
      const moving = { mesh, target: targetOf(back), leave, endsByItself, selected: undefined };
      return namespaceMoves(moving, [move.namespace.name], () => wayBack(back));
    });
  return notMoved(moves);
}
