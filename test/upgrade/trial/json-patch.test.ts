/** Patches as a webhook answers them, against the library that the tests have for it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import jsonPatch from "fast-json-patch";
import { patched } from "../../../src/upgrade/trial/json-patch.ts";

const { compare } = jsonPatch;
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test("a patch between any two documents leads from the one to the other, and changes neither", () => {
  const document = fc.dictionary(
    fc.string().filter((key) => key !== "__proto__"),
    fc.jsonValue({ maxDepth: 3 }),
  );
  fc.assert(
    fc.property(document, document, (a, b) => {
      const [before, after] = [plain(a), plain(b)];
      const kept = structuredClone(before);
      assert.deepEqual(plain(patched(before, compare(before as object, after as object))), after);
      assert.deepEqual(before, kept);
    }),
    { numRuns: 500 },
  );
});

test("lists are added to in the middle and at the end, and keys may have slashes", () => {
  const before = { list: ["a", "c"], annotations: {} };
  const operations = [
    { op: "add", path: "/list/1", value: "b" },
    { op: "add", path: "/list/-", value: "d" },
    { op: "add", path: "/annotations/istio.io~1rev", value: "1-20" },
    { op: "remove", path: "/list/0" },
  ];
  assert.deepEqual(patched(before, operations), { list: ["b", "c", "d"], annotations: { "istio.io/rev": "1-20" } });
});

test("what cannot be carried out is an error, and not the document as it was", () => {
  assert.throws(() => patched({ a: 1 }, [{ op: "move", path: "/a" }]), /operation move/);
  assert.throws(() => patched({ a: 1 }, [{ op: "add", path: "/a/b", value: 1 }]), /nothing at \/a\/b/);
  assert.throws(() => patched({}, [{ op: "add", path: "/a/b", value: 1 }]), /nothing at/);
});
