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
      return {
        contents: `export const helpText = async () => ${JSON.stringify(await helpText(plugin))};`,
        loader: "js",
      };
    });
  },
});
