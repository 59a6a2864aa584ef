/** What a plugin has of the world outside the cluster: two streams, a clock, and the signals that ask it to stop. */
import { writeSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { type Clock, systemClock } from "../cluster/clock.ts";
import { exit } from "../mesh/exit-codes.ts";
import { safeLines } from "../mesh/safe.ts";
import { documentText, isDocumentFormat } from "./document-text.ts";
import { errorDocument } from "./error-document.ts";
import { colorSeverity } from "./severity-color.ts";
import { onInterruption } from "./signals.ts";

export interface Io {
  /** The result: to stdout, with a line end after it. What a terminal would act on is shown escaped (mesh/safe.ts). */
  out(text: string): void;
  /** Everything but the result: to stderr, with a line end after it, escaped likewise. */
  err(text: string): void;
  /** `warning: …` on stderr. */
  warn(text: string): void;
  /** On stderr where `-v` is at least `level`. */
  trace(level: number, text: string): void;
  /** The clock of this machine; the API server's is `Cluster.now()`. */
  now(): Date;
  /** Time that only goes forward; waits are measured with it. */
  readonly clock: Clock;
  readonly terminal: Terminal;
  /** Who runs it where: USER@HOST. */
  readonly operator: string;
  /**
   * Aborted by the first SIGINT, SIGTERM or SIGHUP; `reason` is an `Interruption`. A plugin that only reads has ended
   * by then.
   */
  readonly signal: AbortSignal;
  /**
   * Sets what to print when the program must end in the middle of a change: at a second signal, or by a bug (then exit
   * 4). `undefined` when nothing is half done any more.
   */
  whenStopped(halfDone: (() => string) | undefined): void;
}

export interface Terminal {
  /** stdout, stderr is a terminal. */
  readonly out: boolean;
  readonly err: boolean;
  readonly columns: number;
  /** stderr may be redrawn: a terminal that can, and not CI. */
  readonly live: boolean;
  /** stderr, stdout may be coloured: a terminal that can, not CI, and no NO_COLOR. */
  readonly color: boolean;
  readonly colorOut: boolean;
}

/** What `runPlugin` needs besides `Io`. */
export interface Shell {
  readonly io: Io;
  /** Called once the command line is read. */
  begin(mode: RunMode): void;
  /** What `whenStopped` was last given. */
  readonly halfDone: () => (() => string) | undefined;
  /** Whether anything was written to stdout. */
  readonly hasPrinted: () => boolean;
  /** Waits until both streams have taken what was written, and ends the process. */
  end(code: number): Promise<never>;
}

export interface RunMode {
  /** `-v`. */
  readonly verbosity: number;
  /** A signal or a closed pipe ends the program at once, as kubectl ends: it changes nothing. */
  readonly endsAtOnce: boolean;
  /** `-o`. */
  readonly output: string | undefined;
}

/** Columns that a tree needs; a terminal that says 0 does not know its size. */
const narrowest = 20;

/** What the environment says of the terminal (https://no-color.org). */
export const terminalOf = (
  env: Readonly<Record<string, string | undefined>>,
  streams: { readonly out: boolean; readonly err: boolean; readonly columns: number | undefined },
): Terminal => {
  const wide = (streams.columns ?? 0) >= narrowest;
  const capable = env.TERM !== "dumb" && (env.CI === undefined || env.CI === "" || env.CI === "false");
  const live = streams.err && wide && capable;
  return {
    out: streams.out,
    err: streams.err,
    columns: streams.columns || 80,
    live,
    color: live && !env.NO_COLOR,
    colorOut: streams.out && capable && !env.NO_COLOR,
  };
};

/** Written at once and past everything that draws on the terminal, because the process ends next. */
const writeLast = (file: 1 | 2, text: string): void => {
  try {
    writeSync(file, text);
  } catch {
    // The reader is gone.
  }
};

/** A user of a container may have no name, and a variable any length: a journal takes no more than 1,000 characters. */
function operatorOf(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    return `${(process.env.USER ?? "unknown").slice(0, 200)}@${hostname()}`;
  }
}

/** The real one: this process. Call once. */
export const terminal = (): Shell => {
  // Node would not check any certificate; kubectl knows no such variable.
  delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  const { stdout, stderr } = process;
  const facts = terminalOf(process.env, {
    out: stdout.isTTY === true,
    err: stderr.isTTY === true,
    columns: stderr.columns ?? stdout.columns,
  });
  let mode: RunMode = { verbosity: 0, endsAtOnce: false, output: undefined };
  let halfDone: (() => string) | undefined;
  let printed = false;
  const closed = new Set<NodeJS.WriteStream>();
  for (const stream of [stdout, stderr])
    stream.on("error", () => {
      // EPIPE (`| head`), EIO (the terminal is gone): the reader is gone. That ends only a plugin that changes nothing.
      closed.add(stream);
      if (mode.endsAtOnce && stream === stdout) process.exit(exit.done);
    });
  const write = (stream: NodeJS.WriteStream, text: string, colored: boolean): void => {
    if (closed.has(stream)) return;
    const line = text.endsWith("\n") || text === "" ? safeLines(text) : `${safeLines(text)}\n`;
    stream.write(colored ? colorSeverity(line) : line);
  };
  const err = (text: string): void => write(stderr, text, facts.color);
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
  onInterruption((interruption) => {
    const { name, code } = interruption;
    const { endsAtOnce, output } = mode;
    if (!endsAtOnce && !stop.signal.aborted) {
      err(`${name}: finishing the step at hand; once more to stop at once`);
      stop.abort(interruption);
      return;
    }
    const left = halfDone?.();
    const message = endsAtOnce ? `interrupted by ${name}` : `stopped by ${name} in the middle of the step at hand`;
    if (!endsAtOnce) writeLast(2, safeLines(`error: ${message}${left === undefined ? "" : `\n${left}`}\n`));
    if (isDocumentFormat(output) && !printed)
      writeLast(
        1,
        safeLines(`${documentText(errorDocument(code, { message, reason: "interrupted" }, left), output)}\n`),
      );
    process.exit(code);
  });
  const io: Io = {
    out: (text) => {
      printed = true;
      write(stdout, text, facts.colorOut && !isDocumentFormat(mode.output));
    },
    err,
    warn: (text) => err(`warning: ${text}`),
    trace: (level, text) => {
      if (level <= mode.verbosity) err(text);
    },
    now: () => new Date(),
    clock: systemClock,
    terminal: facts,
    operator: operatorOf(),
    signal: stop.signal,
    whenStopped: (next) => {
      halfDone = next;
    },
  };
  return {
    io,
    begin: (next) => {
      mode = next;
    },
    halfDone: () => halfDone,
    hasPrinted: () => printed,
    end,
  };
};
