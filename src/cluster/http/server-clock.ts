/** The API server's clock, as its `Date` headers tell it. */
export interface ServerClock {
  /** Takes note of a `Date` header. */
  hear(date: string | undefined): void;
  /** `undefined` before the first header. */
  now(): Date | undefined;
}

/**
 * Between headers a clock that only goes forward carries on. A header has whole seconds, so of two that tell nearly the
 * same the later is nearer the truth; one that is off by more (another replica, a server set right) counts as it is.
 */
export function createServerClock(monotonic: () => number): ServerClock {
  let offset: number | undefined;
  return {
    hear(date) {
      const heard = Date.parse(date ?? "") - monotonic();
      if (Number.isNaN(heard)) return;
      offset = offset === undefined || Math.abs(heard - offset) > 2_000 ? heard : Math.max(offset, heard);
    },
    now: () => (offset === undefined ? undefined : new Date(offset + monotonic())),
  };
}
