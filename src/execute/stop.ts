/**
 * What ends a run before its plan is over, and what each cause ends. docs/stopping.md says it in words.
 *
 *  cause                 | requests at hand       | waits for a proof | new steps | the way back
 *  first signal          | get 5 s to end         | end at once       | none      | is not begun; one that is under way ends itself
 *  --timeout is over     | end at once            | end at once       | none      | of the canary: is begun, with a time of its own
 *  a step failed         | go on                  | go on             | none      | as the plan says for the lane
 *  second signal         | the process ends at once, after saying what is half done (src/cli/io.ts)
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

/** A write that is under way when a signal comes is given this long (ms), so that it is known whether it was done. */
const lastWriteMs = 5_000;

/** `interrupted` aborts at the first signal. `timeoutMs` counts from now. */
export function createStop(interrupted: AbortSignal, timeoutMs: number, clock: Clock): Stop {
  const time = clock.timeout(timeoutMs);
  const now = AbortSignal.any([interrupted, time]);
  const afterSignal = new AbortController();
  interrupted.addEventListener("abort", () => clock.after(lastWriteMs, () => afterSignal.abort(interrupted.reason)), {
    once: true,
  });
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

/** A way back heeds no signal: stopping it would leave pods on both revisions. It has a time of its own. */
export const createUndoStop = (timeoutMs: number, clock: Clock): Stop =>
  createStop(new AbortController().signal, timeoutMs, clock);
