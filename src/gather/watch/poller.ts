/**
 * Keeps one reading of the cluster fresh for all who wait on it: read at a steady pace and at once after a hint, one
 * read at a time, and only while somebody listens. What was read is the truth; a hint only says when to look.
 */
import type { Clock } from "../../cluster/clock.ts";

/** Something whose news can be waited for; `listen` gives back what ends it. */
export interface Source {
  listen(listener: () => void): () => void;
}

export interface Reading<T> {
  /**
   * The latest good answer since somebody began to listen: what was read for listeners long gone is forgotten when the
   * next one comes.
   */
  readonly value: T | undefined;
  /** When (ms of the clock) the read that gave it began: it tells nothing that happened later. */
  readonly readAt: number | undefined;
  /** What the latest read failed with; undefined after a good one. */
  readonly trouble: unknown;
  /** Since when (ms of the clock) there was no good answer; undefined after a good one. */
  readonly failingSince: number | undefined;
}

export interface Poller<T> extends Source {
  reading(): Reading<T>;
  /** Something may have changed: read again soon. */
  hint(): void;
}

export interface PollerOptions<T> {
  /** The signal aborts when nobody listens any more: the read has to end then, and its outcome counts for nothing. */
  readonly read: (signal: AbortSignal) => Promise<T>;
  /** Read at least this often (ms). */
  readonly everyMs: number;
  /**
   * Rest between two reads (ms): at least this, and four times what the last read took, up to 5 s: a slow server is
   * asked less, a large answer leaves the processor to others.
   */
  readonly restMs: number;
  readonly clock: Clock;
  /** Called when the first listener comes; the signal aborts when the last has gone. */
  readonly start?: (hint: () => void, signal: AbortSignal) => void;
}

const longestRestMs = 5_000;
const unread = { value: undefined, readAt: undefined, trouble: undefined, failingSince: undefined } as const;

/** A read that failed is tried again, ever more slowly; listeners are told of good and bad reads alike. */
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
