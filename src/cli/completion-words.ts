/** What is being typed when Tab is pressed. A half-typed line is no error: unknown words are ignored. */
import { type CommandLine, flagNames, readCommandLine } from "./flags/command-line.ts";
import type { Flag, Flags } from "./plugin.ts";

export type Wanted =
  | { readonly kind: "flag"; readonly partial: string; readonly typed: CommandLine["texts"] }
  /** `before` stands in front of what is completed and is part of the same word: `--to=`, `shop,`. */
  | {
      readonly kind: "value";
      readonly key: string;
      readonly flag: Flag;
      readonly before: string;
      readonly partial: string;
      readonly typed: CommandLine["texts"];
    }
  | { readonly kind: "nothing" };

/** `words` as kubectl gives them: all that follows the plugin's name, the last one being the one at the cursor. */
export const wantedOf = (words: readonly string[], flags: Flags): Wanted => {
  const [before, last] = [words.slice(0, -1), words.at(-1) ?? ""];
  if (before.includes("--")) return { kind: "nothing" };
  const { texts: typed, open } = readCommandLine(before, flags);
  if (open !== undefined && open.next === undefined) return wantedValue(open.key, flags, "", last, typed);
  const [, name = "", text = ""] = /^(--[^=]+)=(.*)$/s.exec(last) ?? [];
  const key = flagNames(flags).get(name);
  if (key !== undefined) return wantedValue(key, flags, `${name}=`, text, typed);
  return last === "" || last.startsWith("-") ? { kind: "flag", partial: last, typed } : { kind: "nothing" };
};

const wantedValue = (key: string, flags: Flags, before: string, text: string, typed: CommandLine["texts"]): Wanted => {
  const flag = flags[key];
  if (flag === undefined) return { kind: "nothing" };
  const comma = flag.array ? text.lastIndexOf(",") + 1 : 0;
  return { kind: "value", key, flag, before: before + text.slice(0, comma), partial: text.slice(comma), typed };
};
