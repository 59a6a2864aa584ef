/** Which runs a namespace's history has, and what state each is in. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Finding } from "../../src/mesh/finding.ts";
import { undoAnnotation } from "../../src/mesh/model.ts";
import { type HistoryFacts, type HistoryRun, runHistory, undoableNamespaces } from "../../src/upgrade/history.ts";
import type { FoundJournal } from "../../src/upgrade/record/found-journal.ts";
import { type RunRecord, stateName } from "../../src/upgrade/record/run-journal.ts";
import { type UndoRecord, undoText } from "../../src/upgrade/record/undo-record.ts";
import { after, stamp } from "../fixtures/instants.ts";
import { clusterUid, runJournal, runRecord, undoRecord, workloadRecord } from "../fixtures/runs.ts";

interface Given {
  readonly undo?: UndoRecord | string;
  readonly runs?: readonly RunRecord[];
  readonly journal?: FoundJournal;
  readonly holder?: string;
  /** Of the namespace. */
  readonly labels?: Readonly<Record<string, string>>;
}

const factsOf = ({ undo, runs, journal, holder, labels = {} }: Given): HistoryFacts => {
  const text = typeof undo === "object" ? undoText(undo) : undo;
  const found = journal ?? (runs ? { kind: "journal", journal: runJournal(runs) } : { kind: "none" });
  return {
    takenAt: after,
    namespaces: [
      {
        name: "production",
        uid: "uid-of-production",
        annotations: text === undefined ? {} : { [undoAnnotation]: text },
        labels,
      },
    ],
    journals: { clusterUid, byNamespace: new Map([["production", found as FoundJournal]]) },
    locks: new Map(holder === undefined ? [] : [["production", { holder, renewedAt: stamp }]]),
  };
};

const shown = ({ run, state, reason, lock, wayBack }: HistoryRun): string =>
  [run ?? "?", state, reason, lock && `held by ${lock.holder}`, wayBack && `back: ${wayBack.state}`]
    .filter((part) => part !== undefined)
    .join(" | ");

const [first, second] = [runRecord({ run: "a1", state: "undone" }), runRecord({ run: "b2" })];
const idle = runRecord({ run: "b2", workloads: [workloadRecord({ state: "planned", stamp: undefined })] });
const enabled = { "istio-injection": "enabled" };
const broken = { kind: "malformed", reason: "it is not JSON" } as const;
const deleted = "it was written for another namespace of this name, which was deleted since";

const cases: readonly (readonly [what: string, Given, runs: readonly string[]])[] = [
  ["nothing is known", {}, []],
  ["the runs of a journal, oldest first", { runs: [first, second] }, ["a1 | undone", "b2 | open"]],
  ["every state of a journal", { runs: [runRecord({ run: "a", state: "done" }), runRecord({ run: "b", state: "restored" }), runRecord({ run: "c", state: "undone" })] }, ["a | done", "b | restored", "c | undone"]],
  ["an open run whose program has ended by itself", { runs: [runRecord({ stoppedAt: after })] }, ["a1 | stopped"]],
  ["a run that ended keeps its state", { runs: [runRecord({ state: "done", stoppedAt: after })] }, ["a1 | done"]],
  ["an open run whose lock is held", { runs: [first, second], holder: "bob@ci" }, ["a1 | undone", "b2 | open | held by bob@ci"]],
  ["a stopped run that somebody continues", { runs: [runRecord({ stoppedAt: after })], holder: "bob@ci" }, ["a1 | open | held by bob@ci"]],
  ["a lock that outlived its run is shown too", { runs: [runRecord({ state: "done" })], holder: "bob@ci" }, ["a1 | done | held by bob@ci"]],
  ["a lock before the first record", { holder: "bob@ci" }, ["? | open | its lock is held, and no run is recorded | held by bob@ci"]],
  ["an undo record without a journal, open", { undo: undoRecord() }, ["a1 | open | back: unknown"]],
  ["an undo record without a journal, done", { undo: undoRecord({ state: "done" }) }, ["a1 | done | back: unknown"]],
  ["the way back is only that of the run that the record names", { undo: undoRecord({ run: "b2" }), runs: [first, second] }, ["a1 | undone", "b2 | open | back: unknown"]],
  ["a record that the journal does not have", { undo: undoRecord({ run: "c3" }), runs: [first] }, ["a1 | undone", "c3 | open | back: unknown"]],
  ["the journal is done and the record is not: never a false done", { undo: undoRecord(), runs: [runRecord({ state: "done" })] }, ["a1 | open | back: unknown"]],
  ["the record is done and the journal is not", { undo: undoRecord({ state: "done" }), runs: [runRecord()] }, ["a1 | done | back: unknown"]],
  ["killed before its first change", { runs: [first, idle], labels: enabled }, ["a1 | undone", "b2 | unchanged | back: nothing"]],
  ["the same by its own end", { runs: [{ ...idle, stoppedAt: after }], labels: enabled }, ["b2 | unchanged | back: nothing"]],
  ["the same after a run that is done", { undo: undoRecord({ state: "done" }), runs: [runRecord({ state: "done" }), idle], labels: enabled }, ["a1 | done | back: unknown", "b2 | unchanged"]],
  ["the same of a rollback", { undo: undoRecord(), runs: [runRecord(), { ...idle, verb: "rollback", undoes: "a1" }], labels: enabled }, ["a1 | open | back: unknown", "b2 | unchanged"]],
  ["before its first change, and it goes on", { runs: [idle], labels: enabled, holder: "bob@ci" }, ["b2 | open | held by bob@ci"]],
  ["killed after the labels, and they were changed back", { runs: [{ ...idle, workloads: [workloadRecord({ state: "begun" })] }], labels: enabled }, ["b2 | open"]],
  ["killed after the labels, whose record was removed", { runs: [idle], labels: { "istio.io/rev": "prod" } }, ["b2 | open"]],
  ["killed after the labels", { undo: undoRecord({ run: "b2" }), runs: [idle], labels: enabled }, ["b2 | open | back: unknown"]],
  ["killed before its first change, and the record cannot be read", { undo: "{", runs: [idle], labels: enabled }, ["b2 | open", `? | unreadable | annotation ${undoAnnotation}: it is not JSON`]],
  ["a record that cannot be read", { undo: "{" }, [`? | unreadable | annotation ${undoAnnotation}: it is not JSON`]],
  ["a record of a namespace that was deleted", { undo: undoRecord({ namespaceUid: "other" }) }, [`? | foreign | annotation ${undoAnnotation}: ${deleted}`]],
  ["a journal that cannot be read", { journal: broken }, [`? | unreadable | ConfigMap ${stateName}: it is not JSON`]],
  ["a journal that cannot be read beside a good record", { journal: broken, undo: undoRecord() }, [`? | unreadable | ConfigMap ${stateName}: it is not JSON`, "a1 | open | back: unknown"]],
  ["a journal of another cluster", { journal: { kind: "journal", journal: runJournal([first], { clusterUid: "other" }) } }, [`? | foreign | ConfigMap ${stateName}: it was written in another cluster`]],
  ["a journal of a namespace that was deleted", { journal: { kind: "journal", journal: runJournal([first], { namespaceUid: "other" }) } }, [`? | foreign | ConfigMap ${stateName}: ${deleted}`]],
]; // biome-ignore format: a table

suite("the history of a namespace", () => {
  for (const [what, given, runs] of cases)
    test(what, () => assert.deepEqual(runHistory(factsOf(given), new Map()).map(shown), runs));

  test("a run of a record alone has what the record has", () => {
    const [run] = runHistory(factsOf({ undo: undoRecord() }), new Map());
    assert.deepEqual(
      [run?.from, run?.to, run?.label, run?.startedAt, run?.by, run?.verb],
      ["default", "1-20", "prod", stamp, undefined, "migrate"],
    );
  });

  test("namespaces stand in the order of their names", () => {
    const [one] = factsOf({ runs: [first] }).namespaces;
    const namespaces = ["b", "a", "c"].map((name) => ({
      ...one,
      name,
      uid: "uid-of-production",
      annotations: {},
      labels: {},
    }));
    const journal = { kind: "journal", journal: runJournal([first]) } as const;
    const byNamespace = new Map(namespaces.map(({ name }) => [name, journal]));
    const facts = { ...factsOf({}), namespaces, journals: { clusterUid, byNamespace } };
    assert.deepEqual(
      runHistory(facts, new Map()).map(({ namespace }) => namespace),
      ["a", "b", "c"],
    );
  });
});

suite("the way back", () => {
  const finding = (severity: Finding["severity"]): Finding => ({
    ...{ check: "x", severity, object: "cluster", message: severity, remedy: undefined, accept: undefined },
  });
  const found: readonly (readonly [severities: readonly Finding["severity"][] | undefined, state: string])[] = [
    [[], "ready"],
    [["note", "warning"], "ready"],
    [["unknown", "warning"], "unknown"],
    [["unknown", "blocker"], "blocked"],
    [undefined, "unknown"],
  ];
  for (const [severities, state] of found)
    test(`${severities?.join(" and ") || (severities ? "no finding" : "not looked for")}: ${state}`, () => {
      const wayBack = new Map(severities ? [["production", severities.map(finding)]] : []);
      assert.equal(runHistory(factsOf({ undo: undoRecord() }), wayBack)[0]?.wayBack?.state, state);
    });

  test("it is looked for where a record can be used, and nowhere else", () => {
    assert.deepEqual(undoableNamespaces(factsOf({ undo: undoRecord({ state: "done" }) })), ["production"]);
    assert.deepEqual(undoableNamespaces(factsOf({ undo: "{" })), []);
    assert.deepEqual(undoableNamespaces(factsOf({ undo: undoRecord({ namespaceUid: "other" }) })), []);
    assert.deepEqual(undoableNamespaces(factsOf({ runs: [second] })), []);
  });
});
