/**
 * Which requests a plugin makes, when, how long each takes and how much comes back: the plugin is run from its source
 * with `request-log.ts`.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

export interface LoggedRequest {
  /** Method and path; of a port-forward, the path within the pod. */
  readonly what: string;
  /** Milliseconds after the program began, and from the request to the end of its answer. */
  readonly at: number;
  readonly took: number;
  /** Of the answer's body. */
  readonly bytes: number;
}

/** In the order of their beginning. */
export async function requestsOf(
  plugin: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<readonly LoggedRequest[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "kubectl-mesh-requests-"));
  const log = path.join(folder, "log");
  const source = path.join(import.meta.dirname, "..", "..", "..", "plugins", `${plugin}.ts`);
  try {
    const child = spawn(
      process.execPath,
      ["--import", path.join(import.meta.dirname, "request-log.ts"), source, ...args],
      {
        env: { ...env, REQUEST_LOG: log },
        stdio: ["ignore", "ignore", "inherit"],
      },
    );
    const code = await new Promise<number | null>((resolve, reject) =>
      child.once("error", reject).once("close", resolve),
    );
    if (code !== 0) throw new Error(`${plugin} ended with ${code}`);
    const lines = fs.readFileSync(log, "utf8").trim().split("\n");
    return lines.map((line) => JSON.parse(line) as LoggedRequest).toSorted((a, b) => a.at - b.at);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}
