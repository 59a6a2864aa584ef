/** From a command line to typed arguments: what argv.ts reads, made what the table of flags says. */
import { flagName, readArgv } from "./argv.ts";
import { UsageError } from "./exit-errors.ts";
import type { Args, Flag, Flags, Plugin } from "./plugin.ts";

export type Parsed<F extends Flags> =
  | { readonly kind: "help" }
  | { readonly kind: "version"; readonly output: string | undefined }
  | { readonly kind: "run"; readonly args: Args<F> };

/** On every plugin, and answered here. */
export const ownFlags = {
  help: { alias: "h", type: "boolean", describe: "show this text" },
  version: { type: "boolean", describe: "show the version, with -o json also of what it is built" },
} as const;

/** Throws `UsageError`. `--help` anywhere is a wish for help, whatever else is wrong. */
export const parse = <F extends Flags>(plugin: Plugin<F>, argv: readonly string[]): Parsed<F> => {
  const end = argv.indexOf("--");
  if ((end < 0 ? argv : argv.slice(0, end)).some((word) => word === "--help" || word === "-h")) return { kind: "help" };
  const flags: Flags = { ...plugin.options, ...ownFlags };
  const given = readArgv(argv, flags);
  const last = (key: string): string | undefined => given.findLast((flag) => flag.key === key)?.text;
  if (last("help") === "true") return { kind: "help" };
  if (last("version") === "true") return { kind: "version", output: last("output") };
  const texts = Map.groupBy(given, ({ key }) => key);
  const args = Object.entries(plugin.options).map(([key, flag]) => [
    key,
    argOf(
      key,
      flag,
      texts.get(key)?.map(({ text }) => text),
    ),
  ]);
  return { kind: "run", args: Object.fromEntries(args) as Args<F> };
};

const argOf = (key: string, flag: Flag, texts: readonly string[] | undefined): unknown => {
  const value = texts === undefined ? flag.default : oneOrAll(flag, texts);
  if (value === undefined && flag.demandOption)
    throw new UsageError(`${flagName(key, flag)} is missing`, `it is needed: ${flag.describe}`);
  if (value === undefined || !flag.coerce) return value;
  try {
    return flag.coerce(value);
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${flagName(key, flag)}: ${error.message}`, error.hint);
    throw error;
  }
};

/** A flag that takes one value is given once, a boolean one perhaps twice with the same. */
const oneOrAll = ({ array, type }: Flag, texts: readonly string[]): unknown =>
  array ? texts : type === "boolean" ? texts[0] === "true" : texts[0];
