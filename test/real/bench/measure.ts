/**
 * Runs programs to their end and measures what they took, in rounds one after the other, so that the machine's mood
 * hits all alike.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { pipeline } from "node:stream/promises";

export interface Cost {
  /** Wall time in ms. */
  readonly wall: number;
  /** User and system time in ms. */
  readonly cpu: number;
  /** Peak resident set in MB (10^6 bytes). */
  readonly peak: number;
}

const gnuTime = "/usr/bin/time";

/**
 * What a program took, by GNU time (`ru_maxrss`, `ru_utime`, `ru_stime`). Its output is thrown away; throws where it
 * fails.
 */
export async function costOf(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Cost> {
  if (!fs.existsSync(gnuTime)) throw new Error(`${gnuTime} is missing: install the package time`);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "kubectl-mesh-cost-"));
  const report = path.join(folder, "cost");
  try {
    const began = performance.now();
    const child = spawn(gnuTime, ["-f", "%U %S %M", "-o", report, command, ...args], {
      env,
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const code = await new Promise<number | null>((resolve, reject) =>
      child.once("error", reject).once("close", resolve),
    );
    const wall = performance.now() - began;
    if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}:\n${stderr}`);
    const [user = Number.NaN, system = Number.NaN, kibibytes = Number.NaN] = fs
      .readFileSync(report, "utf8")
      .trim()
      .split(" ")
      .map(Number);
    return { wall, cpu: (user + system) * 1000, peak: (kibibytes * 1024) / 1e6 };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/**
 * Copies of programs, written alike in small steps: how a file got into the page cache decides how much of it one page
 * fault maps, which moves the peak of a large executable by 30 MB although it does nothing else.
 */
export async function copiesOf(files: readonly string[], folder: string): Promise<readonly string[]> {
  return Promise.all(
    files.map(async (file) => {
      const copy = path.join(folder, path.basename(file));
      await pipeline(fs.createReadStream(file, { highWaterMark: step }), fs.createWriteStream(copy, { mode: 0o755 }));
      return copy;
    }),
  );
}

const step = 16 * 1024;

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** The medians of each program over the rounds; a first round that fills the caches is not counted. */
export async function compare(
  programs: ReadonlyMap<string, () => Promise<Cost>>,
  rounds: number,
): Promise<ReadonlyMap<string, Cost>> {
  const costs = new Map([...programs.keys()].map((name): [string, Cost[]] => [name, []]));
  for (let round = -1; round < rounds; round++)
    for (const [name, run] of programs) {
      const cost = await run();
      if (round >= 0) costs.get(name)?.push(cost);
    }
  const medianOf = (all: readonly Cost[], key: keyof Cost): number => median(all.map((cost) => cost[key]));
  return new Map(
    [...costs].map(([name, all]) => [
      name,
      { wall: medianOf(all, "wall"), cpu: medianOf(all, "cpu"), peak: medianOf(all, "peak") },
    ]),
  );
}

/** A table of them, with the wall time and the peak of each divided by these. */
export function printCosts(costs: ReadonlyMap<string, Cost>, { wall, peak }: Pick<Cost, "wall" | "peak">): void {
  console.log(`${"".padEnd(38)}wall ms      ×   cpu ms  peak MB      ×`);
  for (const [words, cost] of costs) {
    const ratio = (value: number): string => value.toFixed(2).padStart(7);
    const number = (value: number): string => value.toFixed(0).padStart(8);
    console.log(
      `${words.padEnd(37)}${number(cost.wall)}${ratio(cost.wall / wall)} ${number(cost.cpu)} ${number(cost.peak)}${ratio(cost.peak / peak)}`,
    );
  }
}
