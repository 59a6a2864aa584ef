/**
 * The text of `--help`, drawn by yargs: when it is asked for, or once when an executable is built
 * (scripts/drawn-help.ts).
 */
import type { Argv, Options } from "yargs";
import yargs from "yargs";
import { exit, exitMeanings } from "../mesh/exit-codes.ts";
import { kebab } from "./flags/command-line.ts";
import { ownFlags } from "./flags/parse.ts";
import type { Flag, Flags, Plugin } from "./plugin.ts";

const columns = 100;

/** What `--help` prints: the same on every terminal. */
export const helpText = async <F extends Flags>(plugin: Plugin<F>): Promise<string> => {
  const flags = await program(plugin).wrap(columns).getHelp();
  const examples = plugin.examples.map(([command, what]) => `  # ${what}\n  ${command}`).join("\n\n");
  const parts = [
    flags.replace(/[ \t]+$/gm, ""),
    `Examples:\n${examples}`,
    ...(plugin.commands ?? []).map(({ name, describe }) => `Command:\n  kubectl ${name} [flags]   ${describe}`),
    exitCodes(),
    `Completion by the Tab key: kubectl ${plugin.name.split(" ")[0]} completion`,
    ...(plugin.epilogue === undefined ? [] : [plugin.epilogue]),
  ];
  return parts.join("\n\n");
};

/** The same for every plugin. Codes of one meaning share a line. */
const exitCodes = (): string => {
  const names = Object.keys(exit) as (keyof typeof exit)[];
  const lines = [...Map.groupBy(names, (name) => exitMeanings[name])].map(
    ([meaning, same]) =>
      `  ${same
        .map((name) => exit[name])
        .join(", ")
        .padEnd(15)}${meaning}`,
  );
  return ["Exit codes:", ...lines].join("\n");
};

/** What @types/yargs 17 does not have yet. */
type Configurable = Argv & { usageConfiguration(configuration: { readonly "hide-types": boolean }): Argv };

const program = <F extends Flags>(plugin: Plugin<F>) =>
  (yargs([]) as Configurable)
    .usageConfiguration({ "hide-types": true })
    .scriptName(`kubectl ${plugin.name}`)
    .locale("en")
    .usage(`${plugin.describe}\n\nUsage: $0 [flags]`)
    .help(false)
    .version(false)
    .options(
      Object.fromEntries(
        Object.entries({ ...plugin.options, ...ownFlags }).map(([key, flag]) => [kebab(key), forYargs(flag)]),
      ),
    );

/** Without what this program does itself: defaults, required flags, coercion, completion. */
const forYargs = ({ coerce, completes, default: value, demandOption, choices, describe, ...rest }: Flag): Options => {
  const isText = typeof value === "string" && value !== "";
  const notes = [...(demandOption ? ["required"] : []), ...(isText ? [`default ${value}`] : [])];
  return {
    group: "Flags:",
    ...rest,
    describe: `${describe}${choices ? `: ${choices.join(", ")}` : ""}${notes.length > 0 ? ` (${notes.join(", ")})` : ""}`,
  };
};
