/**
 * What ends a run before its plan is complete, and what each cause ends. docs/stopping.md has the same in words.
 *
 *  cause             | requests         | waits for a proof | new steps | rollback of a lane
 *  first signal      | end within 5 s   | end at once       | none      | does not start; one that has started continues
 *  --timeout is over | end at once      | end at once       | none      | as `onFailure` says, with a time of its own
 *  a step failed     | continue         | continue          | none      | as `onFailure` of the lane says
 *  second signal     | the process ends at once, after it printed what is half done (src/cli/io.ts)
 */
import type { Clock } from "../cluster/clock.ts";

export interface Stop {
  /** Ends every wait: a signal came, or the time is over. */
  readonly now: AbortSignal;
  /** Ends every request: the time is over, or a signal came five seconds ago. */
  readonly requests: AbortSignal;
  /** No step may begin any more: also after a failure. */
  readonly nothingNew: AbortSignal;
  /** A step has failed. */
  fail(reason: Error): void;
  readonly interrupted: () => boolean;
  readonly failed: () => boolean;
}

/** A request that was sent when a signal comes gets this long (ms): then it is known whether a write was done. */
const lastWriteMs = 5_000;

/** `interrupted` aborts at the first signal. `timeoutMs` counts from now. */
export function createStop(interrupted: AbortSignal, timeoutMs: number, clock: Clock): Stop {
  const time = clock.timeout(timeoutMs);
  const now = AbortSignal.any([interrupted, time]);
  const afterSignal = new AbortController();
  const endRequestsSoon = (): void => void clock.after(lastWriteMs, () => afterSignal.abort(interrupted.reason));
  if (interrupted.aborted) endRequestsSoon();
  else interrupted.addEventListener("abort", endRequestsSoon, { once: true });
  const failure = new AbortController();
  return {
    now,
    requests: AbortSignal.any([time, afterSignal.signal]),
    nothingNew: AbortSignal.any([now, failure.signal]),
    fail: (reason) => failure.abort(reason),
    interrupted: () => interrupted.aborted,
    failed: () => failure.signal.aborted,
  };
}

/** A rollback ignores signals: to stop it would leave pods on both revisions. It has a time of its own. */
export const createUndoStop = (timeoutMs: number, clock: Clock): Stop =>
  createStop(new AbortController().signal, timeoutMs, clock);
