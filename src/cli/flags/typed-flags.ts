/** Flags written as a command line again, for the commands that a result ends with. */
import { durationText } from "../../mesh/text/duration.ts";
import type { Flags } from "../plugin.ts";
import { longName } from "./command-line.ts";
import { durationOf } from "./flag-values.ts";

/** Never repeated on a screen or in a log. */
const secrets: ReadonlySet<string> = new Set(["token"]);

/** The flags of this table that were given and differ from their default, as words. */
export const typedFlags = (args: Readonly<Record<string, unknown>>, flags: Flags): readonly string[] =>
  Object.entries(flags).flatMap(([key, flag]) => {
    const value = args[key];
    const fallback = flag.coerce && typeof flag.default === "string" ? flag.coerce(flag.default) : flag.default;
    if (value === undefined || value === fallback || secrets.has(key)) return [];
    if (flag.type === "boolean") return [value === true ? longName(key) : `${longName(key)}=false`];
    // durationOf makes milliseconds of the text.
    const text = (each: unknown): string => (flag.coerce === durationOf ? durationText(Number(each)) : String(each));
    return [value].flat().flatMap((each) => [longName(key), text(each)]);
  });
