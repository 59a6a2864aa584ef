/**
 * Time for the embedded mesh and for whoever runs against it in the same process: real, or virtual. Virtual time stands
 * still but while somebody waits in `during`; then it jumps to whatever is due next as soon as this process has nothing
 * left to do.
 */
import type { Clock } from "../../src/cluster/clock.ts";

export interface MeshClock extends Clock {
  readonly virtual: boolean;
  /** Lets time pass until the promise settles, and settles like it. */
  during<T>(promise: Promise<T>): Promise<T>;
}

export function realClock(): MeshClock {
  const epoch = Date.now() - performance.now();
  return {
    virtual: false,
    now: () => performance.now(),
    wall: () => epoch + performance.now(),
    after: (millis, run) => {
      const timer = setTimeout(run, millis);
      return () => clearTimeout(timer);
    },
    timeout: (millis) => AbortSignal.timeout(Math.ceil(millis)),
    during: (promise) => promise,
  };
}

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

const start = Date.parse("2026-01-01T00:00:00Z");
/**
 * Turns of the event loop without a single event after which nothing is on its way any more. A loopback delivers within
 * one.
 */
const quietTurns = 4;
/** Real milliseconds after which waiting for something that is not due is given up. */
const stuckAfter = 20_000;

/**
 * Nothing is left to do when the event loop has turned a few times without any event (`uvMetricsInfo.events` counts
 * them) and no file, name or connection is being waited for. Answers of a server in this process, and what they set
 * off, are then all done.
 */
export function virtualClock(): MeshClock {
  let now = 0;
  let waiting = 0;
  let turning = false;
  let quiet = 0;
  let events = -1;
  let active = 0;
  const timers: Timer[] = []; // by `at`, of those due at once the first set first

  const turn = (): void => {
    turning = waiting > 0;
    if (!turning) return;
    const seen = performance.nodeTiming.uvMetricsInfo.events;
    quiet = seen === events ? quiet + 1 : 0;
    if (quiet === 0) active = performance.now();
    events = seen;
    if (quiet >= quietTurns && !isBusy()) jump();
    setImmediate(turn);
  };
  const jump = (): void => {
    const next = timers.shift();
    if (next === undefined) {
      if (performance.now() - active > stuckAfter)
        throw new Error("virtual time stands still: nothing is due, and somebody waits");
      return;
    }
    quiet = 0;
    active = performance.now();
    now = Math.max(now, next.at);
    next.run();
  };
  const wake = (): void => {
    if (turning) return;
    turning = true;
    [quiet, active] = [0, performance.now()];
    setImmediate(turn);
  };

  const clock: MeshClock = {
    virtual: true,
    now: () => now,
    wall: () => start + now,
    after: (millis, run) => {
      const timer = { at: now + Math.max(0, millis), run };
      const later = timers.findLastIndex(({ at }) => at <= timer.at) + 1;
      timers.splice(later, 0, timer);
      return () => {
        const index = timers.indexOf(timer);
        if (index >= 0) timers.splice(index, 1);
      };
    },
    timeout: (millis) => {
      const controller = new AbortController();
      clock.after(millis, () =>
        controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError")),
      );
      return controller.signal;
    },
    during: async (promise) => {
      waiting++;
      wake();
      try {
        return await promise;
      } finally {
        waiting--;
      }
    },
  };
  return clock;
}

/** Requests to the system under way in this process, as Node names them. */
const underWay = new Set([
  "FSReqCallback",
  "FSReqPromise",
  "GetAddrInfoReqWrap",
  "TCPConnectWrap",
  "PipeConnectWrap",
  "WriteWrap",
  "ShutdownWrap",
]);

const isBusy = (): boolean => process.getActiveResourcesInfo().some((name) => underWay.has(name));

/** The clock of a machine that uses the mesh: `jump` sets its time of day, and the mesh keeps its own. */
export function clockOfUser(clock: Clock): Clock & { jump(millis: number): void } {
  let ahead = 0;
  return {
    ...clock,
    wall: () => clock.wall() + ahead,
    jump: (millis) => {
      ahead += millis;
    },
  };
}

/** Waits that long, of the clock's time. Within `during` only. */
export const pause = (clock: Clock, millis: number): Promise<void> =>
  new Promise((resolve) => {
    clock.after(millis, () => resolve());
  });

/** As the API server writes times: RFC 3339 in whole seconds. */
export const timestamp = (clock: MeshClock): string => `${new Date(clock.wall()).toISOString().slice(0, 19)}Z`;
/** As it writes the times of Leases and events of controllers. */
export const microTimestamp = (clock: MeshClock): string => new Date(clock.wall()).toISOString().replace("Z", "000Z");
