/** From a command line to typed arguments, or to the text of `--help`: yargs behind the reader of argv.ts. */
import type { Argv, Options } from "yargs";
import yargs from "yargs";
import { flagName, kebab, readArgv } from "./argv.ts";
import { UsageError } from "./errors.ts";
import type { Args, Flag, Flags, Plugin } from "./plugin.ts";

export type Parsed<F extends Flags> =
  | { readonly kind: "help" }
  | { readonly kind: "version"; readonly output: string | undefined }
  | { readonly kind: "run"; readonly args: Args<F> };

const own = {
  help: { alias: "h", type: "boolean", describe: "show this text" },
  version: { type: "boolean", describe: "show the version, with -o json also of what it is built" },
} as const;

/** Throws `UsageError`. `--help` anywhere is a wish for help, whatever else is wrong. */
export const parse = <F extends Flags>(plugin: Plugin<F>, argv: readonly string[]): Parsed<F> => {
  const end = argv.indexOf("--");
  if ((end < 0 ? argv : argv.slice(0, end)).some((word) => word === "--help" || word === "-h")) return { kind: "help" };
  const flags: Flags = { ...plugin.options, ...own };
  const given = readArgv(argv, flags);
  const last = (key: string): string | undefined => given.findLast((flag) => flag.key === key)?.text;
  if (last("help") === "true") return { kind: "help" };
  if (last("version") === "true") return { kind: "version", output: last("output") };
  // yargs takes one pair of quotes off each value: these, not the user's.
  const values = program(plugin).parseSync(given.map(({ key, text }) => `--${kebab(key)}="${text}"`)) as Record<string, unknown>;
  return {
    kind: "run",
    args: Object.fromEntries(Object.entries(plugin.options).map(([key, flag]) => [key, argOf(key, flag, values[kebab(key)])])) as Args<F>,
  };
};

const argOf = (key: string, flag: Flags[string], read: unknown): unknown => {
  const value = read ?? flag.default;
  if (value === undefined && flag.demandOption) throw new UsageError(`${flagName(key, flag)} is missing`, `it is needed: ${flag.describe}`);
  if (value === undefined || !flag.coerce) return value;
  try {
    return flag.coerce(value);
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${flagName(key, flag)}: ${error.message}`, error.hint);
    throw error;
  }
};

/** What `--help` prints, `columns` wide at most. */
export const helpText = async <F extends Flags>(plugin: Plugin<F>, columns: number): Promise<string> => {
  const flags = await program(plugin)
    .wrap(Math.max(60, Math.min(columns, 120)))
    .getHelp();
  const examples = plugin.examples.map(([command, what]) => `  # ${what}\n  ${command}`).join("\n\n");
  const parts = [
    flags.replace(/[ \t]+$/gm, ""),
    `Examples:\n${examples}`,
    exitCodes,
    `Completion by the Tab key: kubectl ${plugin.name} completion`,
    ...(plugin.epilogue === undefined ? [] : [plugin.epilogue]),
  ];
  return parts.join("\n\n");
};

/** design: the contract. The same for every plugin. */
const exitCodes = `Exit codes:
  0              done, or nothing to do
  1              could not: cluster unreachable, API error; nothing was changed
  2              wrong usage
  3              refused: a check found a blocker, or the thing asked for does not exist; nothing was changed
  4              not done after a change: the message has the command to go on and the command to go back
  5              cannot tell: evidence is missing; nothing was changed
  129, 130, 143  interrupted (SIGHUP, SIGINT, SIGTERM) after the step at hand`;

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
    .options(Object.fromEntries(Object.entries({ ...plugin.options, ...own }).map(([key, flag]) => [kebab(key), forYargs(flag)])))
    .parserConfiguration({
      "boolean-negation": false,
      "camel-case-expansion": false,
      "dot-notation": false,
      "greedy-arrays": false,
      "parse-numbers": false,
      "parse-positional-numbers": false,
    })
    .strict()
    .exitProcess(false)
    .fail((message: string, error: Error | undefined) => {
      throw error ?? new UsageError(message);
    });

/** Without what is done here and not by yargs: defaults, needed flags, coercion, completion. */
const forYargs = ({ coerce, completes, default: value, demandOption, choices, describe, ...rest }: Flag): Options => {
  const isText = typeof value === "string" && value !== "";
  const notes = [...(demandOption ? ["needed"] : []), ...(isText ? [`default ${value}`] : [])];
  return {
    group: "Flags:",
    ...rest,
    describe: `${describe}${choices ? `: ${choices.join(", ")}` : ""}${notes.length > 0 ? ` (${notes.join(", ")})` : ""}`,
  };
};
