import assert from "node:assert/strict";
import { test } from "node:test";
import { counted, listed } from "../../src/mesh/phrase.ts";

for (const [names, most, text] of [
  [[], 3, ""],
  [["a"], 3, "a"],
  [["a", "b"], 3, "a and b"],
  [["a", "b", "c", "d"], 3, "a, b, c and d"], // `and 1 more` would be no shorter
  [["a", "b", "c", "d", "e"], 3, "a, b, c and 2 more"],
  [["a", "b", "c"], 1, "a and 2 more"],
] as const)
  test(`a list of ${names.length}, ${most} at most`, () => assert.equal(listed(names, most), text));

test("one has the singular, zero the plural", () => {
  assert.deepEqual(
    [0, 1, 2].map((count) => counted(count, "pod")),
    ["0 pods", "1 pod", "2 pods"],
  );
});
