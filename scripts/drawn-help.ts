/**
 * An esbuild plugin: an executable contains the text of its `--help`, which yargs makes during the build, and not yargs
 * itself.
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Plugin } from "esbuild";
import { helpText } from "../src/cli/help.ts";

/** `entry` is the file of the plugin. */
export const drawnHelp = (entry: string): Plugin => ({
  name: "drawn-help",
  setup(build) {
    build.onLoad({ filter: /[\\/]src[\\/]cli[\\/]help\.ts$/ }, async () => {
      const file: object = await import(pathToFileURL(resolve(entry)).href);
      const [plugin] = Object.values(file);
      const all = [plugin, ...(plugin.commands ?? [])];
      const texts = Object.fromEntries(
        await Promise.all(all.map(async (each) => [each.name, await helpText(each)] as const)),
      );
      return {
        contents: `const texts = ${JSON.stringify(texts)}; export const helpText = async ({ name }) => texts[name];`,
        loader: "js",
      };
    });
  },
});
