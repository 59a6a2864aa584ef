import assert from "node:assert/strict";
import { test } from "node:test";
import { matchesSelector } from "../../src/mesh/labels.ts";
import { isMalformedSelector, parseSelector } from "../../src/mesh/selector-text.ts";

const labels = { app: "web", "istio.io/rev": "1-20", empty: "", constructor: "x" };

const cases: [selector: string, selects: boolean | "malformed"][] = [
  ["", true],
  ["app", true],
  ["!app", false],
  ["! legacy", true],
  ["app=web", true],
  ["app==web", true],
  ["app = web", true],
  ["app!=web", false],
  ["tier!=web", true],
  ["empty=", true],
  ["app=", false],
  ["istio.io/rev in (1-19, 1-20)", true],
  ["istio.io/rev notin (1-19,1-20)", false],
  ["tier notin (a)", true],
  ["app=web,istio.io/rev=1-20,!legacy", true],
  ["app=web,istio.io/rev in (1-19,1-21)", false],
  ["a in (x,y),app", false],
  ["constructor", true],
  ["toString", false],
  ["app=web,", "malformed"],
  ["=web", "malformed"],
  ["app=web tier=x", "malformed"],
  ["app in web", "malformed"],
  ["app in (web", "malformed"],
  ["app=we b", "malformed"],
  ["-app=web", "malformed"],
  ["app=web;rm", "malformed"],
  ["replicas>1", "malformed"],
];

test("the message quotes the wrong part of a selector", () => {
  assert.deepEqual(parseSelector(" app=web, ,x"), { malformed: "a requirement is empty" });
  assert.deepEqual(parseSelector("app=web, a b "), { malformed: '"a b" is not a requirement' });
  assert.deepEqual(parseSelector("  "), { matchExpressions: [] });
});

for (const [text, expected] of cases) {
  test(`${JSON.stringify(text)}: ${expected}`, () => {
    const selector = parseSelector(text);
    assert.equal(isMalformedSelector(selector) ? "malformed" : matchesSelector(selector, labels), expected);
  });
}
