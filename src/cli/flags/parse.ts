/**
 * From a command line to typed arguments, as the table of flags describes them. Stricter than kubectl where a slip would
 * change a cluster: an empty value, and a flag of one value that is given twice, are errors.
 */
import { nearest } from "../../mesh/text/suggestion.ts";
import { UsageError } from "../exit-errors.ts";
import type { Args, Flag, Flags, Plugin } from "../plugin.ts";
import { type CommandLine, flagName, flagNames, kebab, readCommandLine } from "./command-line.ts";

export type Parsed<F extends Flags> =
  | { readonly kind: "help" }
  | { readonly kind: "version"; readonly output: string | undefined }
  | { readonly kind: "run"; readonly args: Args<F> };

/** On every plugin, and answered here. */
export const ownFlags = {
  help: { alias: "h", type: "boolean", describe: "show this text" },
  version: { type: "boolean", describe: "show the version, with -o json also of what it is built" },
} as const;

/** Throws `UsageError`. `--help` anywhere shows the help, even where something else is wrong. */
export const parse = <F extends Flags>(plugin: Plugin<F>, argv: readonly string[]): Parsed<F> => {
  const end = argv.indexOf("--");
  if ((end < 0 ? argv : argv.slice(0, end)).some((word) => word === "--help" || word === "-h")) return { kind: "help" };
  const flags: Flags = { ...plugin.options, ...ownFlags };
  const line = readCommandLine(argv, flags);
  const texts = new Map([...line.texts].map(([key, given]) => [key, textsOf(key, flags[key], given)]));
  refuseRest(line, flags);
  if (texts.get("help")?.includes("true")) return { kind: "help" };
  if (texts.get("version")?.includes("true")) return { kind: "version", output: texts.get("output")?.at(-1) };
  const args = Object.entries(plugin.options).map(([key, flag]) => [key, argOf(key, flag, texts.get(key))]);
  return { kind: "run", args: Object.fromEntries(args) as Args<F> };
};

const truths = new Map([
  ...["1", "t", "T", "true", "TRUE", "True"].map((text) => [text, "true"] as const),
  ...["0", "f", "F", "false", "FALSE", "False"].map((text) => [text, "false"] as const),
]);

/** The texts of one flag; of a boolean flag, `true` or `false`. */
const textsOf = (key: string, flag: Flag | undefined, given: readonly string[]): readonly string[] => {
  if (flag === undefined) return given;
  const texts = given.map((text) => textOf(key, flag, text));
  const [first, second] = flag.type === "boolean" ? new Set(texts) : texts;
  if (flag.array || second === undefined) return texts;
  throw new UsageError(`${flagName(key, flag)} is given twice: ${JSON.stringify(first)} and ${JSON.stringify(second)}`);
};

const textOf = (key: string, flag: Flag, text: string): string => {
  const name = flagName(key, flag);
  if (flag.type === "boolean") {
    const truth = truths.get(text);
    if (truth !== undefined) return truth;
    throw new UsageError(`${name} is on or off: ${JSON.stringify(text)} is neither true nor false`);
  }
  if (text === "") throw new UsageError(`${name} has an empty value`, "is a variable of your script unset?");
  const choices = choicesOf(flag);
  if (choices !== undefined && !choices.includes(text))
    throw new UsageError(`${name} cannot be ${JSON.stringify(text)}`, oneOf(choices));
  return text;
};

const choicesOf = ({ choices }: Flag): readonly string[] | undefined => choices?.map(String);

const oneOf = (choices: readonly string[] | undefined): string | undefined => choices && `one of ${choices.join(", ")}`;

/** Throws for what could not be read as a flag and its value. */
const refuseRest = ({ open, unknown: [unknown], extra: [extra] }: CommandLine, flags: Flags): void => {
  const flag = open && flags[open.key];
  if (flag !== undefined) {
    const next = open?.next === undefined ? "" : `, and ${JSON.stringify(open.next)} looks like the next flag`;
    throw new UsageError(`${flagName(open?.key ?? "", flag)} needs a value${next}`, oneOf(choicesOf(flag)));
  }
  if (unknown !== undefined) throw unknownFlag(unknown, flags);
  if (extra !== undefined) throw unexpected(extra);
};

const unexpected = (word: string): UsageError =>
  /^[‐-―−]/.test(word)
    ? new UsageError(
        `${JSON.stringify(word)} begins with a dash that is not "-"`,
        "type it again: text editors turn -- into one long dash",
      )
    : new UsageError(
        `unexpected argument ${JSON.stringify(word)}`,
        "what to act on is named by flags, such as -n for a namespace",
      );

const unknownFlag = (word: string, flags: Flags): UsageError => {
  const name = word.replace(/=.*/s, "");
  const typed = kebab(name.replace(/^-+/, "").replaceAll("_", "-")).replace(/^-/, "");
  const meant = nearest(
    typed,
    Object.keys(flags)
      .filter((key) => key.length > 1)
      .map(kebab),
  );
  // In `-Ax`, the letter that is unknown.
  const names = flagNames(flags);
  const letter =
    /^-[^-]./.test(name) && meant !== typed ? [...name.slice(1)].find((each) => !names.has(`-${each}`)) : undefined;
  return new UsageError(
    `unknown flag ${letter === undefined ? name : `-${letter} in ${word}`}`,
    letter === undefined && meant !== undefined ? `did you mean --${meant}?` : undefined,
  );
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

/** A flag that takes one value is given once, a boolean one perhaps twice with the same value. */
const oneOrAll = ({ array, type }: Flag, texts: readonly string[]): unknown =>
  array ? texts : type === "boolean" ? texts[0] === "true" : texts[0];
