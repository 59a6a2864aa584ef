/** Tables in kubectl's look. */
import stringWidth from "string-width";
import { safe } from "../mesh/safe.ts";

/** A column's head; `{ wide }` is a column that stands only in wide output. */
export type Head = string | { readonly wide: string };

export type Cell = string | number | undefined;

export interface TableOptions {
  readonly noHeaders?: boolean;
  readonly wide?: boolean;
}

const gap = 3;

/**
 * Heads and rows → lines, each ended by a newline: no borders, upper-case heads, three spaces between columns, nothing trailing.
 * An empty cell reads `<none>`, as kubectl prints it. Every cell goes through `safe`, so text of the cluster cannot drive the terminal.
 */
export function table(heads: readonly Head[], rows: readonly (readonly Cell[])[], options: TableOptions = {}): string {
  const shown = heads.flatMap((head, index) => (typeof head === "string" || options.wide ? [index] : []));
  const lines = rows.map((row) => shown.map((index) => cellText(row[index])));
  if (!options.noHeaders) lines.unshift(shown.map((index) => headText(heads[index] as Head)));
  const widths = shown.map((_, column) => lines.reduce((widest, line) => Math.max(widest, stringWidth(line[column] as string)), 0) + gap);
  const pad = (text: string, column: number): string => text + " ".repeat((widths[column] as number) - stringWidth(text));
  return lines.map((line) => `${line.map(pad).join("").trimEnd()}\n`).join("");
}

const headText = (head: Head): string => (typeof head === "string" ? head : head.wide).toUpperCase();

const cellText = (cell: Cell): string => (cell === undefined || cell === "" ? "<none>" : safe(String(cell)));
