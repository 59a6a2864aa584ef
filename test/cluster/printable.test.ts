import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { printable } from "../../src/cluster/printable.ts";

for (const [text, shown] of [
  ["plain text, naïve 日本 🎉", "plain text, naïve 日本 🎉"],
  ["\u001b[31mred\u001b[0m", "\\u001b[31mred\\u001b[0m"],
  ["\u009b31m", "\\u009b31m"],
  ["one\r\ntwo\n\n three", "one two three"],
  ["evil\u202egpj", "evil\\u202egpj"],
  ["zero\u200bwidth", "zero\\u200bwidth"],
  ["tag\u{e0041}", "tag\\udb40\\udc41"],
  ["bell\u0007 back\b", "bell\\u0007 back\\u0008"],
  ["half \ud800", "half \\ud800"],
] as const) {
  test(`${JSON.stringify(text)} is shown as ${shown}`, () => assert.equal(printable(text), shown));
}

test("whatever comes, nothing acts on a terminal, and the length is bounded", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
      const shown = printable(text, 100);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
      assert.doesNotMatch(shown, /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/);
      assert.ok(shown.isWellFormed());
      assert.ok(shown.length <= 6 * 101, "an escape is six characters");
    }),
  );
});
