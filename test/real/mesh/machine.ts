/** The machine that one mesh runs on: its folder, its ports, and the programs that run there. */
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { claimPorts, type Ports } from "./ports.ts";
import { isRunning, type Running, signalProcess, startOf, startProgram } from "./process.ts";

export interface Machine {
  readonly dir: string;
  readonly ports: Ports;
  /** Starts a program. Its output goes to `<name>.log`, its number to `pids`. */
  start(
    name: string,
    command: string,
    args: readonly string[],
    options?: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string },
  ): Promise<Running>;
  /** Ends every program, and gives the ports back. */
  stop(): Promise<void>;
}

/** Sets up a machine in an existing folder. */
export async function createMachine(dir: string): Promise<Machine> {
  const ports = await claimPorts();
  const programs = new Map<number, Running>();
  let stopping = false;
  return {
    dir,
    ports,
    async start(name, command, args, options = {}) {
      if (stopping) throw new Error(`${name} is not started: the machine is stopping`);
      const program = await startProgram(name, command, args, {
        cwd: dir,
        log: path.join(dir, `${name}.log`),
        ...options,
      });
      recordProcess(dir, program.pid, name);
      programs.set(program.pid, program);
      void program.ended.then((how) => {
        programs.delete(program.pid);
        if (!stopping) console.log(`${name} (${program.pid}) ended: ${how}`);
      });
      return program;
    },
    async stop() {
      stopping = true;
      for (const program of programs.values()) program.child.kill("SIGKILL"); // nothing here is kept, so nothing needs a proper end
      await Promise.all([...programs.values()].map((program) => program.ended));
      ports.release();
    },
  };
}

/** Writes down a process of a mesh, so that others can end it when we no longer can. */
export function recordProcess(dir: string, pid: number, name: string): void {
  fs.appendFileSync(path.join(dir, "pids"), `${pid}\t${startOf(pid)}\t${name}\n`);
}

/** Every process written down that still runs, told from a later one of the same number. */
export function recordedProcesses(
  dir: string,
): { readonly pid: number; readonly start: string; readonly name: string }[] {
  let text = "";
  try {
    text = fs.readFileSync(path.join(dir, "pids"), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const lines = text.split("\n").filter((line) => line !== "");
  const processes = lines
    .map((line) => line.split("\t"))
    .map(([pid, start = "", name = ""]) => ({ pid: Number(pid), start, name }));
  return processes.filter(({ pid, start }) => isRunning(pid, start));
}

/**
 * Ends what still runs of a mesh whose own end did not come. A bed's keeper ends by itself, with the daemon, and removes
 * what stays of the bed.
 */
export async function endRecorded(dir: string): Promise<void> {
  for (const { pid, start, name } of recordedProcesses(dir))
    if (name !== "keeper") signalProcess(pid, start, "SIGKILL");
  while (recordedProcesses(dir).length > 0) await sleep(20);
}
