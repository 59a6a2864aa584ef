/** What journals say against a run, and what is told of a run that is gone on with. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { continuedFindings, journalFindings, roomFindings } from "../../../src/upgrade/checks/journal-findings.ts";
import type { FoundJournal } from "../../../src/upgrade/record/found-journal.ts";
import type { RunDraft } from "../../../src/upgrade/record/run-changes.ts";
import type { RunRecord, WorkloadRecord } from "../../../src/upgrade/record/run-journal.ts";
import { stamp } from "../../fixtures/instants.ts";
import { mission } from "../../fixtures/plan.ts";
import { clusterUid, runJournal, runRecord, workloadRecord } from "../../fixtures/runs.ts";

const journals = (found: FoundJournal | undefined) => ({
  clusterUid,
  byNamespace: new Map(found ? [["production", found]] : []),
});

describe("a journal", () => {
  const cases: Readonly<Record<string, readonly [found: FoundJournal | undefined, reason: RegExp | undefined]>> = {
    "that was not asked for": [undefined, undefined],
    "that is not there": [{ kind: "none" }, undefined],
    "of this namespace": [{ kind: "journal", journal: runJournal([runRecord()]) }, undefined],
    "that cannot be read": [{ kind: "malformed", reason: "it is not JSON" }, /cannot be used: it is not JSON$/],
    "of another cluster": [
      { kind: "journal", journal: runJournal([], { clusterUid: "x" }) },
      /it was written in another cluster$/,
    ],
    "of a namespace that was created again": [
      { kind: "journal", journal: runJournal([], { namespaceUid: "x" }) },
      /it was written for another namespace of this name, which was deleted since$/,
    ],
  };
  for (const [name, [found, reason]] of Object.entries(cases))
    test(`${name} ${reason ? "is refused" : "is no finding"}`, () => {
      const [finding, ...others] = journalFindings(mission().namespaces, journals(found));
      assert.equal(others.length, 0);
      if (!reason) return assert.equal(finding, undefined);
      assert.deepEqual(
        [finding?.severity, finding?.object, finding?.check],
        ["blocker", "namespace/production", "journal-usable"],
      );
      assert.match(finding?.message ?? "", reason);
      assert.match(finding?.remedy ?? "", /kubectl -n production delete configmap kubectl-mesh$/);
    });
});

describe("the room of a run that begins", () => {
  const findings = (count: number, change: Partial<RunDraft> = {}, runs: readonly RunRecord[] = []) => {
    const workloads = Array.from({ length: count }, (_, i) =>
      workloadRecord({ name: `w${i}`, uid: "x".repeat(900), state: "planned", stamp: undefined }),
    );
    const draft: RunDraft = { ...runRecord({ workloads }), resumed: undefined, ...change };
    const drafts = new Map([["production", { uid: "uid-of-production", draft }]]);
    return roomFindings(drafts, journals({ kind: "journal", journal: runJournal(runs) })).map(
      ({ severity, object, check, message, remedy }) => [severity, object, check, message.slice(0, 17), remedy],
    );
  };
  const refused = ["blocker", "namespace/production", "journal-usable", "its journal would"];
  const byRecord = "to go back by the undo record alone: kubectl -n production delete configmap kubectl-mesh";

  test("is enough, or it is refused before a change, with what a person can do", () => {
    assert.deepEqual(findings(500), []);
    assert.deepEqual(findings(900), [[...refused, "move the namespace in parts, with -l"]]);
    assert.deepEqual(findings(900, { verb: "rollback", undoes: "a1" }), [[...refused, byRecord]]);
  });

  test("is taken by a run that stays open beside it too", () => {
    const open = runRecord({
      workloads: Array.from({ length: 500 }, (_, i) => workloadRecord({ name: `w${i}`, uid: "x".repeat(900) })),
    });
    assert.deepEqual(findings(500, { verb: "rollback", undoes: "a1" }, [open]), [[...refused, byRecord]]);
    assert.deepEqual(findings(500, { verb: "rollback", undoes: "a1" }, [{ ...open, state: "done" }]), []);
  });

  test("is no question of a run that is gone on with", () =>
    assert.deepEqual(findings(900, { resumed: { run: "a1", stamp } }), []));
});

const told = (
  run: Partial<RunRecord>,
  restartedAt?: string,
  resumed: RunDraft["resumed"] | null = { run: "a1", stamp },
) => {
  const record = runRecord(run);
  const mesh = mission({ workloads: [{ namespace: "production", name: "web", runs: ["default"], restartedAt }] });
  const draft: RunDraft = { ...record, resumed: resumed ?? undefined };
  return continuedFindings(
    new Map([["production", { draft }]]),
    journals({ kind: "journal", journal: runJournal([record]) }),
    mesh,
  ).map(({ severity, object, message }) => {
    assert.equal(severity, "note");
    return `${object}: ${message}`;
  });
};

describe("a run that is gone on with", () => {
  const goesOn = (text: string) => `namespace/production: goes on with run a1, begun ${stamp} by ann@laptop: ${text}`;
  test("is told with what it has done", () => {
    const states = ["proven", "begun", "failed", "unproven", "planned"] as const;
    const workloads = states.map((state) => workloadRecord({ name: state, state }));
    assert.equal(told({ workloads })[0], goesOn("1 of 5 workloads proven, 3 begun and not proven"));
    assert.deepEqual(told({ workloads: [] }), [goesOn("0 of 0 workloads proven")]);
  });
  test("is not told where it is a new one, or no journal has it", () => {
    assert.deepEqual(told({}, undefined, null), []);
    assert.deepEqual(told({}, undefined, { run: "b2", stamp }), []);
  });

  const [old, theirs] = ["2026-01-01T00:00:00Z", "2026-12-12T12:12:12Z"];
  const cases: Readonly<
    Record<string, readonly [Partial<WorkloadRecord>, found: string | undefined, told: string | undefined]>
  > = {
    "not restarted yet": [{ stampBefore: old, stamp: undefined }, old, undefined],
    "never restarted": [{ stampBefore: null, stamp: undefined }, undefined, undefined],
    "restarted by this run": [{ stampBefore: old, stamp }, stamp, undefined],
    "begun, and the restart never arrived": [{ stampBefore: old, stamp }, old, undefined],
    "restarted a second time by this run": [
      { stampBefore: old, stamp: "2026-11-03T04:09:00Z" },
      "2026-11-03T04:09:00Z",
      undefined,
    ],
    "restarted by somebody else after this run": [
      { stampBefore: old, stamp },
      theirs,
      `was restarted by somebody else since that run began (${theirs})`,
    ],
    "restarted by somebody else before this run came to it": [
      { stampBefore: old, stamp: undefined, state: "planned" },
      theirs,
      `was restarted by somebody else since that run began (${theirs})`,
    ],
    "whose stamp was removed": [
      { stampBefore: old, stamp },
      undefined,
      "was restarted by somebody else since that run began (its restart stamp was removed)",
    ],
    "created again": [{ uid: "x" }, undefined, "was created again since that run began"],
    deleted: [{ name: "gone" }, undefined, "was deleted since that run began"],
  };
  for (const [name, [change, found, expected]] of Object.entries(cases))
    test(`a workload ${name}: ${expected ?? "nothing to tell"}`, () => {
      const [, ...rest] = told({ workloads: [workloadRecord(change)] }, found);
      assert.deepEqual(
        rest,
        expected === undefined ? [] : [`production/Deployment/${change.name ?? "web"}: ${expected}`],
      );
    });

  test("hostile texts are told short and on one line", () => {
    const evil = "\u001b[2J\n\u202e".repeat(10_000);
    const lines = told({ by: evil, workloads: [workloadRecord({ stampBefore: old, stamp })] }, evil);
    assert.equal(lines.length, 2);
    for (const line of lines) {
      assert.ok(line.length < 900, String(line.length));
      assert.doesNotMatch(line, /\p{C}/u);
    }
  });
});
