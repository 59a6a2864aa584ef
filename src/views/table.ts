/** Tables that look like kubectl's, drawn by cli-table3. */
import Table from "cli-table3";
import { safe } from "../mesh/safe.ts";

/** A column's head; `{ wide }` is a column of wide output only. */
export type Head = string | { readonly wide: string };

export type Cell = string | number | undefined;

export interface TableOptions {
  readonly noHeaders?: boolean;
  readonly wide?: boolean;
}

const gap = 3;
const rowsAtOnce = 50;

const borders = [
  "top",
  "top-mid",
  "top-left",
  "top-right",
  "bottom",
  "bottom-mid",
  "bottom-left",
  "bottom-right",
  "left",
  "left-mid",
  "mid",
  "mid-mid",
  "right",
  "right-mid",
  "middle",
] as const;
const look = {
  chars: Object.fromEntries(borders.map((border) => [border, ""])),
  style: { head: [], border: [], "padding-left": 0, "padding-right": gap, compact: true },
  // Never shown, because columns are as wide as their cells. But it is measured with each cell, and its usual `…` takes
  // longer.
  truncate: "~",
};

/**
 * Heads and rows as lines: no borders, upper-case heads, three spaces between columns, no spaces at the end, and a
 * newline after each line. An empty cell is `<none>`, as in kubectl. Every cell goes through `safe`, so that text of
 * the cluster cannot control the terminal.
 */
export function table(heads: readonly Head[], rows: readonly (readonly Cell[])[], options: TableOptions = {}): string {
  const shown = heads.flatMap((head, index) => (typeof head === "string" || options.wide ? [index] : []));
  const lines = rows.map((row) => shown.map((index) => cellText(row[index])));
  if (!options.noHeaders) lines.unshift(shown.map((index) => headText(heads[index] as Head)));
  const widths = shown.map((_, column) => Math.max(1, ...lines.map((line) => widthOf(line[column] as string))) + gap);
  return batches(lines)
    .map((batch) => draw(batch, widths))
    .join("");
}

const headText = (head: Head): string => (typeof head === "string" ? head : head.wide).toUpperCase();

const cellText = (cell: Cell): string => (cell === undefined || cell === "" ? "<none>" : safe(String(cell)));

/**
 * cli-table3 compares each cell with all rows before it. With batches the time grows with the number of rows, and not
 * with its square.
 */
const batches = (lines: readonly string[][]): string[][][] =>
  Array.from({ length: Math.ceil(lines.length / rowsAtOnce) }, (_, index) =>
    lines.slice(index * rowsAtOnce, (index + 1) * rowsAtOnce),
  );

function draw(lines: readonly string[][], widths: readonly number[]): string {
  const drawing = new Table({ ...look, colWidths: [...widths] });
  drawing.push(...lines.map((line) => [...line]));
  return drawing
    .toString()
    .split("\n")
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}

/** The width of a text in terminal columns; cli-table3 measures text that is not plain ASCII. */
function widthOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  const ruler = new Table(look);
  ruler.push([text]);
  ruler.toString();
  return (ruler.options.colWidths[0] ?? text.length + gap) - gap;
}
