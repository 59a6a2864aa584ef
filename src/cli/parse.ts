/** From a command line to typed arguments, or to the text of `--help`: yargs behind the reader of argv.ts. */
import yargs from "yargs";
import { flagName, kebab, readArgv } from "./argv.ts";
import { UsageError } from "./errors.ts";
import type { Args, Flags, Plugin } from "./plugin.ts";

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
  const values = program(plugin).parseSync(given.map(({ key, text }) => `--${kebab(key)}=${text}`)) as Record<string, unknown>;
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
  const examples = plugin.examples.map(([command, what]) => `  # ${what}\n  ${command}`).join("\n\n");
  const text = await program(plugin)
    .wrap(Math.max(60, Math.min(columns, 120)))
    .epilogue(["Examples:", examples, "", exitCodes, ...(plugin.epilogue === undefined ? [] : ["", plugin.epilogue])].join("\n"))
    .getHelp();
  return text.replace(/[ \t]+$/gm, "");
};

/** design: the contract. The same for every plugin. */
const exitCodes = `Exit codes:
  0              done, or nothing to do
  1              could not: cluster unreachable, API error; nothing was changed
  2              wrong usage
  3              refused: a check found a blocker, or what was asked for does not exist; nothing was changed
  4              not done after a change; the message has the command to go on and the command to go back
  5              cannot tell: evidence is missing; nothing was changed
  129, 130, 143  interrupted (SIGHUP, SIGINT, SIGTERM) after the step at hand`;

const program = <F extends Flags>(plugin: Plugin<F>) => {
  const command = `kubectl ${plugin.name}`;
  const table = Object.entries({ ...plugin.options, ...own }).map(
    ([key, { coerce, default: value, alias, demandOption, ...rest }]: [string, Flags[string]]) => [
      kebab(key),
      {
        group: "Flags:",
        requiresArg: false,
        ...rest,
        ...(alias === undefined ? {} : { alias }),
        ...(isEmpty(value) ? {} : { default: value }),
        ...(demandOption ? { describe: `${rest.describe} (needed)` } : {}),
      },
    ],
  );
  return yargs([])
    .scriptName(command)
    .locale("en")
    .usage(`${plugin.describe}\n\nUsage:\n  ${command} [flags]`)
    .help(false)
    .version(false)
    .options(Object.fromEntries(table))
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
};

const isEmpty = (value: unknown): boolean => value === undefined || value === false || (Array.isArray(value) && value.length === 0);
