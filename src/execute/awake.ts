/** Whether this machine was away: asleep, or suspended, so that others may have changed the cluster meanwhile. */
import type { Clock } from "../cluster/clock.ts";

export interface Awake {
  /**
   * Milliseconds by which the time of day ran ahead of the time that only goes forward, since this was last asked or
   * made. A time of day that was set back a little counts as 0 (NTP does that); more than ten seconds count as away too,
   * because nobody knows what such a machine has missed.
   */
  away(): number;
}

/** A time of day that is set back by no more than this (ms) is a correction and no absence. */
const correctionMs = 10_000;

/**
 * Sees a sleep where the monotonic clock stands still in it (Linux). On macOS and Windows that clock goes on: there the
 * age of a lease, measured with `clock.now()`, has the sleep in it already. Who holds a lease has to compare both.
 */
export function createAwake(clock: Clock): Awake {
  const difference = (): number => clock.wall() - clock.now();
  let last = difference();
  return {
    away() {
      const before = last;
      last = difference();
      const ahead = last - before;
      return ahead < -correctionMs ? -ahead : Math.max(0, ahead);
    },
  };
}
