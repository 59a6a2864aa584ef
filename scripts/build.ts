/**
 * `npm run build [PLUGIN…]`: makes `dist/kubectl-mesh_…` for this machine from each file of `plugins/`. release.ts does
 * it for all platforms.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { bundle } from "./bundle.ts";
import { assemble, commitOf, executableName, pluginNames, warm } from "./executable.ts";
import { warmMeshes } from "./warm-meshes.ts";

const work = mkdtempSync(join(tmpdir(), "kubectl-mesh-build-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => process.exit(128 + constants.signals[signal]));
const say = (text: string): void => console.error(text);

/** The runtime without its symbols, which is a fifth smaller. Must be done before anything is put into it. */
const strippedRuntime = (): string => {
  const stripped = join(work, "node");
  const { status, error } = spawnSync("strip", ["-o", stripped, process.execPath], { stdio: "ignore" });
  if (status === 0) return stripped;
  say(
    `note: no strip here (${error?.message ?? `exit ${status}`}): the executables keep the runtime's symbols and are 33 MB larger`,
  );
  return process.execPath;
};

const main = async (): Promise<void> => {
  const plugins = pluginNames();
  const wanted = process.argv.length > 2 ? process.argv.slice(2) : plugins;
  const [commit, runtime] = [commitOf(), strippedRuntime()];
  await using meshes = await warmMeshes();
  mkdirSync("dist", { recursive: true });
  for (const plugin of wanted) {
    if (!plugins.includes(plugin)) throw new Error(`there is no plugin ${plugin}: ${plugins.join(", ")}`);
    const began = performance.now();
    const folder = join(work, plugin);
    mkdirSync(folder);
    for (const [name, source] of (await bundle(`plugins/${plugin}.ts`, commit)).parts)
      writeFileSync(join(folder, name), source);
    await warm(folder, meshes, [process.execPath]);
    const out = resolve("dist", executableName(plugin));
    assemble(folder, runtime, `${out}.new`); // so that an executable is never incomplete
    renameSync(`${out}.new`, out);
    say(`${out}: ${Math.round(statSync(out).size / 1e6)} MB in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  }
};

await main();
