/** What `mesh-rollback --list` prints, in every format. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { load } from "js-yaml";
import type { Finding } from "../../src/mesh/finding.ts";
import { undoAnnotation } from "../../src/mesh/model.ts";
import type { HistoryFacts } from "../../src/upgrade/history.ts";
import type { FoundJournal } from "../../src/upgrade/record/found-journal.ts";
import type { RunRecord } from "../../src/upgrade/record/run-journal.ts";
import { undoText } from "../../src/upgrade/record/undo-record.ts";
import { historyText } from "../../src/views/history-view.ts";
import { clusterUid, runJournal, runRecord, undoRecord, workloadRecord } from "../fixtures/runs.ts";
import { actsOnTerminal } from "../fixtures/terminal.ts";
import { golden } from "./golden.ts";

const validate = new Ajv2020({ strict: true, allErrors: true }).compile(
  JSON.parse(readFileSync(`${import.meta.dirname}/../../schemas/history.schema.json`, "utf8")),
);

const uid = "uid-of-production";
const namespace = (name: string, undo?: string) => ({
  ...{ name, uid },
  annotations: undo === undefined ? {} : { [undoAnnotation]: undo },
  labels: {},
});
const journal = (...runs: readonly RunRecord[]): FoundJournal => ({ kind: "journal", journal: runJournal(runs) });
const earlier = { startedAt: "2026-11-01T02:00:00Z", stoppedAt: "2026-11-01T02:20:00Z" };

const facts: HistoryFacts = {
  takenAt: "2026-11-05T06:07:08Z",
  namespaces: [
    namespace("production", undoText(undoRecord({ run: "c3" }))),
    namespace("billing", undoText(undoRecord({ state: "done" }))),
    namespace("cart", undoText(undoRecord({ run: "d4" }))),
    namespace("damaged", "{"),
    namespace("moved-house"),
    namespace("stopped", undoText(undoRecord({ run: "e5" }))),
    { ...namespace("untouched"), labels: { "istio-injection": "enabled" } },
  ],
  journals: {
    clusterUid,
    byNamespace: new Map<string, FoundJournal>([
      [
        "production",
        journal(
          runRecord({ run: "a1", ...earlier, state: "undone" }),
          runRecord({
            run: "b2",
            verb: "rollback",
            undoes: "a1",
            from: "1-20",
            to: "default",
            ...earlier,
            state: "done",
          }),
          runRecord({ run: "c3", startedAt: "2026-11-05T06:06:00Z" }),
        ),
      ],
      ["damaged", { kind: "malformed", reason: "its version is 2, and this release supports version 1" }],
      ["moved-house", { kind: "journal", journal: runJournal([runRecord()], { clusterUid: "another" }) }],
      ["stopped", journal(runRecord({ run: "e5", stoppedAt: "2026-11-03T05:00:00Z" }))],
      ["untouched", journal(runRecord({ run: "f6", workloads: [workloadRecord({ state: "planned" })] }))],
    ]),
  },
  locks: new Map([["production", { holder: "bob@ci-7", renewedAt: "2026-11-05T06:07:01.000000Z" }]]),
};

const finding = (severity: Finding["severity"], message: string): Finding => ({
  ...{
    check: "old-control-plane",
    severity,
    object: "revision/default",
    message,
    remedy: undefined,
    accept: undefined,
  },
});
const wayBack = new Map([
  ["production", []],
  ["billing", [finding("blocker", "its istiod is gone"), finding("blocker", "tag prod was moved")]],
  ["stopped", [finding("unknown", "istiod-a does not answer")]],
]);

const shown = (output: string, of = facts): string => historyText(of, wayBack, { output, noHeaders: false });

test("the table", (t) => golden(t, "history.txt", shown("table")));
test("wide", (t) => golden(t, "history-wide.txt", shown("wide")));
test("JSON", (t) => golden(t, "history.json", shown("json")));
test("no history", () => {
  const none = { ...facts, namespaces: [] };
  assert.equal(shown("table", none), "No run of kubectl mesh-migrate or mesh-rollback found.\n");
  assert.equal(shown("name", none), "");
});
test("each namespace once", () =>
  assert.equal(
    shown("name"),
    ["billing", "cart", "damaged", "moved-house", "production", "stopped", "untouched"]
      .map((name) => `namespace/${name}\n`)
      .join(""),
  ));
test("without headers", () =>
  assert.match(historyText(facts, wayBack, { output: "table", noHeaders: true }), /^billing +a1 /));

test("JSON and YAML say the same, and as the schema has it", () => {
  const value: unknown = JSON.parse(shown("json"));
  assert.deepEqual(load(shown("yaml")), value);
  assert.ok(validate(value), JSON.stringify(validate.errors, undefined, 2));
});

test("the schema takes no other document", () => {
  const document = JSON.parse(shown("json"));
  const [run] = document.runs;
  for (const change of [
    { kind: "MeshMigration" },
    { exitCode: 3 },
    { extra: 1 },
    { runs: [{ ...run, state: "running" }] },
    { runs: [{ ...run, wayBack: { state: "ready" } }] },
    { runs: [{ ...run, lock: "bob" }] },
  ])
    assert.equal(validate({ ...document, ...change }), false, JSON.stringify(change));
});

test("texts that would act on a terminal, or are very long, leave the table as it is", () => {
  const evil = `\u001b[31m\u202e\u009b2J\r\n${"x".repeat(1_000_000)}`;
  const hostile = { by: evil, from: evil, to: evil, label: evil, undoes: evil };
  const runs = journal(runRecord({ ...hostile, run: evil }), runRecord({ ...hostile, run: "a1" }));
  const of: HistoryFacts = {
    ...facts,
    namespaces: [namespace("production", undoText(undoRecord()))],
    journals: { clusterUid, byNamespace: new Map([["production", runs]]) },
    locks: new Map([["production", { holder: evil, renewedAt: evil }]]),
  };
  const findings = new Map([["production", [finding("blocker", evil)]]]);
  for (const output of ["table", "wide", "json", "yaml", "name"]) {
    const text = historyText(of, findings, { output, noHeaders: false });
    assert.doesNotMatch(text, actsOnTerminal, output);
    if (output !== "table" && output !== "wide") continue;
    assert.equal(text.split("\n").length, 4, "a head, two rows, and the end");
    assert.ok(text.length < 10_000, `${text.length}`);
  }
});
