/**
 * Runs a plan as it is printed: its stages one after the other, lanes side by side, the steps of a lane in their order.
 * Every write passes `begin`, where its intent is recorded first.
 */
import { unlessAborted } from "../cluster/clock.ts";
import { ClusterError } from "../cluster/cluster-error.ts";
import { isWritten, type StepOutcome } from "../upgrade/plan/outcome.ts";
import { type Lane, type Plan, type Stage, stepsOfLane } from "../upgrade/plan/plan.ts";
import { objectOf, type Step, stepKey } from "../upgrade/plan/step.ts";
import type { Diagnosis } from "../upgrade/proof/symptom.ts";
import { createBudget } from "./budget.ts";
import { noteFailure } from "./failure.ts";
import type { Tools } from "./tools.ts";

/** How one kind of step is carried out. `A` is what its write hands on to its proof. */
export interface StepActions<S extends Step, A> {
  /** Pods in flight while it is under way. */
  readonly podsInFlight: (step: S) => number;
  /** The last look before the write. `skip`: nothing to do. Throws `ClusterError` where the step may not begin. */
  readonly guard: (step: S, tools: Tools) => Promise<"go" | "skip">;
  /**
   * The restart stamp that the write will have, where it is neither the run's nor the plan's: it belongs to the intent,
   * so that a write that is repeated after a kill is the same rollout. Throws `ClusterError`.
   */
  readonly ownStamp?: (step: S, tools: Tools) => Promise<string | undefined>;
  /**
   * The write, idempotent. `ownStamp`: the one in the intent. Throws `ClusterError`, `ambiguous` where it may have been
   * done all the same.
   */
  readonly apply: (step: S, tools: Tools, ownStamp: string | undefined) => Promise<A>;
  /**
   * Waits for the proof. `release` gives back the pods in flight before the end of the wait, once there are none any more.
   * Throws the reason of `tools.stop.now` when that aborts.
   */
  readonly prove: (step: S, applied: A, until: Stage["until"], tools: Tools, release: () => void) => Promise<Proof>;
}

/** `draining`: nothing is wrong, and the end is not waited for: old pods may take hours to end. */
export interface Proof {
  readonly state: "proven" | "draining" | "failed" | "unproven";
  readonly reason: string | undefined;
  readonly diagnosis?: Diagnosis | undefined;
}

/** What `runPlan` is made of, so that tests can script it. */
export interface Machine {
  // biome-ignore lint/suspicious/noExplicitAny: what a kind of step hands on is its own affair
  readonly actionsOf: (step: Step) => StepActions<any, any>;
  /** A look at the cluster before a stage. Gives the lanes to run, or undefined: the stage has failed and is left out. */
  readonly gate: (stage: Stage, tools: Tools) => Promise<readonly Lane[] | undefined>;
  /** Puts back what a lane wrote. Gives what could not be put back, in words. Throws `ClusterError`. */
  readonly undo: (lane: Lane, tools: Tools) => Promise<string | undefined>;
}

type StepEnd = "done" | "failed" | "stopped";

/** A restart whose first pod is proven; a later stage waits for its other pods. */
interface Begun {
  readonly applied: unknown;
  readonly release: () => void;
}

/**
 * What came of each step is in `tools.journal`, the first failure too. Rejects only for a fault of ours: the journal
 * then says what was begun.
 */
export async function runPlan(plan: Plan, machine: Machine, tools: Tools): Promise<void> {
  const { stop, budget, journal, ledger } = tools;
  const begun = new Map<Step, Begun>();

  async function runStage(stage: Stage): Promise<void> {
    const lanes = stage.gate ? await machine.gate(stage, tools) : stage.lanes;
    const turns = createBudget(stage.sideBySide);
    const running = (lanes ?? []).map(async (lane) => {
      const release = await turns.acquire(1, signalFor(stage)).catch(() => undefined);
      if (release) await runLane(lane, stage).finally(release);
    });
    await Promise.all(running);
  }

  const signalFor = (stage: Stage): AbortSignal => (stage.evenAfterFailure ? stop.now : stop.nothingNew);

  async function runLane(lane: Lane, stage: Stage): Promise<void> {
    let hasLed = false;
    for (const [at, step] of lane.steps.entries()) {
      const later = new Set(lane.steps.slice(at + 1).flat());
      const leads = [step].flat().some((each) => later.has(each));
      const until = leads ? "first-pod" : stage.until;
      const ends = await Promise.all([step].flat().map((each) => runStep(each, { ...stage, until })));
      if (ends.every((end) => end === "done")) {
        hasLed ||= leads;
        continue;
      }
      if (ends.includes("failed") || lane.onFailure === "undo") await undoLane(lane, leads, hasLed);
      return;
    }
  }

  /** Ends when the step is proven as far as the stage asks, or will not be. */
  async function runStep(step: Step, stage: Stage): Promise<StepEnd> {
    const actions = machine.actionsOf(step);
    const earlier = begun.get(step);
    let { applied, release } = earlier ?? { applied: undefined, release: () => {} };
    let written = earlier !== undefined;
    let sent = written;
    begun.delete(step);
    try {
      if (!earlier) {
        const pods = actions.podsInFlight(step);
        if (pods > 0) release = await budget.acquire(pods, signalFor(stage));
        signalFor(stage).throwIfAborted();
        let ownStamp: string | undefined;
        do {
          if ((await actions.guard(step, tools)) === "skip") return "done";
          ownStamp = await actions.ownStamp?.(step, tools);
          signalFor(stage).throwIfAborted();
        } while ((await begin(step, ownStamp)) === "stale");
        signalFor(stage).throwIfAborted();
        sent = true;
        applied = await actions.apply(step, tools, ownStamp);
        written = true;
      }
      const { state, reason, diagnosis } = await actions.prove(step, applied, stage.until, tools, () => release());
      if (state === "proven" && stage.until === "first-pod" && step.kind === "restart") {
        begun.set(step, { applied, release });
        return "done";
      }
      note(step, { state, reason });
      if (state === "proven" || state === "draining") return "done";
      if (step.kind === "prove") {
        // Nothing was written for it: it keeps the result from being done, and no other step from being run.
        await noteFailure(tools, step.workload, reason ?? "not proven", diagnosis);
        return "done";
      }
      return await failed(step, reason ?? "not proven", diagnosis);
    } catch (error) {
      return await endedBy(step, error, { sent, written });
    } finally {
      if (!begun.has(step)) {
        release();
        tools.events.tell(step, journal.outcome(stepKey(step)));
      }
    }
  }

  /** Every write begins here: the lock is held, and the intent is in the cluster. Throws `ClusterError`. */
  async function begin(step: Step, ownStamp: string | undefined): Promise<"current" | "stale"> {
    const seen = step.kind === "prove" ? "current" : await unlessAborted(ledger.begin(step, ownStamp), stop.requests);
    if (seen === undefined)
      throw new ClusterError("ended before the write", { reason: "timeout", cause: stop.requests.reason });
    journal.note(stepKey(step), { state: "begun", reason: step.kind === "restart" ? "restart begun" : undefined });
    return seen;
  }

  /** What came of a step, here and in the cluster. */
  function note(step: Step, change: Partial<StepOutcome>): void {
    journal.note(stepKey(step), change);
    ledger.record(step, journal.outcome(stepKey(step)));
  }

  /**
   * After an ambiguous write assume it happened; after a refused one nothing was written, and neither where the run was
   * stopped between the intent and the write.
   */
  async function endedBy(
    step: Step,
    error: unknown,
    { sent, written }: { readonly sent: boolean; readonly written: boolean },
  ): Promise<StepEnd> {
    const ofCluster = error instanceof ClusterError;
    const isRefused = !written && ofCluster && !error.ambiguous;
    if (isRefused || !sent) note(step, { state: "not-begun", reason: undefined });
    const isBegun = isWritten(journal.outcome(stepKey(step)));
    if (stop.now.aborted) {
      if (isBegun) note(step, { state: "unproven", reason: unfinished(step) });
      return isBegun ? "failed" : "stopped";
    }
    if (stop.nothingNew.aborted && error === stop.nothingNew.reason) return "stopped";
    if (!ofCluster) throw error;
    note(step, { state: isBegun ? "failed" : "not-begun", reason: error.message });
    return failed(step, error.message);
  }

  async function failed(step: Step, reason: string, diagnosis?: Diagnosis): Promise<"failed"> {
    stop.fail(new Error(`${stepKey(step)}: ${reason}`));
    await noteFailure(tools, objectOf(step), reason, diagnosis);
    return "failed";
  }

  /** `leads`: what failed is the restart that goes alone; `hasLed`: its first pod was proven before. */
  async function undoLane(lane: Lane, leads: boolean, hasLed: boolean): Promise<void> {
    const written = stepsOfLane(lane).filter((step) => isWritten(journal.outcome(stepKey(step))));
    const restarted = written.some(({ kind }) => kind === "restart");
    if (
      stop.interrupted() ||
      written.length === 0 ||
      lane.onFailure === "stop" ||
      (lane.onFailure === "undo-first" && (hasLed || (restarted && !leads)))
    )
      return;
    const task = tools.sectionOf(lane.namespace).task(`namespace/${lane.namespace}`, "putting everything back");
    try {
      const missing = await machine.undo(lane, tools);
      if (missing === undefined) {
        ledger.restored(lane.namespace);
        return task.done("as it was before");
      }
      task.fail(missing);
      tools.warn(missing);
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      task.fail(error.message);
      tools.warn(`not everything could be put back: ${error.message}`);
    }
  }

  for (const stage of plan.stages) {
    if (stop.now.aborted || (stop.failed() && !stage.evenAfterFailure)) continue;
    await runStage(stage);
  }
  for (const [step, { release }] of begun) {
    release();
    note(step, { state: "unproven", reason: unfinished(step) });
    tools.events.tell(step, journal.outcome(stepKey(step)));
  }
}

const unfinished = ({ kind }: Step): string | undefined =>
  kind === "relabel" || kind === "move-tag"
    ? undefined
    : `not waited for to the end${kind === "restart" ? ": its rollout goes on" : ""}`;
