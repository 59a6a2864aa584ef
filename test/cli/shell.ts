/** A shell in memory: what a plugin said on both streams, with a clock that stands still unless moved. */

import type { Io, Shell, Terminal } from "../../src/cli/io.ts";
import { systemClock } from "../../src/cluster/clock.ts";

export interface MemoryShell {
  readonly shell: Shell;
  readonly io: Io;
  readonly out: () => string;
  readonly err: () => string;
  /** As a signal would. */
  readonly interrupt: (reason: unknown) => void;
  /** Sets the clock, in milliseconds since the epoch. */
  readonly at: (ms: number) => void;
}

export const memoryShell = (terminal: Partial<Terminal> = {}): MemoryShell => {
  let [out, err, verbosity, now] = ["", "", 0, 0];
  let halfDone: (() => string) | undefined;
  const stop = new AbortController();
  const io: Io = {
    out: (text) => {
      out += `${text}\n`;
    },
    err: (text) => {
      err += `${text}\n`;
    },
    warn: (text) => {
      err += `warning: ${text}\n`;
    },
    trace: (level, text) => {
      if (level <= verbosity) err += `${text}\n`;
    },
    now: () => new Date(now),
    clock: systemClock,
    operator: "alice@laptop",
    terminal: { out: false, err: false, columns: 100, live: false, color: false, colorOut: false, ...terminal },
    signal: stop.signal,
    whenStopped: (next) => {
      halfDone = next;
    },
  };
  const shell: Shell = {
    io,
    begin: (mode) => {
      verbosity = mode.verbosity;
    },
    halfDone: () => halfDone,
    hasPrinted: () => out !== "",
    end: (code) => Promise.reject(new Error(`ended with ${code}`)),
  };
  return {
    shell,
    io,
    out: () => out,
    err: () => err,
    interrupt: (reason) => stop.abort(reason),
    at: (ms) => {
      now = ms;
    },
  };
};
