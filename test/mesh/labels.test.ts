import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { LabelSelector } from "../../src/mesh/kubernetes.ts";
import { isEmptySelector, labelOf, matchesSelector } from "../../src/mesh/labels.ts";

test("labelOf tells an absent label from an empty one", () => {
  assert.equal(labelOf({ a: "" }, "a"), "");
  assert.equal(labelOf({}, "constructor"), undefined);
  assert.equal(labelOf(JSON.parse('{"__proto__":"x"}'), "__proto__"), "x");
  assert.equal(labelOf(undefined, "a"), undefined);
});

const expression = (operator: string, ...values: string[]): LabelSelector => ({
  matchExpressions: [{ key: "k", operator, values }],
});

for (const [title, selector, labels, expected] of [
  ["an absent selector selects everything", undefined, {}, true],
  ["an empty selector selects everything", {}, { k: "v" }, true],
  ["matchLabels that match", { matchLabels: { k: "v" } }, { k: "v", other: "x" }, true],
  ["matchLabels with another value", { matchLabels: { k: "v" } }, { k: "w" }, false],
  ["matchLabels of an absent label, even if empty", { matchLabels: { k: "" } }, {}, false],
  ["In", expression("In", "a", "b"), { k: "b" }, true],
  ["In with another value", expression("In", "a", "b"), { k: "c" }, false],
  ["In of an absent label", expression("In", "a"), {}, false],
  ["NotIn", expression("NotIn", "a"), { k: "b" }, true],
  ["NotIn with that value", expression("NotIn", "a"), { k: "a" }, false],
  ["NotIn of an absent label", expression("NotIn", "a"), {}, true],
  ["Exists of an empty label", expression("Exists"), { k: "" }, true],
  ["Exists of an absent label", expression("Exists"), {}, false],
  ["DoesNotExist of an absent label", expression("DoesNotExist"), {}, true],
  ["DoesNotExist of an empty label", expression("DoesNotExist"), { k: "" }, false],
  ["both parts must match", { matchLabels: { k: "v" }, ...expression("NotIn", "v") }, { k: "v" }, false],
] as const satisfies readonly (readonly [string, LabelSelector | undefined, Record<string, string>, boolean])[])
  test(title, () => assert.equal(matchesSelector(selector, labels), expected));

test("an unknown operator is an error", () => {
  assert.throws(() => matchesSelector(expression("Gt", "1"), { k: "2" }), /unknown operator "Gt" on label "k"/);
});

const values = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1 });
const labels = fc.dictionary(fc.constantFrom("k", "constructor", "__proto__"), fc.constantFrom("", "a", "b", "c"));

test("NotIn is the opposite of In, DoesNotExist that of Exists", () => {
  fc.assert(
    fc.property(values, labels, (list, set) => {
      assert.equal(
        matchesSelector(expression("NotIn", ...list), set),
        !matchesSelector(expression("In", ...list), set),
      );
      assert.equal(matchesSelector(expression("DoesNotExist"), set), !matchesSelector(expression("Exists"), set));
    }),
  );
});

test("one more requirement never selects more", () => {
  const requirement = fc.record({
    key: fc.constantFrom("k", "constructor"),
    operator: fc.constantFrom("In", "NotIn", "Exists", "DoesNotExist"),
    values,
  });
  fc.assert(
    fc.property(fc.array(requirement), requirement, labels, (some, more, set) => {
      assert.ok(
        matchesSelector({ matchExpressions: some }, set) ||
          !matchesSelector({ matchExpressions: [...some, more] }, set),
      );
    }),
  );
});

test("a selector without requirements is empty", () => {
  assert.equal(isEmptySelector({ matchLabels: {}, matchExpressions: [] }), true);
  assert.equal(isEmptySelector(expression("Exists")), false);
});
