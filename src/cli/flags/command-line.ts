/** Reads a command line with yargs-parser; nothing is judged yet (parse.ts judges, completion.ts asks what is typed). */
import read from "yargs-parser/browser";
import type { Flag, Flags } from "../plugin.ts";

/** A command line, sorted. */
export interface CommandLine {
  /** Flag key → the texts given for it, in the order given; a boolean flag without a text has `true`. */
  readonly texts: ReadonlyMap<string, readonly string[]>;
  /** The last flag that lacks its value, and the word that follows it. */
  readonly open: { readonly key: string; readonly next: string | undefined } | undefined;
  /** Words that begin with `-` and are no flag of the table. */
  readonly unknown: readonly string[];
  /** Words that are neither a flag nor the value of one. */
  readonly extra: readonly string[];
}

/** `allowDowntime` → `allow-downtime`. */
export const kebab = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The long name of a flag, or the short one where there is no other: `--namespace`, `-v`. */
export const longName = (key: string): string => (key.length > 1 ? `--${kebab(key)}` : `-${key}`);

/** How a flag is called in a message: `-n/--namespace`, `--to`, `-v`. */
export const flagName = (key: string, flag: Flag): string =>
  typeof flag.alias === "string" ? `-${flag.alias}/${longName(key)}` : longName(key);

/** Name as typed (`--namespace`, `-n`, and `--v` for `-v` as kubectl takes it) → key of the table. */
export const flagNames = (flags: Flags): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(flags).flatMap(([key, { alias }]) =>
      [longName(key), ...(key.length > 1 ? [] : [`--${key}`]), ...(typeof alias === "string" ? [`-${alias}`] : [])].map(
        (name) => [name, key] as const,
      ),
    ),
  );

/** Never throws. A value that begins with `-` must be attached (`--token=-x`): a separate word would be the next flag. */
export const readCommandLine = (argv: readonly string[], flags: Flags): CommandLine => {
  const names = flagNames(flags);
  const end = argv.indexOf("--");
  const words = (end < 0 ? argv : argv.slice(0, end)).map((word) =>
    /^-./s.test(word) ? { word, spelled: spellOut(word, names, flags) } : { word, spelled: [word] },
  );
  const keys = Object.keys(flags);
  const { argv: found, error } = read.detailed(
    words.flatMap(({ spelled }) => spelled ?? []),
    {
      string: keys,
      narg: Object.fromEntries(keys.map((key) => [key, 1])),
      configuration: {
        "boolean-negation": false,
        "camel-case-expansion": false,
        "dot-notation": false,
        "parse-positional-numbers": false,
      },
      // The message of its one error, a missing value, is then the flag's key alone.
      __: (_message, key) => key,
    },
  );
  return {
    texts: new Map(keys.flatMap((key) => (found[key] === undefined ? [] : [[key, [found[key]].flat()] as const]))),
    open: error === null ? undefined : openAt(error.message, words),
    unknown: words.flatMap(({ word, spelled }) => (spelled === undefined ? [word] : [])),
    extra: [...found._.map(String), ...(end < 0 ? [] : argv.slice(end + 1))],
  };
};

/**
 * A word as yargs-parser reads it, by the table's keys: `--allowDowntime=x`. The short forms of kubectl that
 * yargs-parser reads differently are made long (github.com/spf13/pflag): `-nx`, `-n=x`, `-Aojson`. Undefined where a
 * flag of the word is not in the table.
 */
const spellOut = (word: string, names: ReadonlyMap<string, string>, flags: Flags): readonly string[] | undefined => {
  const [, name = word, attached] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
  const key = names.get(name);
  if (key !== undefined) return [withText(key, attached ?? (flags[key]?.type === "boolean" ? "true" : undefined))];
  const first = names.get(word.slice(0, 2));
  // `-namespace` is a slip, not `-n amespace`.
  if (first === undefined || names.has(`-${name}`)) return undefined;
  if (flags[first]?.type !== "boolean") return [withText(first, word.slice(2))];
  const rest = spellOut(`-${word.slice(2)}`, names, flags);
  return rest && [withText(first, "true"), ...rest];
};

const withText = (key: string, text: string | undefined): string => `--${key}${text === undefined ? "" : `=${text}`}`;

const openAt = (
  key: string,
  words: readonly { readonly word: string; readonly spelled: readonly string[] | undefined }[],
): CommandLine["open"] => {
  const at = words.findLastIndex(({ spelled }) => spelled?.at(-1) === `--${key}`);
  return { key, next: words[at + 1]?.word };
};
