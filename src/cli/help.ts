/** The text of `--help`. In a part of its own, which nothing else loads. */
import { kebab } from "./argv.ts";
import { ownFlags } from "./parse.ts";
import type { Flag, Flags, Plugin } from "./plugin.ts";

/** What `--help` prints, `columns` wide at most. */
export const helpText = <F extends Flags>(plugin: Plugin<F>, columns: number): string => {
  const width = Math.max(60, Math.min(columns, 120));
  const groups = Map.groupBy(Object.entries<Flag>({ ...plugin.options, ...ownFlags }), ([, { group = "Flags:" }]) => group);
  const examples = plugin.examples.map(([command, what]) => `  # ${what}\n  ${command}`).join("\n\n");
  return [
    wrap(plugin.describe, width).join("\n"),
    `Usage: kubectl ${plugin.name} [flags]`,
    ...[...groups].map(([group, flags]) => [group, ...flagLines(flags, width)].join("\n")),
    `Examples:\n${examples}`,
    exitCodes,
    `Completion by the Tab key: kubectl ${plugin.name} completion`,
    ...(plugin.epilogue === undefined ? [] : [plugin.epilogue]),
  ].join("\n\n");
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

/** Two columns: what is typed, and what for. */
const flagLines = (flags: readonly (readonly [key: string, flag: Flag])[], width: number): readonly string[] => {
  const names = flags.map(([key, { alias }]) => (key.length === 1 ? `  -${key}` : `  ${alias ? `-${alias},` : "   "} --${kebab(key)}`));
  const indent = Math.max(...names.map((name) => name.length)) + 2;
  return flags.flatMap(([, flag], row) =>
    wrap(purpose(flag), width - indent).map((text, line) => (line === 0 ? (names[row] ?? "") : "").padEnd(indent) + text),
  );
};

const purpose = ({ describe, choices, demandOption, default: value }: Flag): string => {
  const notes = [...(demandOption ? ["(needed)"] : []), ...(typeof value === "string" && value !== "" ? [`(default ${value})`] : [])];
  return [`${describe}${choices ? `: ${choices.join(", ")}` : ""}`, ...notes].join(" ");
};

const wrap = (text: string, width: number): readonly string[] => {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
};
