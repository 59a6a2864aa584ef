/** What is being typed when Tab is pressed. A half-typed line is no error: what is not understood is passed over. */
import { kebab } from "./argv.ts";
import type { Flag, Flags } from "./plugin.ts";

/** Flag key → the texts typed for it. */
export type FlagsSoFar = ReadonlyMap<string, readonly string[]>;

export type Wanted =
  | { readonly kind: "flag"; readonly partial: string; readonly typed: FlagsSoFar }
  /** `before` stands in front of what is completed and is part of the same word: `--to=`, `shop,`. */
  | {
      readonly kind: "value";
      readonly key: string;
      readonly flag: Flag;
      readonly before: string;
      readonly partial: string;
      readonly typed: FlagsSoFar;
    }
  | { readonly kind: "nothing" };

/** `words` as kubectl gives them: all that follows the plugin's name, the last one being the one at the cursor. */
export const wantedOf = (words: readonly string[], flags: Flags): Wanted => {
  const [before, last] = [words.slice(0, -1), words.at(-1) ?? ""];
  const typed = new Map<string, readonly string[]>();
  let open: string | undefined;
  const add = (key: string, text: string): void => void typed.set(key, [...(typed.get(key) ?? []), text]);
  for (const word of before) {
    if (open !== undefined) add(open, word);
    else if (word === "--") return { kind: "nothing" };
    const read = open === undefined ? readWord(word, flags) : undefined;
    open = read !== undefined && read.text === undefined && flags[read.key]?.type !== "boolean" ? read.key : undefined;
    if (read !== undefined && open === undefined) add(read.key, read.text ?? "true");
  }
  if (open !== undefined) return wantedValue(open, flags, "", last, typed);
  const [, name, text] = /^(--[^=]+=)(.*)$/s.exec(last) ?? [];
  const key = name === undefined ? undefined : readWord(name, flags)?.key;
  if (key !== undefined) return wantedValue(key, flags, name ?? "", text ?? "", typed);
  return last === "" || last.startsWith("-") ? { kind: "flag", partial: last, typed } : { kind: "nothing" };
};

const wantedValue = (key: string, flags: Flags, before: string, text: string, typed: FlagsSoFar): Wanted => {
  const flag = flags[key];
  if (flag === undefined) return { kind: "nothing" };
  const comma = flag.array ? text.lastIndexOf(",") + 1 : 0;
  return { kind: "value", key, flag, before: before + text.slice(0, comma), partial: text.slice(comma), typed };
};

/** `--to=x`, `--to`, `-n`, `-nx`, `-An`. */
const readWord = (
  word: string,
  flags: Flags,
): { readonly key: string; readonly text: string | undefined } | undefined => {
  if (word.startsWith("--")) {
    const equals = word.indexOf("=");
    const name = equals < 0 ? word : word.slice(0, equals);
    const key = Object.keys(flags).find((each) => each.length > 1 && `--${kebab(each)}` === name);
    return key === undefined ? undefined : { key, text: equals < 0 ? undefined : word.slice(equals + 1) };
  }
  if (!word.startsWith("-")) return undefined;
  for (let at = 1; at < word.length; at++) {
    const key = Object.keys(flags).find((each) => each === word[at] || flags[each]?.alias === word[at]);
    if (key === undefined) return undefined;
    const rest = word.slice(at + 1).replace(/^=/, "");
    if (flags[key]?.type !== "boolean" || rest === "") return { key, text: rest === "" ? undefined : rest };
  }
  return undefined;
};
