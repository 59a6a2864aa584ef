/** Packages that measure text, as they are bundled: quicker to start, and the same in what they say. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import fc from "fast-check";
import { asciiFirst, deferConstants } from "../../scripts/text-width.ts";

const ofTables = createRequire(createRequire(import.meta.url).resolve("cli-table3"));
const file = ofTables.resolve("string-width");

/** string-width 4 from this source; `made` hears of what it asks for. */
const measure = (source: string, made = (_: string): void => {}): ((text: unknown) => number) => {
  const module = { exports: (_: unknown): number => Number.NaN };
  const load = (id: string): unknown => {
    const loaded: unknown = createRequire(file)(id);
    if (typeof loaded !== "function") return loaded;
    return (...words: unknown[]) => {
      made(id);
      return loaded(...words);
    };
  };
  new Function("module", "require", source)(module, load);
  return module.exports;
};

test("string-width measures every text as before", () => {
  const source = readFileSync(file, "utf8");
  const [before, now] = [measure(source), measure(asciiFirst(source))];
  const mixed = fc
    .array(fc.oneof(fc.string(), fc.constantFrom("\u001b[31m", "👩‍👧", "é", "表", "\t", "\u007f", " ~")))
    .map((parts) => parts.join(""));
  fc.assert(fc.property(fc.oneof(mixed, fc.string({ unit: "binary" })), (text) => now(text) === before(text)));
  for (const other of [undefined, 7, null, ""]) assert.equal(now(other), before(other));
});

test("plain ASCII is not searched for emoji", () => {
  const asked: string[] = [];
  const now = measure(asciiFirst(readFileSync(file, "utf8")), (id) => asked.push(id));
  assert.equal(now("istio.io/rev=1-20 ~"), 19);
  assert.deepEqual(asked, []);
  assert.equal(now("表"), 2);
  assert.ok(asked.some((id) => id === "emoji-regex"));
});

test("constants that take long to make are made at first use, once", () => {
  const source =
    "const segmenter = new Intl.Segmenter();\nconst width = text => [...segmenter.segment(text)].length + Number(segmenter === segmenter);\nreturn width;";
  let made = 0;
  class Segmenter extends Intl.Segmenter {
    constructor() {
      super();
      made++;
    }
  }
  const width = new Function("Intl", deferConstants(source))({ Segmenter }) as (text: string) => number;
  assert.equal(made, 0);
  assert.deepEqual([width("ab"), width("👩‍👧")], [3, 2]);
  assert.equal(made, 1);
});
