/** The terminal of the demo: it prints, waits for Enter, runs programs, and handles signals. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { styleText } from "node:util";

export type Signal = "SIGHUP" | "SIGINT" | "SIGTERM";

export interface Stage {
  /** Whether input and output are a terminal. */
  readonly live: boolean;
  /** Aborted by the first signal, which is its reason, and when stdout is closed. */
  readonly stopped: AbortSignal;
  say(text: string): void;
  /** Prints a command and runs it, on a terminal after Enter. Returns its exit code. */
  show(command: readonly [string, ...string[]], env: NodeJS.ProcessEnv): Promise<number>;
  /** Runs a program with the streams of this process. Returns its exit code. */
  run(command: readonly [string, ...string[]], env: NodeJS.ProcessEnv): Promise<number>;
}

export const exitCodeOf = (signal: Signal): number => 128 + constants.signals[signal];

export function openStage(): Stage {
  const live = Boolean(process.stdin.isTTY && process.stdout.isTTY) && !process.env.CI;
  const stop = new AbortController();
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort(signal));
  process.stdout.on("error", () => stop.abort("SIGHUP" satisfies Signal));

  const run: Stage["run"] = async ([program, ...args], env) => {
    const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit"], env });
    // A terminal's Ctrl-C goes to every program on it, so it is not sent again.
    const forward = (): void => void (process.stdin.isTTY || child.kill(stop.signal.reason));
    stop.signal.addEventListener("abort", forward);
    if (stop.signal.aborted) forward();
    try {
      const [code, signal] = await once(child, "exit");
      return code ?? exitCodeOf(signal);
    } finally {
      stop.signal.removeEventListener("abort", forward);
    }
  };
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  return {
    ...{ live, stopped: stop.signal, say, run },
    show: async (command, env) => {
      process.stdout.write(styleText("bold", `$ ${command.join(" ")}`));
      if (live) await enter(stop.signal);
      else say("");
      return stop.signal.aborted ? exitCodeOf(stop.signal.reason) : run(command, env);
    },
  };
}

/** Waits for Enter, for the end of the input, or for `stopped`. */
async function enter(stopped: AbortSignal): Promise<void> {
  process.stdout.write(styleText("dim", "   [Enter]"));
  process.stdin.resume();
  await Promise.race([once(process.stdin, "data"), once(process.stdin, "end"), once(stopped, "abort")]);
  process.stdin.pause();
}
