/** Runs a command as a test wants it run: to its end, with all it wrote, whatever its exit code. */
import { type ChildProcess, spawn } from "node:child_process";

export interface Result {
  /** Exit code; undefined where a signal ended it. */
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Wall time. */
  readonly ms: number;
}

export interface RunOptions {
  /** Added to the environment; a value of undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: string;
  /** Ends it with SIGTERM. To send another signal take `onStart`. */
  readonly signal?: AbortSignal;
  readonly onStart?: (child: ChildProcess) => void;
  /** Called with each piece of stderr, as it comes. */
  readonly onStderr?: (text: string) => void;
  /** Killed after this many milliseconds; 300,000 unless given. */
  readonly timeout?: number;
}

/** Runs a program to its end. Throws only where it cannot be started. */
export function runToEnd(
  binary: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  options: RunOptions,
): Promise<Result> {
  const env: NodeJS.ProcessEnv = { ...environment, ...options.env };
  for (const [name, value] of Object.entries(env)) if (value === undefined) delete env[name];
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(binary, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    const timer = setTimeout(() => child.kill("SIGKILL"), options.timeout ?? 300_000);
    options.signal?.addEventListener("abort", () => child.kill("SIGTERM"), { once: true });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      options.onStderr?.(text);
    });
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
    child.on("spawn", () => options.onStart?.(child));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({
        code: code ?? undefined,
        signal: signal ?? undefined,
        stdout,
        stderr,
        ms: performance.now() - started,
      });
    });
  });
}
