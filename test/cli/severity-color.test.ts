import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { colorSeverity } from "../../src/cli/severity-color.ts";

const cases: readonly (readonly [text: string, colored: string])[] = [
  ["error: x\n", "\u001b[1m\u001b[31merror:\u001b[39m\u001b[22m x\n"],
  ["blocker: ns/web: x", "\u001b[1m\u001b[31mblocker:\u001b[39m\u001b[22m ns/web: x"],
  ["warning: x", "\u001b[1m\u001b[33mwarning:\u001b[39m\u001b[22m x"],
  ["unknown: x", "\u001b[1m\u001b[35munknown:\u001b[39m\u001b[22m x"],
  ["note: x", "\u001b[2mnote:\u001b[22m x"],
];

for (const [text, colored] of cases)
  test(`colours ${JSON.stringify(text)}`, () => {
    assert.equal(colorSeverity(text), colored);
  });

test("colours the first word of a line, and nothing else", () => {
  for (const text of ["an error: x", "  error: x", "errors: x", "NAMESPACE   NOTE\nshop   warning: x\n", "error", ""])
    assert.equal(colorSeverity(text), text);
  const text = "shop   1-20\n\nwarning: a\n  → b\nnote: c\n";
  assert.equal(stripVTControlCharacters(colorSeverity(text)), text);
  assert.equal(colorSeverity(text).split("\u001b[1m").length, 2);
});
