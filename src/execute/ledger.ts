/**
 * What makes a run safe against being killed and against other operators: before every write the lock is held and the
 * intent is in the cluster, and after it what came of it is written too.
 */
import type { StepOutcome } from "../upgrade/plan/outcome.ts";
import type { Step } from "../upgrade/plan/step.ts";

export interface Ledger {
  /**
   * Before every write. `current`: the lock is held and the intent is durable · `stale`: the same, but this machine was
   * away for a while, so what the write was decided on has to be read again. Throws `ClusterError`: then nothing may be
   * written.
   */
  begin(step: Step): Promise<"current" | "stale">;
  /** What came of a step. It is written soon, together with what else came of others meanwhile. */
  record(step: Step, outcome: StepOutcome): void;
  /** Run id and restart stamp of the namespace's run. Throws an `Error` before the first `begin` in it: a bug. */
  runOf(namespace: string): { readonly run: string; readonly stamp: string };
  /** The ledger of a lane's way back: what it proves is undone. */
  forUndo(): Ledger;
}
