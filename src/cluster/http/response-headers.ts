/** What the headers of every answer say: the time of the server, and its warnings. */
import type { Clock } from "../clock.ts";
import { printable } from "../printable.ts";

/** The API server's clock, by its `Date` headers. */
export interface ServerClock {
  /** Sets the clock by the headers of an answer. */
  observe(headers: NodeJS.Dict<string[]>): void;
  /** `undefined` before the first header. */
  time(): Date | undefined;
}

/**
 * Between two headers our own clock is added. A header has whole seconds, so of two that differ by less than two
 * seconds the later time is nearer to the truth; a larger difference (another replica, a clock that was corrected)
 * replaces the time.
 */
export function createServerClock(clock: Clock): ServerClock {
  let offset: number | undefined;
  return {
    observe(headers) {
      const latest = Date.parse(headers.date?.[0] ?? "") - clock.now();
      if (Number.isNaN(latest)) return;
      offset = offset === undefined || Math.abs(latest - offset) > 2_000 ? latest : Math.max(offset, latest);
    },
    time: () => (offset === undefined ? undefined : new Date(offset + clock.now())),
  };
}

/**
 * Passes the texts of `Warning: 299 - "…"` headers (RFC 7234, 5.5; used by the API server for deprecations) to `warn`,
 * each once, safe to print.
 */
export function createWarnings(warn: (message: string) => void): (headers: NodeJS.Dict<string[]>) => void {
  const shown = new Set<string>();
  return (headers) => {
    for (const header of headers.warning ?? []) {
      for (const [, quoted = ""] of header.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)) {
        const text = printable(quoted.replace(/\\(.)/g, "$1"));
        if (text === "" || shown.has(text) || shown.size >= 50) continue;
        shown.add(text);
        warn(text);
      }
    }
  };
}
