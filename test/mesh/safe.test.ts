import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { safe, safeLines } from "../../src/mesh/safe.ts";

const cases: readonly (readonly [what: string, text: string, shown: string])[] = [
  ["an escape sequence", "\u001b[31mred", "\\u001b[31mred"],
  ["the 8-bit CSI", "\u009b31m", "\\u009b31m"],
  ["a link (OSC 8)", "\u001b]8;;http://x\u0007y", "\\u001b]8;;http://x\\u0007y"],
  ["carriage return and backspace", "a\rb\bc", "a\\u000db\\u0008c"],
  ["a changed reading direction", "a\u202eb\u2066c", "a\\u202eb\\u2066c"],
  ["invisible characters", "a\u200bb\ufeffc\u00add", "a\\u200bb\\ufeffc\\u00add"],
  ["tag characters", "a\u{e0041}", "a\\udb40\\udc41"],
  ["an unpaired surrogate", "a\ud800b\udc00", "a\\ud800b\\udc00"],
  ["letters of other scripts", "é漢字ёשא😀", "é漢字ёשא😀"],
];

for (const [what, text, shown] of cases)
  test(`shows ${what}`, () => {
    assert.equal(safe(text), shown);
    assert.equal(safeLines(text), shown);
  });

test("line ends and tabs are escaped in a cell and kept in a text", () => {
  assert.equal(safe("a\n\tb"), "a\\u000a\\u0009b");
  assert.equal(safeLines("a\n\tb"), "a\n\tb");
});

test("cuts at the given length", () => {
  assert.equal(safe("abcdef", 3), "abc…");
  assert.equal(safe("abc", 3), "abc");
});

test("no control character is left of any text, and none is lost", () => {
  const unit = fc.oneof(fc.nat(0xffff), fc.constantFrom(0x1b, 0x9b, 0x202e, 0xd800, 0xdc41, 0xdb40, 10, 13, 0x5c));
  fc.assert(
    fc.property(fc.array(unit), (units) => {
      const text = String.fromCharCode(...units);
      const shown = safe(text);
      assert.ok(shown.isWellFormed());
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression looks for control characters
      assert.doesNotMatch(shown, /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f]/);
      if (!text.includes("\\")) assert.equal(JSON.parse(`"${shown.replaceAll('"', '\\"')}"`), text);
    }),
  );
});

test("a JSON text keeps its value", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ unit: "binary" }), (value, text) => {
      const whole = { value, text, [text]: "\u009b\u202e\u{e0041}\u007f" };
      assert.deepEqual(JSON.parse(safeLines(JSON.stringify(whole, undefined, 2))), JSON.parse(JSON.stringify(whole)));
    }),
  );
});
