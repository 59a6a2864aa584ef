/** The tables of docs/danger.md: one column is what a plugin printed here, another what was measured of istioctl. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { safe } from "../../src/mesh/safe.ts";
import { measuredCell, readMeasured } from "../fixtures/danger-measured.ts";

const page = "docs/danger.md";
const updates = [...process.execArgv, ...process.argv].includes("--test-update-snapshots");

/** Rows by their case: the exit code of mesh-cleanup, and a cell of what it printed. */
export type DangerRows = ReadonlyMap<string, { readonly code: number; readonly cell: string }>;

/** A text of a plugin as a cell: ids that are new in each run have one name. */
export const cell = (text: string): string =>
  safe(text)
    .replaceAll("|", "\\|")
    .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "UID")
    .replace(/(istiod-1-19)-[0-9a-z]+-[0-9a-z]{5}\b/g, "$1-POD")
    .replace(/\b[0-9a-f]{12}\b/g, "RUN");

/**
 * Asserts that the table of the page whose third column has this title has these rows, each beside what was measured of
 * istioctl, and that mesh-cleanup ended on the real mesh as it does here. `--test-update-snapshots` writes the table.
 */
export function isOnPage(title: string, rows: DangerRows): void {
  const { command, cases } = readMeasured();
  const head = `| case | exit code | ${title} | \`${command}\` |`;
  const lines = [...rows].map(([what, { code, cell }]) => {
    const measured = cases[what];
    assert.ok(measured, `npm run bench:danger has not measured "${what}"`);
    if ("cleanup" in measured) assert.equal(measured.cleanup, code, `exit code on the real mesh: ${what}`);
    return `| ${what} | ${code} | ${cell} | ${measuredCell(measured)} |`;
  });
  const before = readFileSync(page, "utf8");
  const [top, old, ...bottom] = cutAt(before, `| case | exit code | ${title} |`);
  assert.ok(old !== undefined, `${page} has no table "${title}"`);
  const table = [head, "|---|---|---|---|", ...lines].join("\n");
  if (updates) writeFileSync(page, `${top}${table}${bottom.join("")}`);
  else assert.equal(old, table);
}

/** The text before a table that begins with this line, the table, and the text after it. */
function cutAt(text: string, head: string): readonly string[] {
  const begin = text.indexOf(head);
  if (begin < 0) return [text];
  const end = text.indexOf("\n\n", begin);
  return [text.slice(0, begin), text.slice(begin, end), text.slice(end)];
}
