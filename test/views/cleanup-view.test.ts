/** The proof as text, as names and as a document, for each way in which it can end. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { load } from "js-yaml";
import { type CleanupResult, checkedResult } from "../../src/upgrade/cleanup/cleanup-result.ts";
import { cleanupDocument } from "../../src/views/cleanup-document.ts";
import { cleanupNamesView, cleanupView } from "../../src/views/cleanup-view.ts";
import { jsonView, yamlView } from "../../src/views/document.ts";
import { type CleanupWords, cleanupFacts } from "../fixtures/cleanup.ts";
import { tag } from "../fixtures/mesh.ts";
import { pod } from "../fixtures/pods.ts";
import { golden } from "./golden.ts";

const day = 24 * 3_600_000;
const resultOf = (words: CleanupWords, soakMs = day): CleanupResult => {
  const facts = cleanupFacts(words);
  return checkedResult(facts, soakMs);
};
/** A Job's pod that ended on it. */
const ended = { mesh: { pods: [pod("plain", "job-1", "1-19", { phase: "Succeeded" })], connected: { "job-1": null } } };
const hostile = "x\u001b[31m\u202ey";

const results: Readonly<Record<string, CleanupResult>> = {
  unused: resultOf(ended, 60_000),
  soaking: resultOf(ended),
  "in-use": resultOf({
    mesh: {
      tags: [tag("default", "1-19"), tag("prod", "1-20")],
      namespaces: [{ name: hostile, labels: { "istio.io/rev": "1-19" } }, { name: "shop" }],
    },
  }),
  "cannot-tell": resultOf({
    mesh: { silent: ["istio-system/istiod-1-19-7f-abc"] },
    missing: [
      { check: "cleanup-callers", subject: "ingresses", reason: "you may not list ingresses", essential: true },
    ],
  }),
};
const exitCodes: Readonly<Record<string, number>> = { unused: 0, soaking: 3, "in-use": 3, "cannot-tell": 5 };

const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true });
addFormats.default(ajv);
const validate = ajv.compile(
  JSON.parse(readFileSync(`${import.meta.dirname}/../../schemas/cleanup.schema.json`, "utf8")),
);

for (const [name, result] of Object.entries(results)) {
  test(`${name}: for a person`, (t) => golden(t, `cleanup-${name}.txt`, cleanupView(result, {})));
  test(`${name}: JSON and YAML say the same, and as the schema has it`, () => {
    const document = cleanupDocument(result);
    const value: unknown = JSON.parse(jsonView(document));
    assert.deepEqual(load(yamlView(document)), value);
    assert.ok(validate(value), JSON.stringify(validate.errors, undefined, 2));
    assert.deepEqual([result.state, result.exitCode], [name, exitCodes[name]]);
  });
}

test("wide names the check of each route", (t) =>
  golden(t, "cleanup-unused-wide.txt", cleanupView(results.unused as CleanupResult, { wide: true })));

test("the document of a healthy mesh", (t) =>
  golden(t, "cleanup-soaking.json", jsonView(cleanupDocument(results.soaking as CleanupResult))));

test("names are those of the objects that keep it, each once", () => {
  assert.equal(
    cleanupNamesView(results["cannot-tell"] as CleanupResult),
    "istiod/istio-system/istiod-1-19-7f-abc\ningresses\n",
  );
  assert.equal(cleanupNamesView(results.unused as CleanupResult), "");
  assert.ok(cleanupNamesView(results["in-use"] as CleanupResult).includes("namespace/x\\u001b[31m\\u202ey\n"));
});

test("the soak does not count while it is in use", () => {
  const { soak } = cleanupDocument(results["in-use"] as CleanupResult);
  assert.deepEqual([soak.state, soak.left, soak.wanted], [null, null, 86_400]);
});

test("the schema takes no other document", () => {
  const document = JSON.parse(jsonView(cleanupDocument(results.unused as CleanupResult)));
  for (const change of [{ state: "done" }, { proof: undefined }, { kind: "MeshRollback" }, { extra: 1 }])
    assert.equal(validate({ ...document, ...change }), false, JSON.stringify(change));
});
