/** The plugins, read from `plugins/`: their names, their records and their files. Nobody lists them by hand. */
import { readdirSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Flags, Plugin } from "../src/cli/plugin.ts";

const folder = resolve(import.meta.dirname, "..", "plugins");

/** The names of all plugins: `mesh-migrate`, … A folder of that name holds what a real run loads. */
export const pluginNames = (): readonly string[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => basename(file, ".ts"));

/** The file of a plugin: `kubectl mesh-migrate` looks for kubectl-mesh_migrate. */
export const executableName = (plugin: string): string => `kubectl-${plugin.replaceAll("-", "_")}`;

/** The record of a plugin, the only value that its file exports. Throws where there is no such plugin. */
export const pluginRecord = async (name: string): Promise<Plugin<Flags>> => {
  if (!pluginNames().includes(name)) throw new Error(`there is no plugin ${name}: ${pluginNames().join(", ")}`);
  const file: object = await import(pathToFileURL(join(folder, `${name}.ts`)).href);
  return Object.values(file)[0];
};

/** Loads every file of every plugin, also those that a run loads late. */
export const loadPlugins = async (): Promise<void> => {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  await Promise.all(files.map((file) => import(pathToFileURL(join(folder, file)).href)));
};
