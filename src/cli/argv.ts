/**
 * Reads a command line as kubectl reads its own (github.com/spf13/pflag): `-n x`, `-nx`, `-n=x`, `-Aojson`, `--to x`,
 * `--to=x`,
 * `--no-headers=false`. Stricter where a slip would change a cluster: a value that looks like a flag, an empty value
 * and a single-valued flag given twice are errors. parse.ts takes it from there.
 */
import { UsageError } from "./exit-errors.ts";
import type { Flag, Flags } from "./plugin.ts";

/** A flag as given: its key in the table and its text; of a boolean flag, `true` or `false`. */
export interface Given {
  readonly key: string;
  readonly text: string;
}

/** `allowDowntime` → `allow-downtime`. */
export const kebab = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** How a flag is called in a message: `-n/--namespace`, `--to`, `-v`. */
export const flagName = (key: string, flag: Flag): string => {
  const long = key.length > 1 ? `--${kebab(key)}` : `-${key}`;
  return typeof flag.alias === "string" ? `-${flag.alias}/${long}` : long;
};

/** The flags of `argv` in the order given. Throws `UsageError`, with what may have been meant. */
export const readArgv = (argv: readonly string[], flags: Flags): readonly Given[] => {
  const names = namesOfFlags(flags);
  const given: Given[] = [];
  const words = [...argv];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "--" && words.length > 0) throw unexpected(words[0] ?? "");
    if (word === "--") break;
    if (!word.startsWith("-") || word === "-") throw unexpected(word);
    if (word.startsWith("--")) readLong(word, words, names, given);
    else readShort(word, words, names, given);
  }
  refuseTwice(given, flags);
  return given;
};

type Names = ReadonlyMap<string, readonly [key: string, flag: Flag]>;

const namesOfFlags = (flags: Flags): Names => {
  const names = new Map<string, readonly [string, Flag]>();
  for (const [key, flag] of Object.entries(flags)) {
    names.set(key.length > 1 ? `--${kebab(key)}` : `-${key}`, [key, flag]);
    if (typeof flag.alias === "string") names.set(`-${flag.alias}`, [key, flag]);
  }
  return names;
};

const readLong = (word: string, rest: string[], names: Names, given: Given[]): void => {
  const equals = word.indexOf("=");
  const name = equals < 0 ? word : word.slice(0, equals);
  // kubectl takes `--v=6` as well as `-v=6`.
  const found = names.get(name) ?? (name.length === 3 ? names.get(name.slice(1)) : undefined);
  if (found === undefined) throw unknownFlag(name, names);
  given.push(take(found, equals < 0 ? undefined : word.slice(equals + 1), rest));
};

const readShort = (word: string, rest: string[], names: Names, given: Given[]): void => {
  const bare = word.replace(/=.*/s, "");
  if (bare.length > 2 && names.has(`-${bare}`)) throw new UsageError(`unknown flag ${bare}`, `did you mean -${bare}?`);
  for (let at = 1; at < word.length; at++) {
    const found = names.get(`-${word[at]}`);
    if (found === undefined) throw unknownFlag(word.length === 2 ? word : `-${word[at]} in ${word}`, names);
    const after = word.slice(at + 1);
    if (after === "" || after.startsWith("=") || found[1].type !== "boolean") {
      given.push(take(found, after === "" ? undefined : after.replace(/^=/, ""), rest));
      return;
    }
    given.push({ key: found[0], text: "true" });
  }
};

const truths = new Map([
  ...["1", "t", "T", "true", "TRUE", "True"].map((text) => [text, "true"] as const),
  ...["0", "f", "F", "false", "FALSE", "False"].map((text) => [text, "false"] as const),
]);

const take = ([key, flag]: readonly [string, Flag], attached: string | undefined, rest: string[]): Given => {
  const name = flagName(key, flag);
  if (flag.type === "boolean") {
    const text = truths.get(attached ?? "true");
    if (text === undefined)
      throw new UsageError(`${name} is on or off: ${JSON.stringify(attached)} is neither true nor false`);
    return { key, text };
  }
  const choices = flag.choices?.map(String);
  if (attached === undefined && (rest[0] === undefined || /^-./.test(rest[0]))) {
    const next = rest[0] === undefined ? "" : `, and ${JSON.stringify(rest[0])} looks like the next flag`;
    throw new UsageError(`${name} needs a value${next}`, choices ? `one of ${choices.join(", ")}` : undefined);
  }
  const text = attached ?? rest.shift() ?? "";
  if (text === "") throw new UsageError(`${name} has an empty value`, "is a variable of your script unset?");
  if (choices && !choices.includes(text))
    throw new UsageError(`${name} cannot be ${JSON.stringify(text)}`, `one of ${choices.join(", ")}`);
  return { key, text };
};

const refuseTwice = (given: readonly Given[], flags: Flags): void => {
  const first = new Map<string, string>();
  for (const { key, text } of given) {
    const flag = flags[key];
    const before = first.get(key);
    if (flag !== undefined && !flag.array && before !== undefined && (flag.type !== "boolean" || before !== text))
      throw new UsageError(
        `${flagName(key, flag)} is given twice: ${JSON.stringify(before)} and ${JSON.stringify(text)}`,
      );
    first.set(key, text);
  }
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

const unknownFlag = (name: string, names: Names): UsageError => {
  const near = [...names.keys()]
    .filter((known) => known.startsWith("--"))
    .map((known) => ({ known, far: distance(name.toLowerCase().replace(/^-*/, "--").replaceAll("_", "-"), known) }))
    .sort((a, b) => a.far - b.far)[0];
  return new UsageError(
    `unknown flag ${name}`,
    near && near.far <= Math.max(1, Math.floor(near.known.length / 4)) ? `did you mean ${near.known}?` : undefined,
  );
};

/** Levenshtein's distance, without the dashes' weight. */
const distance = (a: string, b: string): number => {
  const [x, y] = [a.replaceAll("-", ""), b.replaceAll("-", "")];
  let row = Array.from({ length: y.length + 1 }, (_, j) => j);
  for (let i = 1; i <= x.length; i++) {
    const next = [i];
    for (let j = 1; j <= y.length; j++)
      next.push(
        Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (x[i - 1] === y[j - 1] ? 0 : 1)),
      );
    row = next;
  }
  return row[y.length] ?? 0;
};
