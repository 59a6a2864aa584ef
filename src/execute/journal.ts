/** What a run has begun and what came of it, step by step: intent first, act second. Kept in memory. */
import { notBegun, type Outcomes, outcomeOf, type StepOutcome } from "../upgrade/plan/outcome.ts";
import type { Failure } from "../upgrade/result.ts";

export interface Journal {
  /** By the key of the step. */
  outcomes(): Outcomes;
  outcome(key: string): StepOutcome;
  note(key: string, change: Partial<StepOutcome>): void;
  /** The first thing that went wrong. */
  failure(): Failure | undefined;
  setFailure(failure: Failure): void;
}

export function createJournal(): Journal {
  const outcomes = new Map<string, StepOutcome>();
  let failure: Failure | undefined;
  return {
    outcomes: () => outcomes,
    outcome: (key) => outcomeOf(outcomes, key),
    note: (key, change) => {
      outcomes.set(key, { ...(outcomes.get(key) ?? notBegun), ...change });
    },
    failure: () => failure,
    setFailure: (first) => {
      failure = first;
    },
  };
}
