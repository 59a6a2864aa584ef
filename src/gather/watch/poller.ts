/**
 * Keeps one reading of the cluster up to date for all who listen: read at regular intervals and soon after a hint, one
 * read at a time, and only while somebody listens. A hint says when to read, never what is there.
 */
import type { Clock } from "../../cluster/clock.ts";

/** Something that calls its listeners when it has news; `listen` gives a function that removes the listener. */
export interface Source {
  listen(listener: () => void): () => void;
}

export interface Reading<T> {
  /**
   * The latest good answer since somebody began to listen. Answers for earlier listeners are dropped when the next one
   * comes.
   */
  readonly value: T | undefined;
  /** When (ms of the clock) the read that gave it began: later changes are not in it. */
  readonly readAt: number | undefined;
  /** The error of the latest read; undefined after a good one. */
  readonly trouble: unknown;
  /** Since when (ms of the clock) reads have failed; undefined after a good one. */
  readonly failingSince: number | undefined;
}

export interface Poller<T> extends Source {
  reading(): Reading<T>;
  /** Something may have changed: read again soon. */
  hint(): void;
}

export interface PollerOptions<T> {
  /** The signal aborts when nobody listens any more: the read has to end then, and its outcome is dropped. */
  readonly read: (signal: AbortSignal) => Promise<T>;
  /** Read at least this often (ms). */
  readonly everyMs: number;
  /**
   * Pause between two reads (ms): at least this, and four times as long as the last read took, up to 5 s, so that a
   * slow server gets fewer requests and large answers do not take all the processor time.
   */
  readonly restMs: number;
  readonly clock: Clock;
  /** Called when the first listener comes; the signal aborts when the last has gone. */
  readonly start?: (hint: () => void, signal: AbortSignal) => void;
}

const longestRestMs = 5_000;
const unread = { value: undefined, readAt: undefined, trouble: undefined, failingSince: undefined } as const;

/** Reads again after a failure, with growing pauses; calls listeners after good and failed reads alike. */
export function createPoller<T>({ read, everyMs, restMs, clock, start }: PollerOptions<T>): Poller<T> {
  const listeners = new Set<() => void>();
  let reading: Reading<T> = unread;
  let session: AbortController | undefined;
  let cancelTimer = (): void => {};
  let busy = false;
  let hinted = false;
  let failures = 0;
  let earliest = Number.NEGATIVE_INFINITY;

  const schedule = (delay: number): void => {
    cancelTimer();
    const current = session;
    if (current && !busy)
      cancelTimer = clock.after(Math.max(0, delay, earliest - clock.now()), () => void run(current.signal));
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    busy = true;
    hinted = false;
    const began = clock.now();
    const outcome = await read(signal).then(
      (value) => ({ value }),
      (trouble: unknown) => ({ trouble }),
    );
    busy = false;
    if (signal.aborted) return schedule(0);
    const took = clock.now() - began;
    earliest = clock.now() + Math.max(restMs, Math.min(took * 4, longestRestMs));
    failures = "trouble" in outcome ? failures + 1 : 0;
    reading =
      "trouble" in outcome
        ? { ...reading, trouble: outcome.trouble, failingSince: reading.failingSince ?? began }
        : { value: outcome.value, readAt: began, trouble: undefined, failingSince: undefined };
    for (const listener of [...listeners]) listener();
    schedule(failures > 0 ? Math.min(restMs * 2 ** failures, longestRestMs) : hinted ? 0 : everyMs - took);
  };

  const hint = (): void => {
    hinted = true;
    if (failures === 0) schedule(0);
  };

  return {
    reading: () => reading,
    hint,
    listen: (listener) => {
      // A function of its own, so that the same listener may be given twice.
      const own = (): void => listener();
      listeners.add(own);
      if (!session) {
        session = new AbortController();
        reading = unread;
        failures = 0;
        start?.(hint, session.signal);
        schedule(0);
      }
      return () => {
        if (!listeners.delete(own) || listeners.size > 0) return;
        cancelTimer();
        session?.abort();
        session = undefined;
      };
    },
  };
}
