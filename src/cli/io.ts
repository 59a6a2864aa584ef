/** What a plugin has of the world outside the cluster: two streams, a clock, and the wish of a person to stop. */
import { writeSync } from "node:fs";
import { type Clock, systemClock } from "../cluster/clock.ts";
import { safeLines } from "../mesh/safe.ts";
import type { Interruption } from "./signals.ts";
import { listen } from "./signals.ts";

export interface Io {
  /** The result: to stdout, with a line end after it. What a terminal would act on is shown escaped (mesh/safe.ts). */
  out(text: string): void;
  /** Talk: to stderr, with a line end after it, escaped likewise. */
  err(text: string): void;
  /** `warning: …` on stderr. */
  warn(text: string): void;
  /** On stderr where `-v` is at least `level`. */
  trace(level: number, text: string): void;
  /** The clock of this machine; the API server's is `Cluster.now()`. */
  now(): Date;
  /** Time that only goes forward, by which is waited. */
  readonly clock: Clock;
  readonly terminal: Terminal;
  /**
   * Aborted by the first SIGINT, SIGTERM or SIGHUP; `reason` is an `Interruption`. A plugin that only reads has ended
   * by then.
   */
  readonly signal: AbortSignal;
  /**
   * Says what to tell when the program must end in the middle of a change: at a second signal, or by a fault of its own
   * (then exit 4).
   * `undefined` when nothing is half done any more.
   */
  whenStopped(tell: (() => string) | undefined): void;
}

export interface Terminal {
  /** stdout, stderr is a terminal. */
  readonly out: boolean;
  readonly err: boolean;
  readonly columns: number;
  /** stderr may be redrawn: a terminal that can, and not CI. */
  readonly live: boolean;
  /** stderr may be coloured: live, and no NO_COLOR. */
  readonly color: boolean;
}

/** What `runPlugin` needs beside `Io`: the ends of things. */
export interface Shell {
  readonly io: Io;
  /** Set once the command line is read. */
  setVerbosity(level: number): void;
  /** What `whenStopped` was last given. */
  readonly halfDone: () => (() => string) | undefined;
  /** Whether a reading plugin should end as kubectl does: at once. */
  endsAtOnce(yes: boolean): void;
  /** Waits until both streams have taken what was written, and ends the process. */
  end(code: number): Promise<never>;
}

/** Columns that a tree needs; a terminal that says 0 does not know its size. */
const narrowest = 20;

/** What the environment says of the terminal (https://no-color.org). */
export const terminalOf = (
  env: Readonly<Record<string, string | undefined>>,
  streams: { readonly out: boolean; readonly err: boolean; readonly columns: number | undefined },
): Terminal => {
  const wide = (streams.columns ?? 0) >= narrowest;
  const live =
    streams.err && wide && env.TERM !== "dumb" && (env.CI === undefined || env.CI === "" || env.CI === "false");
  return { out: streams.out, err: streams.err, columns: streams.columns || 80, live, color: live && !env.NO_COLOR };
};

/** Straight to the terminal, past whoever draws there. */
const lastWords = (text: string): void => {
  try {
    writeSync(2, text);
  } catch {
    // Nobody reads.
  }
};

/** The real one: this process. Call once. */
export const terminal = (): Shell => {
  // Node would not check any certificate; kubectl knows no such variable.
  delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  const { stdout, stderr } = process;
  let verbosity = 0;
  let atOnce = false;
  let tell: (() => string) | undefined;
  const closed = new Set<NodeJS.WriteStream>();
  for (const stream of [stdout, stderr])
    stream.on("error", () => {
      // EPIPE (`| head`), EIO (the terminal is gone): nobody reads there any more, which ends a reader and nothing
      // else.
      closed.add(stream);
      if (atOnce && stream === stdout) process.exit(0);
    });
  const write = (stream: NodeJS.WriteStream, text: string): void => {
    if (!closed.has(stream))
      stream.write(text.endsWith("\n") || text === "" ? safeLines(text) : `${safeLines(text)}\n`);
  };
  const drained = (stream: NodeJS.WriteStream): Promise<void> =>
    new Promise((resolve) => {
      if (closed.has(stream)) return resolve();
      stream.once("error", () => resolve());
      stream.write("", () => resolve());
    });
  const end = async (code: number): Promise<never> => {
    await drained(stdout);
    await drained(stderr);
    process.exit(code);
  };
  const stop = new AbortController();
  listen((signal: Interruption) => {
    if (atOnce) process.exit(signal.code);
    if (stop.signal.aborted) {
      lastWords(
        safeLines(`error: stopped by ${signal.name} in the middle of the step at hand${tell ? `\n${tell()}` : ""}\n`),
      );
      process.exit(signal.code);
    }
    write(stderr, `${signal.name}: finishing the step at hand; once more to stop at once`);
    stop.abort(signal);
  });
  const io: Io = {
    out: (text) => write(stdout, text),
    err: (text) => write(stderr, text),
    warn: (text) => write(stderr, `warning: ${text}`),
    trace: (level, text) => {
      if (level <= verbosity) write(stderr, text);
    },
    now: () => new Date(),
    clock: systemClock,
    terminal: terminalOf(process.env, {
      out: stdout.isTTY === true,
      err: stderr.isTTY === true,
      columns: stderr.columns ?? stdout.columns,
    }),
    signal: stop.signal,
    whenStopped: (next) => {
      tell = next;
    },
  };
  return {
    io,
    setVerbosity: (level) => {
      verbosity = level;
    },
    halfDone: () => tell,
    endsAtOnce: (yes) => {
      atOnce = yes;
    },
    end,
  };
};
