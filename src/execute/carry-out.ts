/** Runs the plan of a plugin from the first step to its result, with progress, signals and a time limit. */
import type { Clock } from "../cluster/clock.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { ClusterError } from "../cluster/cluster-error.ts";
import { type ExitCode, exit } from "../mesh/exit-codes.ts";
import { namespaceRef, refText } from "../mesh/object-ref.ts";
import type { RunEnd } from "../upgrade/migration-result.ts";
import type { NotMoved } from "../upgrade/plan/not-moved.ts";
import { type Lane, type MovePlan, proveSteps, restartSteps, type Stage } from "../upgrade/plan/plan.ts";
import { stepKey } from "../upgrade/plan/step.ts";
import { noteFailure } from "./failure.ts";
import { giveBackAll } from "./give-back-all.ts";
import type { Progress } from "./progress.ts";
import { type Machine, runPlan } from "./run-plan.ts";
import type { RunLedger } from "./state/ledger.ts";
import { readingLedger } from "./state/locked-run.ts";
import type { Stop } from "./stop.ts";
import { openTools, type Timeouts, type Tools, type Watched } from "./tools.ts";

export interface CarryOutOptions {
  readonly istioNamespace: string;
  readonly timeouts: Timeouts;
  /** Pods in flight at once. */
  readonly parallel: number;
  /** Opened when there is something to be reported. */
  readonly openProgress: () => Promise<Progress>;
  readonly warn: (text: string) => void;
  /** Who runs it: USER@HOST. */
  readonly by: string;
  /** The field manager of the writes. */
  readonly fieldManager: string;
  /** Exit code of the signal, once interrupted. */
  readonly interruptedCode: () => ExitCode | undefined;
  /** Set while something is half done: what to say if the process ends at once. */
  readonly whenStopped: (halfDone: (() => string) | undefined) => void;
  readonly clock: Clock;
}

interface Commands {
  readonly goOn: string | undefined;
  readonly goBack: string | undefined;
}

interface CarriedOut<R> {
  readonly machine: Machine;
  /** `forward`: a migration · `back`: a rollback. */
  readonly direction: "forward" | "back";
  /** Undefined: nothing may be written. */
  readonly ledger: RunLedger | undefined;
  readonly resultOf: (end: RunEnd) => R;
}

/** `resultOf` reads the result from how the run ended, also in the middle of it. */
export async function carryOut<R extends Commands>(
  cluster: Cluster,
  plan: MovePlan,
  stop: Stop,
  options: CarryOutOptions,
  { machine, ledger, direction, resultOf }: CarriedOut<R>,
): Promise<{ readonly result: R; readonly outcomes: RunEnd["outcomes"] }> {
  const progress = await options.openProgress();
  const tools = openTools(cluster, watched(plan), stop, {
    ...options,
    ledger: ledger ?? readingLedger,
    direction,
    oldRevisions: plan.oldRevisions,
    proof: plan.proof,
    progress,
  });
  const resultNow = (interruptedCode: ExitCode | undefined): R =>
    resultOf({
      outcomes: tools.journal.outcomes(),
      failure: tools.journal.failure(),
      interruptedCode,
      timedOut: stop.now.aborted && !stop.interrupted(),
    });
  options.whenStopped(() => halfDone(resultNow(exit.interrupted)));
  let result: R;
  try {
    try {
      await runPlan(plan, machine, tools);
    } finally {
      for (const text of ledger ? await giveBackAll(plan, tools) : []) options.warn(text);
    }
    // A signal or a timeout while the progress is closed comes after the run, so it does not change the result.
    result = resultNow(stop.interrupted() ? (options.interruptedCode() ?? exit.interrupted) : undefined);
  } finally {
    await progress.close();
    // Side by side, because a signal leaves ten seconds for everything.
    await Promise.all([tools.events.close(), ledger?.close()]);
  }
  options.whenStopped(undefined);
  return { result, outcomes: tools.journal.outcomes() };
}

const halfDone = ({ goOn, goBack }: Commands): string =>
  [`to go on:\n  ${goOn}`, ...(goBack ? [`to go back:\n  ${goBack}`] : [])].join("\n");

/** The workloads whose kinds are watched: all that may have pods on the target when the run ends. */
const watched = (plan: MovePlan): readonly Watched[] => [
  ...[...restartSteps(plan), ...proveSteps(plan)].map(({ workload, way }) => ({ ...workload, ...(way && { way }) })),
  ...plan.already,
  ...plan.empty,
  ...plan.left.map(({ object }) => object),
];

/**
 * The gate before records are closed: pods that another revision injected during the run are not moved by this run, the
 * next one moves them. What has failed already keeps its own reason. `look` reads the namespaces once more; where it
 * fails the stage is left out.
 */
export async function lastLook(
  stage: Stage,
  plan: MovePlan,
  tools: Tools,
  look: () => Promise<readonly NotMoved[]>,
): Promise<readonly Lane[] | undefined> {
  const { journal, stop } = tools;
  const known = new Set([...restartSteps(plan), ...proveSteps(plan)].map(stepKey));
  try {
    for (const { object, reason } of await look()) {
      const key = refText(object);
      if (known.has(key) && journal.outcome(key).state !== "proven") continue;
      journal.note(key, { state: known.has(key) ? "failed" : "not-begun", reason });
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
