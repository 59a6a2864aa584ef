import assert from "node:assert/strict";
import { test } from "node:test";
import { instantOf, isBefore } from "../../src/mesh/instant.ts";

test("instantOf parses the times of the API server and of istiod", () => {
  const base = Date.UTC(2026, 10, 3, 4, 5, 6);
  for (const [text, millis] of [
    ["2026-11-03T04:05:06Z", base],
    ["2026-11-03T06:05:06+02:00", base],
    ["2026-11-03T04:05:06.123456789Z", base + 123],
    ["2026-11-03T06:05:06.9Z", base + 7_200_900],
  ] as const)
    assert.equal(instantOf(text), millis, text);
});

test("a text that is not a timestamp has no instant", () => {
  for (const text of [
    undefined,
    "",
    "0",
    "120",
    "yesterday",
    "2026-11-03",
    "2026-13-03T04:05:06Z",
    "2026-11-03 04:05:06",
    "+2026-11-03T04:05:06Z",
    "2026-11-03T04:05:06Z (UTC)",
  ]) {
    assert.equal(instantOf(text), undefined, String(text));
    assert.equal(isBefore(text, "2026-11-03T04:05:06Z"), false);
    assert.equal(isBefore("2026-11-03T04:05:06Z", text), false);
  }
});

test("the same instant in two forms is not before itself", () => {
  assert.equal(instantOf("2026-11-03T04:05:06Z"), instantOf("2026-11-03T05:05:06+01:00"));
  assert.equal(isBefore("2026-11-03T04:05:06Z", "2026-11-03T05:05:06+01:00"), false);
  assert.equal(isBefore("2026-11-03T04:05:05.999Z", "2026-11-03T04:05:06Z"), true);
});
