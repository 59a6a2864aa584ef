/** A lock among processes: a file that names its holder. A holder that no longer runs holds nothing. */
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isRunning, startOf } from "./process.ts";

/** Runs `work` while holding the lock file; waits for another holder as long as that one runs. */
export async function withLock<R>(file: string, work: () => Promise<R>): Promise<R> {
  while (!take(file)) await sleep(200);
  try {
    return await work();
  } finally {
    fs.rmSync(file, { force: true });
  }
}

function take(file: string): boolean {
  const claim = `${file}.${process.pid}`;
  fs.writeFileSync(claim, JSON.stringify({ pid: process.pid, start: startOf(process.pid) }));
  try {
    fs.linkSync(claim, file); // atomic, and the file has its content from the first moment
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    dropIfAbandoned(file);
    return false;
  } finally {
    fs.rmSync(claim, { force: true });
  }
}

function dropIfAbandoned(file: string): void {
  try {
    const holder = JSON.parse(fs.readFileSync(file, "utf8")) as { pid: number; start: string };
    if (!isRunning(holder.pid, holder.start)) fs.rmSync(file, { force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
