/**
 * `npm run build [PLUGIN…]`: makes `dist/kubectl-mesh_…` for this machine out of each file of `plugins/`. For all
 * platforms: release.ts.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism, constants, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { bundle } from "./bundle.ts";
import { assemble, commitOf, warm } from "./executable.ts";
import { executableName, pluginNames } from "./plugins.ts";
import { type WarmMesh, warmMesh } from "./warm-mesh.ts";

const work = mkdtempSync(join(tmpdir(), "kubectl-mesh-build-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => process.exit(128 + constants.signals[signal]));
const say = (text: string): void => console.error(text);

/** The runtime without its symbols, a fifth smaller. Must be done before anything is put into it. */
const strippedRuntime = (): string => {
  const stripped = join(work, "node");
  const { status, error } = spawnSync("strip", ["-o", stripped, process.execPath], { stdio: "ignore" });
  if (status === 0) return stripped;
  say(
    `note: no strip here (${error?.message ?? `exit ${status}`}): the executables keep the runtime's symbols and are 33 MB larger`,
  );
  return process.execPath;
};

/** Makes one executable in `dist`. */
const make = async (plugin: string, commit: string | undefined, runtime: string, mesh: WarmMesh): Promise<void> => {
  const began = performance.now();
  const folder = join(work, plugin);
  mkdirSync(folder);
  for (const [name, source] of (await bundle(`plugins/${plugin}.ts`, commit)).parts)
    writeFileSync(join(folder, name), source);
  await warm(folder, mesh, [process.execPath]);
  const out = resolve("dist", executableName(plugin));
  await assemble(folder, runtime, `${out}.new`); // so that an executable is a whole one, or none
  renameSync(`${out}.new`, out);
  say(`${out}: ${Math.round(statSync(out).size / 1e6)} MB in ${((performance.now() - began) / 1000).toFixed(1)} s`);
};

const main = async (): Promise<void> => {
  const plugins = pluginNames();
  const wanted = process.argv.length > 2 ? process.argv.slice(2) : plugins;
  const unknown = wanted.find((plugin) => !plugins.includes(plugin));
  if (unknown !== undefined) throw new Error(`there is no plugin ${unknown}: ${plugins.join(", ")}`);
  const [commit, runtime] = [commitOf(), strippedRuntime()];
  await using mesh = await warmMesh();
  mkdirSync("dist", { recursive: true });
  // As many side by side as there are processors.
  const rest = wanted.values();
  const makeNext = async (): Promise<void> => {
    for (const plugin of rest) await make(plugin, commit, runtime, mesh);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, makeNext));
};

await main();
