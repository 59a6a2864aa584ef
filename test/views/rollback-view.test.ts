import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { load } from "js-yaml";
import type { RunEnd } from "../../src/upgrade/migration-result.ts";
import { notBegun, type StepOutcome } from "../../src/upgrade/plan/outcome.ts";
import { stepKey } from "../../src/upgrade/plan/step.ts";
import {
  nothingToPutBack,
  plannedRollback,
  type RollbackResult,
  refusedRollback,
  rollbackCommandOf,
  rollbackResult,
} from "../../src/upgrade/rollback/rollback-result.ts";
import { jsonView, yamlView } from "../../src/views/document.ts";
import { unchangedView } from "../../src/views/migration-view.ts";
import { rollbackDocument, rollbackNamesView, rollbackView } from "../../src/views/rollback-view.ts";
import { after, before } from "../fixtures/instants.ts";
import {
  doneRecord,
  movedWorkload,
  type RollbackWords,
  rollbackOf,
  rollbackRequest,
  untouchedWorkload,
} from "../fixtures/rollback.ts";
import { golden } from "./golden.ts";

const moved: RollbackWords = {
  mesh: {
    workloads: [
      movedWorkload("web"),
      movedWorkload("db", { kind: "StatefulSet" }),
      movedWorkload("early", { pod: { createdAt: before } }),
      untouchedWorkload("calm"),
    ],
  },
};

/** A run of this rollback in which every step is proven but for these. */
const ranAs = (
  words: RollbackWords,
  changes: Readonly<Record<string, Partial<StepOutcome>>> = {},
  end: Partial<RunEnd> = {},
): RollbackResult => {
  const { facts, plan, findings, steps } = rollbackOf(words);
  const outcomes = new Map(
    steps.map((step) => {
      const pods = step.kind === "relabel" ? 0 : 3;
      return [stepKey(step), { ...notBegun, state: "proven" as const, pods, proven: pods, ...changes[stepKey(step)] }];
    }),
  );
  const { leave = [], pin = false } = words;
  const repeated = {
    request: rollbackRequest({ leave, pin }),
    clusterFlags: ["--context", "prod"],
    ownFlags: ["--parallel", "5"],
  };
  return rollbackResult(
    facts,
    plan,
    { outcomes, failure: undefined, interruptedCode: undefined, timedOut: false, ...end },
    findings,
    repeated,
  );
};
const repeated = { request: rollbackRequest(), clusterFlags: [], ownFlags: [] };
const { facts, plan, findings } = rollbackOf(moved);
const web = "production/Deployment/web";
const broken = { state: "failed", reason: "Pod web-1: cannot pull its image", proven: 1 } as const;
const shopToo: RollbackWords = {
  namespaces: ["production", "shop"],
  mesh: {
    namespaces: ["production", "shop"].map((name) => ({
      name,
      labels: { "istio.io/rev": name === "shop" ? "theirs" : "1-20" },
      annotations: { "kubectl-mesh/undo": JSON.stringify(doneRecord({ namespaceUid: `uid-of-${name}` })) },
    })),
  },
};
const refusedWords: RollbackWords = {
  mesh: { workloads: [movedWorkload("web", { runs: ["1-20"], strategy: { type: "Recreate" } })] },
};
const refusedOf = (words: RollbackWords): RollbackResult => {
  const { facts, plan, findings } = rollbackOf(words);
  return refusedRollback(facts, plan, findings);
};
const nothing = rollbackOf({ record: null });

const results: Readonly<Record<string, RollbackResult>> = {
  done: ranAs(moved),
  pinned: ranAs({ ...moved, pin: true }),
  left: ranAs({ ...moved, leave: ["statefulset/db"] }),
  planned: plannedRollback(facts, plan, findings, repeated),
  "nothing-to-do": nothingToPutBack(nothing.facts, nothing.plan, nothing.findings),
  partial: ranAs(moved, { [web]: broken, "record of production": { state: "not-begun" } }),
  changed: ranAs(shopToo),
  unknown: ranAs(moved, {
    [web]: { state: "unproven", reason: "no proof for 600s", proven: 0 },
    "record of production": { state: "not-begun" },
  }),
  interrupted: ranAs(
    moved,
    {
      [web]: { state: "unproven", reason: "not waited for to the end: its rollout goes on", proven: 1 },
      "record of production": { state: "not-begun" },
    },
    { interruptedCode: 130 },
  ),
  failed: ranAs(
    moved,
    Object.fromEntries(
      ["labels of production", web, "production/StatefulSet/db", "record of production"].map((key) => [key, notBegun]),
    ),
    {
      failure: {
        object: { kind: "Namespace", namespace: "production", name: "production" },
        reason: "forbidden",
        pod: undefined,
        container: undefined,
        logs: [],
        events: [],
      },
    },
  ),
  refused: refusedOf(refusedWords),
  "cannot-tell": refusedOf({ journalsUnread: "forbidden" }),
};

const ends: Readonly<Record<string, readonly [state: string, exitCode: number]>> = {
  done: ["done", 0],
  pinned: ["done", 0],
  left: ["done", 0],
  planned: ["planned", 0],
  "nothing-to-do": ["nothing-to-do", 0],
  partial: ["partial", 4],
  changed: ["partial", 4],
  unknown: ["unknown", 4],
  interrupted: ["interrupted", 130],
  failed: ["failed", 1],
  refused: ["refused", 3],
  "cannot-tell": ["cannot-tell", 5],
};

const validate = new Ajv2020({ strict: true, allErrors: true }).compile(
  JSON.parse(readFileSync(`${import.meta.dirname}/../../schemas/rollback.schema.json`, "utf8")),
);

for (const [name, result] of Object.entries(results)) {
  const isRefused = ["refused", "cannot-tell", "failed"].includes(result.state);
  test(`${name}: for a person`, (t) =>
    golden(
      t,
      `rollback-${name}.txt`,
      isRefused ? unchangedView(result, rollbackCommandOf(repeated)) : rollbackView(result, {}, plan),
    ));
  test(`${name}: JSON and YAML say the same, and as the schema has it`, () => {
    const document = rollbackDocument(result);
    const value: unknown = JSON.parse(jsonView(document));
    assert.deepEqual(load(yamlView(document)), value);
    assert.ok(validate(value), JSON.stringify(validate.errors, undefined, 2));
    assert.deepEqual([result.state, result.exitCode], ends[name]);
  });
}

test("wide lists the workloads that went back too", (t) =>
  golden(t, "rollback-done-wide.txt", rollbackView(results.done as RollbackResult, { wide: true }, plan)));

test("the schema takes no other document", () => {
  const document = JSON.parse(jsonView(rollbackDocument(results.done as RollbackResult)));
  for (const change of [{ state: "restored" }, { goBack: undefined }, { kind: "MeshMigration" }, { extra: 1 }])
    assert.equal(validate({ ...document, ...change }), false, JSON.stringify(change));
});

test("names of what went back", () => {
  assert.equal(
    rollbackNamesView(results.done as RollbackResult),
    "production/deployment/web\nproduction/statefulset/db\n",
  );
});

test("a rollback that was begun and then wrote nothing has changed something all the same", () => {
  const begun: RollbackWords = { ...moved, labels: { "istio-injection": "enabled" } };
  const nothingWritten = Object.fromEntries(
    ["labels of production", web, "production/StatefulSet/db", "record of production"].map((key) => [key, notBegun]),
  );
  assert.deepEqual([ranAs(begun, nothingWritten).state, ranAs(begun, nothingWritten).exitCode], ["partial", 4]);
});

test("a record that is still there is not done", () => {
  const result = ranAs(moved, { "record of production": { state: "failed", reason: "forbidden" } });
  assert.deepEqual([result.state, result.failure?.reason], ["partial", "its undo record is still there"]);
  assert.deepEqual(
    result.namespaces.map(({ record }) => record),
    ["kept"],
  );
});

test("the command repeats what was asked for", () => {
  const asked = { leave: ["deployment/web"], allowDowntime: ["*"], pin: true, toBefore: after };
  const command = (change: object) =>
    rollbackCommandOf({ ...repeated, request: rollbackRequest({ ...asked, ...change }) });
  const rest = `--to-before ${after} --pin --leave deployment/web --allow-downtime '*'`;
  assert.equal(command({}), `kubectl mesh-rollback -n production ${rest}`);
  assert.equal(command({ namespaces: "all" }), `kubectl mesh-rollback -A ${rest}`);
  assert.equal(command({ namespaces: "all", run: "r1" }), `kubectl mesh-rollback --run r1 ${rest}`);
});
