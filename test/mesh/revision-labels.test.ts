import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type RevisionLabels,
  revisionLabelsOf,
  revisionLabelsText,
  sameRevisionLabels,
} from "../../src/mesh/revision-labels.ts";

const pair = (injection: string | null, revision: string | null): RevisionLabels => ({
  "istio-injection": injection,
  "istio.io/rev": revision,
});

test("the two labels are read out of all labels; an absent one is null, an empty one is empty", () => {
  assert.deepEqual(revisionLabelsOf({ team: "shop", "istio-injection": "enabled" }), pair("enabled", null));
  assert.deepEqual(revisionLabelsOf({ "istio.io/rev": "", "istio-injection": "" }), pair("", ""));
  assert.deepEqual(revisionLabelsOf(undefined), pair(null, null));
});

const pairs: readonly (readonly [title: string, a: RevisionLabels, b: RevisionLabels, same: boolean])[] = [
  ["equal", pair("enabled", "1-20"), pair("enabled", "1-20"), true],
  ["both absent", pair(null, null), pair(null, null), true],
  ["another injection", pair("enabled", "1-20"), pair("disabled", "1-20"), false],
  ["another revision", pair(null, "1-20"), pair(null, "1-21"), false],
  ["absent and empty injection", pair(null, "1-20"), pair("", "1-20"), false],
  ["absent and empty revision", pair("enabled", null), pair("enabled", ""), false],
];
for (const [title, a, b, same] of pairs)
  test(`two pairs of labels, ${title}: ${same ? "same" : "different"}`, () => {
    assert.equal(sameRevisionLabels(a, b), same);
    assert.equal(sameRevisionLabels(b, a), same);
  });

const texts: readonly (readonly [RevisionLabels, string])[] = [
  [pair("enabled", null), "istio-injection=enabled"],
  [pair(null, "1-20"), "istio.io/rev=1-20"],
  [pair("disabled", "1-20"), "istio-injection=disabled,istio.io/rev=1-20"],
  [pair("", null), "istio-injection="],
  [pair(null, null), "<none>"],
];
for (const [labels, text] of texts) test(`shown as ${text}`, () => assert.equal(revisionLabelsText(labels), text));
