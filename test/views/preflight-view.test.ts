/** A preflight as text, as names and as a document, for each way in which it can end. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { load } from "js-yaml";
import type { Finding } from "../../src/mesh/finding.ts";
import { listedCheck, preflightList } from "../../src/upgrade/preflight/preflight-list.ts";
import { type Opinion, type PreflightResult, preflightResult } from "../../src/upgrade/preflight/preflight-result.ts";
import { jsonView, yamlView } from "../../src/views/document.ts";
import { checksDocument, preflightDocument } from "../../src/views/preflight-document.ts";
import { checkListView, preflightNamesView, preflightView } from "../../src/views/preflight-view.ts";
import { golden } from "./golden.ts";

const hostile = "x\u001b[31m\u202ey";
const finding = (check: string, severity: Finding["severity"], rest: Partial<Finding> = {}): Finding => ({
  ...{ check, severity, object: "shop/Deployment/web", message: `says ${hostile}`, remedy: undefined },
  ...{ accept: undefined, ...rest },
});
const blockers = [
  finding("downtime", "blocker", {
    ...{ message: "it would be down", remedy: "scale it up" },
    accept: { flag: "--allow-downtime", value: "shop/deployment/web" },
  }),
  finding("rights", "blocker", { object: "cluster", message: "you may not patch namespaces" }),
];
const soft = [finding("autoscalers", "warning"), finding("way-back", "note", { object: "namespace/shop" })];
const unknown = [finding("istiods-answer", "unknown", { object: "istiod/x", remedy: "wait" })];
const analyze: Opinion = {
  ...{ tool: "istioctl analyze", state: "answered", evidence: "2 messages" },
  findings: [finding("IST0101", "warning"), finding("IST0102", "note", { object: "Namespace x" })],
};
const silent: Opinion = { tool: "istioctl x precheck", state: "skipped", evidence: "not there", findings: [] };
const result = (
  findings: readonly Finding[],
  { strict = false, opinions = [] as readonly Opinion[], only = [] as string[], skip = [] as string[] } = {},
): PreflightResult =>
  preflightResult(
    {
      ...{ to: "1-20", revision: "1-20", installed: true, namespaces: ["shop"], takenAt: "2026-03-01T00:00:00Z" },
      ...{ opinions, findings, notRun: new Set(["label-served"]) },
    },
    { only, skip },
    strict,
  );

const results: Readonly<Record<string, PreflightResult>> = {
  ready: result(soft, { opinions: [analyze, silent] }),
  warned: result(soft, { strict: true }),
  blocked: result([...blockers, ...unknown, ...soft]),
  "cannot-tell": result([...unknown, ...soft]),
};
const exitCodes: Readonly<Record<string, number>> = { ready: 0, warned: 3, blocked: 3, "cannot-tell": 5 };

const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true });
addFormats.default(ajv);
const validatorOf = (name: string) =>
  ajv.compile(JSON.parse(readFileSync(`${import.meta.dirname}/../../schemas/${name}.schema.json`, "utf8")));
const [validate, validateList] = [validatorOf("preflight"), validatorOf("checks")];

for (const [name, each] of Object.entries(results))
  test(`${name}: as the schema has it, JSON and YAML the same`, () => {
    const document = preflightDocument(each);
    const value: unknown = JSON.parse(jsonView(document));
    assert.deepEqual(load(yamlView(document)), value);
    assert.ok(validate(value), JSON.stringify(validate.errors, undefined, 2));
    assert.deepEqual([each.state, each.exitCode], [name, exitCodes[name]]);
  });

/** Checks grow with every release; these are some. */
const some = ({ checks, ...rest }: PreflightResult): PreflightResult => ({
  ...rest,
  checks: checks.filter(({ id }) =>
    ["downtime", "rights", "istiods-answer", "autoscalers", "way-back", "target-ready", "label-served"].includes(id),
  ),
});
for (const detail of ["table", "wide", "short"] as const)
  test(`blocked, for a person: ${detail}`, (t) =>
    golden(
      t,
      `preflight-blocked-${detail}.txt`,
      preflightView(some(result([...blockers, ...unknown, ...soft], { opinions: [analyze, silent] })), detail),
    ));
test("ready, for a person", (t) =>
  golden(t, "preflight-ready.txt", preflightView(some(result(soft, { opinions: [silent] })), "table")));

test("names are the ids of what did not pass", () => {
  assert.equal(
    preflightNamesView(results.blocked as PreflightResult),
    "istiods-answer\nrights\ndowntime\nautoscalers\n",
  );
  assert.equal(preflightNamesView(result([])), "");
});

test("what is skipped has no part in the end", () => {
  const skipping = result([...blockers, ...unknown], { skip: ["downtime", "rights"] });
  assert.equal(skipping.state, "cannot-tell");
  assert.equal(result([...blockers, ...unknown], { only: ["way-back"] }).state, "ready");
  assert.equal(result([finding("label-served", "unknown")]).state, "ready");
});

test("no opinion of another tool stops an upgrade", () => {
  const { state, exitCode } = result([], { opinions: [analyze], strict: true });
  assert.deepEqual([state, exitCode], ["ready", 0]);
});

test("every check is listed once, with its page, as the schema has it", () => {
  const checks = preflightList.map(listedCheck);
  assert.equal(new Set(checks.map(({ id }) => id)).size, checks.length);
  const value: unknown = JSON.parse(jsonView(checksDocument(checks)));
  assert.ok(validateList(value), JSON.stringify(validateList.errors, undefined, 2));
  const lines = checkListView(checks, { wide: true }).split("\n");
  assert.equal(lines.length, checks.length + 2);
  assert.match(lines[1] ?? "", /^\S+ +\S+ +\S+ +\S.* docs\/checks\/[a-z-]+\.md#[a-z-]+$/);
});

test("a list of all checks finds none that no category shows", () => {
  for (const { check } of [...blockers, ...soft, ...unknown])
    assert.ok(
      preflightList.some(({ id }) => id === check),
      check,
    );
});
