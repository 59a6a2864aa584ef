import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ageText, durationText, parseDuration } from "../../../src/mesh/text/duration.ts";

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

const [second, minute, hour, day] = [1_000, 60_000, 3_600_000, 86_400_000];
const ages: readonly (readonly [ms: number, text: string])[] = [
  [-5 * second, "0s"], [0, "0s"], [119 * second, "119s"], [2 * minute, "2m"], [9 * minute + 30 * second, "9m30s"],
  [10 * minute + 30 * second, "10m"], [179 * minute, "179m"], [3 * hour, "3h"], [7 * hour + 59 * minute, "7h59m"],
  [8 * hour + 59 * minute, "8h"], [47 * hour, "47h"], [48 * hour, "2d"], [7 * day + 23 * hour, "7d23h"],
  [8 * day + 5 * hour, "8d"], [729 * day, "729d"], [730 * day, "2y"], [731 * day, "2y1d"], [8 * 365 * day + day, "8y"],
]; // biome-ignore format: a table

test("an age is shown as kubectl shows it", () => {
  for (const [ms, text] of ages) assert.equal(ageText(ms), text);
});
