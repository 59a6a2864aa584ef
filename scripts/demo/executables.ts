/** The folder with the plugins' executables. They are built again if one is missing or a source is newer. */
import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { executableName } from "../plugins.ts";

/** The sources of an executable: paths of files and folders. */
const sources = [
  ...["src", "plugins", "package-lock.json"],
  ...["build", "bundle", "executable", "plugins"].map((name) => `scripts/${name}.ts`),
  "scripts/loader.cjs",
];

/**
 * Absolute path. `MESH_PLUGINS` names another folder, which is used unchanged, e.g. one with scripts that run the
 * plugins from their sources.
 */
export const pluginFolder = (): string => resolve(process.env.MESH_PLUGINS ?? "dist");

/** Why the executables of these plugins must be built; undefined if they need not be. */
export function whyBuild(plugins: readonly string[]): string | undefined {
  if (process.env.MESH_PLUGINS !== undefined) return undefined;
  const built = plugins.map((plugin) => changedAt(join("dist", executableName(plugin))));
  if (built.includes(undefined)) return "the executables are not built yet";
  const oldest = Math.min(...built.filter((time) => time !== undefined));
  return sources.flatMap(filesOf).some((file) => (changedAt(file) ?? 0) > oldest)
    ? "the executables are older than the sources"
    : undefined;
}

const changedAt = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.mtimeMs;

const filesOf = (path: string): readonly string[] =>
  statSync(path).isDirectory()
    ? readdirSync(path, { recursive: true, encoding: "utf8" }).map((file) => join(path, file))
    : [path];
