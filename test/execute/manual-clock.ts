/**
 * A clock that stands still until it is moved; what is due then runs in order, each thing it sets off finished before
 * the next.
 */
import type { Clock } from "../../src/cluster/clock.ts";

export interface ManualClock extends Clock {
  /** Moves on, timer by timer. */
  advance(millis: number): Promise<void>;
  /** Timers that are set. */
  pending(): number;
}

/** Lets everything that waits for no timer run to its end. */
export const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
};

export function manualClock(): ManualClock {
  let now = 0;
  const timers = new Set<{ at: number; run: () => void }>();
  const clock: ManualClock = {
    now: () => now,
    after: (millis, run) => {
      const timer = { at: now + millis, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    timeout: (millis) => {
      const controller = new AbortController();
      clock.after(millis, () => controller.abort(new DOMException("timed out", "TimeoutError")));
      return controller.signal;
    },
    pending: () => timers.size,
    advance: async (millis) => {
      const end = now + millis;
      await settled();
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at);
        if (!next) break;
        timers.delete(next);
        now = Math.max(now, next.at);
        next.run();
        await settled();
      }
      now = end;
    },
  };
  return clock;
}
