/** Flags as words of a command line again, for the commands that a result ends with. */
import { durationText } from "../mesh/duration.ts";
import { longName } from "./command-line.ts";
import type { Flags } from "./plugin.ts";

/** Never repeated on a screen or in a log. */
const secrets: ReadonlySet<string> = new Set(["token"]);

/**
 * The flags of this table that were given and differ from their default. `durations` names those that were read as
 * milliseconds; they are written so that kubectl reads them too.
 */
export const typedFlags = (
  args: Readonly<Record<string, unknown>>,
  flags: Flags,
  durations: readonly string[] = [],
): readonly string[] =>
  Object.entries(flags).flatMap(([key, flag]) => {
    const value = args[key];
    const fallback = flag.coerce && typeof flag.default === "string" ? flag.coerce(flag.default) : flag.default;
    if (value === undefined || value === fallback || secrets.has(key)) return [];
    if (flag.type === "boolean") return value === true ? [longName(key)] : [`${longName(key)}=false`];
    return [value]
      .flat()
      .flatMap((each) => [longName(key), durations.includes(key) ? durationText(Number(each)) : String(each)]);
  });
