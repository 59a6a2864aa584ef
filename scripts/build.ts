/**
 * `npm run build [PLUGIN…]`: makes `dist/kubectl-mesh_…` for this platform out of each file of `plugins/`: Node single executables
 * (https://nodejs.org/api/single-executable-applications.html) that start like a Go program, by compiled code that is kept and by loading late.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { bundle } from "./bundle.ts";
import { warmServer } from "./warm-server.ts";

/** The heap's young part at its working size from the start: no collection in a short run. Not part of what V8 checks a cache against. */
const runtimeFlags = ["--min-semi-space-size=16"];

const work = mkdtempSync(join(tmpdir(), "kubectl-mesh-build-"));
const say = (text: string): void => console.error(text);

/** The commit, with `-dirty` where the tree differs from it; undefined outside a repository. */
const commitOf = (): string | undefined => {
  const { status, stdout } = spawnSync("git", ["describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
};

/** The runtime without its symbols, a fifth smaller. Must be done before anything is put into it. */
const strippedRuntime = (): string => {
  const stripped = join(work, "node");
  const { status, error } = spawnSync("strip", ["-o", stripped, process.execPath], { stdio: "ignore" });
  if (status === 0) return stripped;
  say(`note: no strip here (${error?.message ?? `exit ${status}`}): the executables keep the runtime's symbols and are 33 MB larger`);
  return process.execPath;
};

/** Runs what people run, once each, and keeps the code that V8 compiled. The outcome does not matter, an end by signal does. */
const warm = async (folder: string, server: string): Promise<void> => {
  const home = ["--server", server, "--kubeconfig", "/dev/null", "--request-timeout", "5s"];
  const commands = [
    ["--version"],
    ["--help"],
    ["--bogus"],
    ...[
      [],
      ["-n", "production", "-o", "wide"],
      ["-o", "json"],
      ["-o", "yaml"],
      ["-n", "production", "--to", "1-20"],
      ["-A", "--to", "1-20", "--dry-run=client"],
    ].map((argv) => [...argv, ...home]),
  ];
  for (const argv of commands) {
    // Not spawnSync: the server answers from this process.
    const child = spawn(process.execPath, [...runtimeFlags, resolve("scripts/warm.cjs"), folder, ...argv], {
      env: { PATH: process.env.PATH, HOME: folder },
      stdio: ["ignore", "ignore", "pipe"],
      timeout: 20_000,
    });
    const [stderr, [code, signal]] = await Promise.all([text(child.stderr), once(child, "exit")]);
    if (code === null || stderr.includes("does not take the code")) throw new Error(`${argv.join(" ")}: ${stderr || signal}`);
  }
};

const executable = (plugin: string, runtime: string, folder: string, out: string): void => {
  const names = readdirSync(folder).filter((name) => /\.js(\.cache)?$/.test(name));
  const config = join(work, `${plugin}.json`);
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
  execFileSync(process.execPath, ["--build-sea", config], { stdio: ["ignore", "ignore", "inherit"] });
};

const main = async (): Promise<void> => {
  const plugins = readdirSync("plugins").map((file) => basename(file, ".ts"));
  const wanted = process.argv.length > 2 ? process.argv.slice(2) : plugins;
  const [commit, runtime, server] = [commitOf(), strippedRuntime(), await warmServer()];
  mkdirSync("dist", { recursive: true });
  try {
    for (const plugin of wanted) {
      if (!plugins.includes(plugin)) throw new Error(`there is no plugin ${plugin}: ${plugins.join(", ")}`);
      const began = performance.now();
      const folder = join(work, plugin);
      mkdirSync(folder);
      for (const [name, source] of await bundle(`plugins/${plugin}.ts`, commit)) writeFileSync(join(folder, name), source);
      await warm(folder, server.url);
      // `kubectl mesh-migrate` looks for kubectl-mesh_migrate.
      const out = resolve("dist", `kubectl-${plugin.replaceAll("-", "_")}`);
      if (existsSync(out)) rmSync(out);
      executable(plugin, runtime, folder, out);
      say(`${out}: ${Math.round(statSync(out).size / 1e6)} MB in ${((performance.now() - began) / 1000).toFixed(1)} s`);
    }
  } finally {
    server.close();
    rmSync(work, { recursive: true });
  }
};

await main();
