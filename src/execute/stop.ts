/**
 * What ends a run before its plan is complete, and what each cause ends. docs/stopping.md has the same in words.
 *
 *  cause             | requests         | waits for a proof | new steps | rollback of a lane
 *  first signal      | end within 5 s   | end at once       | none      | does not start; one that has started gets 3 s
 *  --timeout is over | end at once      | end at once       | none      | as `onFailure` says, with a time of its own
 *  a step failed     | continue         | continue          | none      | as `onFailure` of the lane says
 *  signal in a       | end within 5 s   | end after 3 s     | for 3 s   | stops between two steps, and is told
 *   rollback         |                  |                   |           |
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
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  readonly interrupted: () => boolean;
  readonly failed: () => boolean;
}

/** A request that was sent when a signal comes gets this long (ms): then it is known whether a write was done. */
const lastWriteMs = 5_000;

/** A rollback that a signal meets continues for so long (ms): enough for the labels and for what is nearly done. */
const undoMs = 3_000;

/** `interrupted` aborts at the first signal. `timeoutMs` counts from now. */
export const createStop = (interrupted: AbortSignal, timeoutMs: number, clock: Clock): Stop =>
  stopOf(interrupted, timeoutMs, lastWriteMs, clock);

/** `requestsMs`: how long after `interrupted` the requests end. */
function stopOf(interrupted: AbortSignal, timeoutMs: number, requestsMs: number, clock: Clock): Stop {
  const time = clock.timeout(timeoutMs);
  const now = AbortSignal.any([interrupted, time]);
  const afterSignal = new AbortController();
  whenAborted(interrupted, () => clock.after(requestsMs, () => afterSignal.abort(interrupted.reason)));
  const failure = new AbortController();
  return {
    now,
    requests: AbortSignal.any([time, afterSignal.signal]),
    nothingNew: AbortSignal.any([now, failure.signal]),
    fail: (reason) => failure.abort(reason),
    signal: interrupted,
    interrupted: () => interrupted.aborted,
    failed: () => failure.signal.aborted,
  };
}

/**
 * Of a rollback that the run does itself. It has a time of its own, and continues for three seconds after a signal: most
 * rollbacks have written everything by then. What is left stops between two steps, so that the program ends in time.
 */
export function createUndoStop(interrupted: AbortSignal, timeoutMs: number, clock: Clock): Stop {
  const late = new AbortController();
  whenAborted(interrupted, () => clock.after(undoMs, () => late.abort(interrupted.reason)));
  return stopOf(late.signal, timeoutMs, lastWriteMs - undoMs, clock);
}

function whenAborted(signal: AbortSignal, run: () => void): void {
  if (signal.aborted) run();
  else signal.addEventListener("abort", run, { once: true });
}
