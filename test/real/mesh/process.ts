/**
 * Programs that run beside us: started with their output in a file, told apart from a later process of the same number.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import fs from "node:fs";

/** What tells a process from a later one with the same number: its start time. Empty where there is no such process. */
export function startOf(pid: number): string {
  try {
    if (process.platform === "linux") {
      const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return fields[0] === "Z" ? "" : (fields[19] ?? "");
    }
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch {
    return "";
  }
}

/** Whether this very process still runs. */
export function isRunning(pid: number, start: string): boolean {
  return start !== "" && startOf(pid) === start;
}

/** Whether a process that was sent SIGSTOP stands still, with every thread. */
export function isStopped(pid: number): boolean {
  if (process.platform !== "linux")
    return execFileSync("ps", ["-o", "state=", "-p", String(pid)], { encoding: "utf8" }).startsWith("T");
  return fs.readdirSync(`/proc/${pid}/task`).every((thread) => {
    const stat = fs.readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
    return stat.startsWith("T", stat.lastIndexOf(")") + 2);
  });
}

/** Sends a signal to this very process; nothing where it is gone. */
export function signalProcess(pid: number, start: string, signal: NodeJS.Signals): void {
  if (!isRunning(pid, start)) return;
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

export interface Running {
  readonly name: string;
  readonly pid: number;
  readonly child: ChildProcess;
  /** Settles when it ended, whyever: with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

export interface StartOptions {
  readonly log: string;
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts a program whose output goes to a file. Throws where it cannot be started. */
export async function startProgram(
  name: string,
  command: string,
  args: readonly string[],
  options: StartOptions,
): Promise<Running> {
  const log = fs.openSync(options.log, "a");
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ["ignore", log, log],
  });
  fs.closeSync(log);
  const ended = new Promise<number | string>((resolve) =>
    child.once("exit", (code, signal) => resolve(code ?? signal ?? 0)),
  );
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  return { name, pid: child.pid as number, child, ended };
}

/**
 * Runs a program to its end and gives back what it wrote. Throws, with its last output, where it does not end with 0.
 */
export function runProgram(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; input?: string; cwd?: string } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: options.env ?? process.env,
      cwd: options.cwd,
      stdio: ["pipe", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) resolve(stdout);
      else
        reject(
          new Error(`${command} ${args.join(" ")} ended with ${code ?? signal}:\n${(stderr + stdout).slice(-4000)}`),
        );
    });
    child.stdin.on("error", () => {}); // it may end without reading all
    child.stdin.end(options.input ?? "");
  });
}
