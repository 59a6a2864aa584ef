import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { durationText, parseDuration } from "../../../src/mesh/text/duration.ts";

const read: readonly (readonly [text: string, ms: number | undefined])[] = [
  ["90s", 90_000],
  ["10m", 600_000],
  ["1h30m", 5_400_000],
  ["1.5s", 1500],
  ["250ms", 250],
  ["90", 90_000],
  ["0", 0],
  ["", undefined],
  ["soon", undefined],
  ["-1s", undefined],
  ["1 s", undefined],
  ["1d", undefined],
  ["1.s", undefined],
  ["1e3s", undefined],
];

for (const [text, ms] of read)
  test(`${JSON.stringify(text)} is ${ms} ms`, () => {
    assert.equal(parseDuration(text), ms);
  });

const written: readonly (readonly [ms: number, text: string])[] = [
  [7_200_000, "120m"],
  [600_000, "10m"],
  [90_000, "90s"],
  [500, "0.5s"],
  [1_500, "1.5s"],
  [0, "0s"],
];

for (const [ms, text] of written)
  test(`${ms} ms is written ${text}`, () => {
    assert.equal(durationText(ms), text);
  });

test("what is written is read back", () => {
  fc.assert(fc.property(fc.nat(), (ms) => parseDuration(durationText(ms)) === ms));
});
