/**
 * From a plugin's parts to a Node single executable (https://nodejs.org/api/single-executable-applications.html) that
 * starts like a Go program: by compiled code that is kept, and by loading late.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import type { WarmMesh } from "./warm-mesh.ts";

/**
 * The heap's young part at its working size from the start, so that a short run collects nothing, and no larger: what
 * is read of a big cluster dies young, and 8 MB take as little time as 16 (docs/performance.md). Not part of what V8
 * checks a cache against.
 */
const heap = ["--min-semi-space-size=8", "--max-semi-space-size=8"];

/**
 * Neither is OPENSSL_CONF for us, of which a broken one would end the program before it begins. What is not there is
 * passed over, as on Windows.
 */
export const runtimeFlags = [...heap, "--openssl-config=/dev/null"];

/** The commit, with `-dirty` where the tree differs from it; undefined outside a repository. */
export const commitOf = (): string | undefined => {
  const { status, stdout } = spawnSync("git", ["describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"], {
    encoding: "utf8",
  });
  return status === 0 ? stdout.trim() : undefined;
};

/**
 * Runs what people run, once each, on `runtime` (a command), and leaves the code that V8 compiled beside the parts in
 * `folder`. The outcome does not matter, an end by signal does. Such code fits only the very runtime, on its own
 * platform, and differs in each build.
 */
export const warm = async (folder: string, mesh: WarmMesh, runtime: readonly [string, ...string[]]): Promise<void> => {
  const [command, ...words] = runtime;
  for (const argv of await mesh.commands()) {
    // Not spawnSync: the mesh answers from this process.
    const child = spawn(command, [...words, ...runtimeFlags, resolve("scripts/warm.cjs"), folder, ...argv], {
      env: { PATH: process.env.PATH, HOME: folder },
      stdio: ["ignore", "ignore", "pipe"],
      timeout: 60_000,
    });
    const [stderr, [code, signal]] = await Promise.all([text(child.stderr), once(child, "exit")]);
    if (code === null || stderr.includes("does not take the code"))
      throw new Error(`${argv.join(" ")}: ${stderr || signal}`);
  }
};

/**
 * Puts the parts of `folder`, with the compiled code that lies beside them, into `runtime` (of any platform) and writes
 * it to `out`.
 */
export const assemble = async (folder: string, runtime: string, out: string): Promise<void> => {
  const names = readdirSync(folder)
    .filter((name) => /\.js(\.cache)?$/.test(name))
    .sort();
  const config = join(folder, "executable.json");
  writeFileSync(
    config,
    JSON.stringify({
      main: resolve("scripts/loader.cjs"),
      mainFormat: "commonjs",
      output: out,
      executable: runtime,
      disableExperimentalSEAWarning: true,
      useSnapshot: false,
      useCodeCache: false,
      execArgv: runtimeFlags,
      // NODE_OPTIONS is for programs that say they are Node.
      execArgvExtension: "none",
      assets: Object.fromEntries(names.map((name) => [name, join(folder, name)])),
    }),
  );
  const child = spawn(process.execPath, ["--build-sea", config], { stdio: ["ignore", "ignore", "inherit"] });
  const [code, signal] = await once(child, "exit");
  if (code !== 0) throw new Error(`${out} could not be assembled: node --build-sea ended with ${code ?? signal}`);
};
