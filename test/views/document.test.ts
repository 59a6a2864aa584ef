import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { load } from "js-yaml";
import { apiVersion, jsonLineView, jsonView, type ResultDocument, yamlView } from "../../src/views/document.ts";

const document = (fields: object): ResultDocument => ({ apiVersion, kind: "Test", ...fields, exitCode: 0 });

test("what is not there is null, and the order of fields stays", () => {
  assert.equal(
    jsonLineView(document({ a: undefined, b: [1] })),
    '{"apiVersion":"kubectl-mesh/v1","kind":"Test","a":null,"b":[1],"exitCode":0}\n',
  );
  assert.equal(
    yamlView(document({ a: undefined, b: [1] })),
    "apiVersion: kubectl-mesh/v1\nkind: Test\na: null\nb:\n  - 1\nexitCode: 0\n",
  );
});

test("names that look like numbers, booleans or dates stay text in YAML", () => {
  const names = { names: ["120", "1e3", "true", "no", "null", "~", "2026-11-03", "0x10", "1-20", ""] };
  assert.deepEqual((load(yamlView(document(names))) as { names?: unknown }).names, names.names);
});

test("no text can drive a terminal or turn its reading order, and JSON and YAML give it back as it was", () => {
  const acting = fc.constantFrom(
    "\u001b",
    "\u009b",
    "\u202e",
    "\u2066",
    "\u200b",
    "\ufeff",
    "\u0085",
    "\u2028",
    "\n",
    "\t",
    "\r",
    "'",
    '"',
    "\\",
    ": ",
    "# ",
    "- ",
    "é",
    "日",
  );
  const text = fc.array(fc.oneof(acting, fc.string({ maxLength: 4 })), { maxLength: 6 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), (texts) => {
      const value = document({ texts, nested: { deep: texts } });
      for (const view of [jsonView, jsonLineView, yamlView]) {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        assert.doesNotMatch(view(value), /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u202e\u2028\u2066\ufeff]/);
      }
      assert.deepEqual(JSON.parse(jsonView(value)), value);
      assert.deepEqual(load(yamlView(value)), value);
    }),
    { numRuns: 300 },
  );
});
