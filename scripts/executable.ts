/**
 * Makes a Node single executable (https://nodejs.org/api/single-executable-applications.html) from the parts of a
 * plugin. It starts as fast as a Go program, because it has compiled code and loads parts late.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import type { WarmMeshes } from "./warm-meshes.ts";

/**
 * Size of the young generation of V8's heap, fixed from the start, so that a short run needs no garbage collection. Not
 * larger: most of what is read from a big cluster is garbage soon, and 8 MB take as little time as 16
 * (docs/performance.md). V8 does not check a code cache against this flag.
 */
const heap = ["--min-semi-space-size=8", "--max-semi-space-size=8"];

/**
 * The second flag overrides OPENSSL_CONF: a broken file would end the program before it starts. On Windows, where
 * /dev/null does not exist, OpenSSL ignores the path.
 */
export const runtimeFlags = [...heap, "--openssl-config=/dev/null"];

/** The names of all plugins: `mesh-migrate`, … The folder with this name has the code of a real run. */
export const pluginNames = (): readonly string[] =>
  readdirSync("plugins")
    .filter((file) => file.endsWith(".ts"))
    .map((file) => basename(file, ".ts"));

/** The file of a plugin: `kubectl mesh-migrate` looks for kubectl-mesh_migrate. */
export const executableName = (plugin: string): string => `kubectl-${plugin.replaceAll("-", "_")}`;

/** The commit, with `-dirty` where the tree differs from it; undefined outside a repository. */
export const commitOf = (): string | undefined => {
  const { status, stdout } = spawnSync("git", ["describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"], {
    encoding: "utf8",
  });
  return status === 0 ? stdout.trim() : undefined;
};

/**
 * Runs the usual commands, once each, on `runtime` (a command), and writes the code that V8 compiled beside the parts
 * in `folder`. A command may fail, but a signal must not end it. Such code works with exactly this runtime on this
 * platform only, and differs in each build.
 */
export const warm = async (
  folder: string,
  meshes: WarmMeshes,
  runtime: readonly [string, ...string[]],
): Promise<void> => {
  const [command, ...words] = runtime;
  for (const argv of await meshes.commands()) {
    // Not spawnSync, because the meshes run in this process.
    const child = spawn(command, [...words, ...runtimeFlags, resolve("scripts/warm.cjs"), folder, ...argv], {
      env: { PATH: process.env.PATH, HOME: folder },
      stdio: ["ignore", "ignore", "pipe"],
      timeout: 60_000,
    });
    const [stderr, [code, signal]] = await Promise.all([text(child.stderr), once(child, "exit")]);
    if (code === null || stderr.includes("does not accept the code"))
      throw new Error(`${argv.join(" ")}: ${stderr || signal}`);
  }
};

/**
 * Puts the parts of `folder`, with the compiled code beside them, into `runtime` (of any platform), and writes it to
 * `out`.
 */
export const assemble = (folder: string, runtime: string, out: string): void => {
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
      // NODE_OPTIONS must have no effect on the executable.
      execArgvExtension: "none",
      assets: Object.fromEntries(names.map((name) => [name, join(folder, name)])),
    }),
  );
  execFileSync(process.execPath, ["--build-sea", config], { stdio: ["ignore", "ignore", "inherit"] });
};
