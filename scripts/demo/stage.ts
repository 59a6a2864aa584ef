/**
 * Where the demo plays: a person who reads and perhaps presses Enter, programs that run before his eyes, and signals
 * that end it all.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { styleText } from "node:util";

export type Signal = "SIGHUP" | "SIGINT" | "SIGTERM";

export interface Stage {
  /** A person sits at a terminal. */
  readonly live: boolean;
  /** Aborted by the first signal, which is its reason, and when nobody reads any more. */
  readonly stopped: AbortSignal;
  say(text: string): void;
  /** Shows a command and runs it; on a terminal when Enter is pressed. Its exit code. */
  show(command: readonly [string, ...string[]], env: NodeJS.ProcessEnv): Promise<number>;
  /** Runs a program with our streams. Its exit code. */
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
    // Of a terminal's Ctrl-C every program on it hears by itself.
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

/** Until Enter is pressed, or `stopped`. */
async function enter(stopped: AbortSignal): Promise<void> {
  process.stdout.write(styleText("dim", "   [Enter]"));
  process.stdin.resume();
  await Promise.race([once(process.stdin, "data"), once(process.stdin, "end"), once(stopped, "abort")]);
  process.stdin.pause();
}
