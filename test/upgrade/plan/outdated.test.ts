/** What `--outdated` plans. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Mesh } from "../../../src/mesh/model.ts";
import type { MigrationRequest } from "../../../src/upgrade/plan/migration-request.ts";
import { onlyCaughtUp } from "../../../src/upgrade/plan/outdated.ts";
import { type MigrationPlan, relabelSteps, restartSteps, stepsOf } from "../../../src/upgrade/plan/plan.ts";
import { migrationFacts, planMigration } from "../../../src/upgrade/plan/plan-migration.ts";
import { planRollback } from "../../../src/upgrade/plan/rollback.ts";
import { migrationDrafts, withResumedCatchUps } from "../../../src/upgrade/plan/run-drafts.ts";
import type { UndoRecord } from "../../../src/upgrade/record/undo-record.ts";
import { type MeshWords, mesh, ownInjector, plane, tag, tagInjector } from "../../fixtures/mesh.ts";
import { quiet, request } from "../../fixtures/plan.ts";
import { pod } from "../../fixtures/pods.ts";

const image = "docker.io/istio/proxyv2:1.20.8";
const policy = { policy: "enabled", neverInject: [], alwaysInject: [], templates: [], image };

const old = (name: string, change: object = {}) => ({
  ...{ namespace: "production", name, runs: ["1-20", "1-20"], proxy: { version: "1.20.0" } },
  ...change,
});

const upgraded = (change: MeshWords = {}): Mesh =>
  mesh({
    controlPlanes: [plane("1-20", { version: "1.20.8" }), plane("1-19", { version: "1.19.0" })],
    injectors: [...ownInjector("1-20", { policy }), ...tagInjector("prod", "1-20", { policy }), ...ownInjector("1-19")],
    tags: [tag("prod", "1-20")],
    namespaces: [{ name: "production", labels: { "istio.io/rev": "1-20" } }],
    workloads: [old("web"), old("new", { proxy: { version: "1.20.8" } })],
    ...change,
  });

const planOf = (of: Mesh, change: Partial<MigrationRequest> = {}): MigrationPlan => {
  const target = { label: change.to ?? "1-20", revision: "1-20", tag: undefined };
  return planMigration(
    migrationFacts({ mesh: of, evidence: quiet }, target, request({ outdated: true, ...change })),
    4,
  );
};

const restarted = (plan: MigrationPlan) => restartSteps(plan).map(({ workload }) => workload.name);

test("only what is older is restarted, with the version that is demanded; no label and no record is written", () => {
  const plan = planOf(upgraded());
  assert.deepEqual(restarted(plan), ["web"]);
  const [step] = restartSteps(plan);
  assert.deepEqual([step?.fromVersions, step?.version, step?.canary], [["1.20.0"], "1.20.8", true]);
  const [labels] = relabelSteps(plan);
  assert.deepEqual(labels?.before, labels?.after);
  for (const each of stepsOf(plan))
    if (each.kind === "relabel") assert.ok(each.record.kind !== "keep" && each.record.unwritten);
});

for (const [what, of, change, names] of [
  ["without --outdated nothing is restarted", upgraded(), { outdated: false }, []],
  ["what is left by name stays", upgraded(), { leave: ["deployment/web"] }, []],
  [
    "a template that pins its proxy stays as it is",
    upgraded({
      workloads: [
        old("web", {
          template: {
            metadata: { labels: { app: "web" }, annotations: { "sidecar.istio.io/proxyImage": "corp/proxyv2:1.20.0" } },
            spec: { containers: [{ name: "app" }] },
          },
        }),
      ],
    }),
    {},
    [],
  ],
  [
    "what cannot be told is not restarted",
    upgraded({ workloads: [old("web", { proxy: { version: "latest" } })] }),
    {},
    [],
  ],
  [
    "a move restarts what comes from another revision, and what is older there already",
    upgraded({
      namespaces: [{ name: "production", labels: { "istio.io/rev": "1-19" } }],
      workloads: [old("web"), old("db", { runs: ["1-19"], proxy: { version: "1.19.0" } })],
    }),
    {},
    ["db", "web"],
  ],
] as const)
  test(what, () => assert.deepEqual(restarted(planOf({ ...of, answers: [] }, change)).toSorted(), names));

test("a namespace that a tag brings to the revision keeps its label, and a namespace of another revision moves", () => {
  const namespaces = [
    { name: "production", labels: { "istio.io/rev": "prod" } },
    { name: "shop", labels: { "istio.io/rev": "1-19" } },
  ];
  const workloads = [old("web"), old("cart", { namespace: "shop", runs: ["1-19"], proxy: { version: "1.19.0" } })];
  const plan = planOf(upgraded({ namespaces, workloads }), { namespaces: "all" });
  assert.deepEqual(
    relabelSteps(plan).map(({ namespace, after, record }) => [
      namespace,
      after["istio.io/rev"],
      record.kind === "open" && record.unwritten === true,
    ]),
    [
      ["production", "prod", true],
      ["shop", "1-20", false],
    ],
  );
});

test("-A --from leaves the namespaces of other revisions alone", () => {
  const namespaces = [
    { name: "production", labels: { "istio.io/rev": "1-20" } },
    { name: "shop", labels: { "istio.io/rev": "1-19" } },
  ];
  const workloads = [old("web"), old("cart", { namespace: "shop", runs: ["1-19"], proxy: { version: "1.19.0" } })];
  assert.deepEqual(planOf(upgraded({ namespaces, workloads }), { namespaces: "all", from: "1-20" }).namespaces, [
    "production",
  ]);
});

test("a pod that nothing would create again stands in the way, and is not forgotten", () => {
  const bare = pod("production", "alone", "1-20", { proxy: { version: "1.20.0" } });
  const facts = migrationFacts(
    { mesh: upgraded({ pods: [bare] }), evidence: quiet },
    { label: "1-20", revision: "1-20", tag: undefined },
    request({ outdated: true }),
  );
  assert.deepEqual(
    facts.moves.flatMap(({ podsWithoutWorkload }) =>
      podsWithoutWorkload.map(({ ref, disposition }) => [ref.name, disposition]),
    ),
    [["alone", "blocked"]],
  );
});

test("with an older or a newer proxy in every pod, exactly the workloads with an older one are restarted", () => {
  const patch = fc.integer({ min: 0, max: 12 });
  fc.assert(
    fc.property(fc.array(patch, { minLength: 1, maxLength: 6 }), (patches) => {
      const workloads = patches.map((each, at) => old(`w${at}`, { proxy: { version: `1.20.${each}` } }));
      const plan = planOf({ ...upgraded({ workloads }), answers: [] });
      assert.deepEqual(
        restarted(plan).toSorted(),
        patches.flatMap((each, at) => (each < 8 ? [`w${at}`] : [])).toSorted(),
      );
    }),
  );
});

test("the way back of a catch-up leaves the record of the namespace alone", () => {
  const labels = { "istio-injection": null, "istio.io/rev": "1-20" };
  const target = { label: "1-20", revision: "1-20", tag: undefined };
  const record: UndoRecord = {
    version: 1,
    run: "a",
    stamp: "2026-11-03T04:05:06Z",
    state: "open",
    namespaceUid: "u",
    target,
    before: labels,
    from: { revision: "1-20", deploymentUid: undefined },
  };
  const web = { kind: "Deployment", namespace: "production", name: "web" };
  const plan = planRollback([
    {
      ...{ namespace: "production", record, written: labels, unwritten: true, workloads: [], pods: [] },
      restarted: [{ workload: web, uid: "w", stamp: record.stamp, stampBefore: null }],
    },
  ]);
  assert.deepEqual(
    stepsOf(plan).flatMap((step) =>
      step.kind === "relabel" ? [step.record.kind === "keep" || step.record.unwritten] : [],
    ),
    [true, true],
  );
  assert.deepEqual(
    restartSteps(plan).map(({ stamp }) => stamp),
    [{ kind: "as-before", stamp: null }],
  );
});

test("a catch-up that was broken off is gone on with, and no other run", () => {
  const of = upgraded();
  const drafts = migrationDrafts(planOf(of), of);
  const draft = drafts.get("production")?.draft;
  assert.ok(draft);
  assert.ok(onlyCaughtUp(draft));
  const run = {
    ...{ run: "b", stamp: "2026-11-03T04:05:06Z", startedAt: "2026-11-03T04:05:06Z", stoppedAt: undefined },
    ...{ by: "me", state: "open" as const },
  };
  const resumedBy = (change: object) => {
    const journal = {
      ...{ version: 1 as const, clusterUid: "c", namespaceUid: "n" },
      runs: [{ ...draft, ...run, ...change }],
    };
    const found = new Map([["production", { kind: "journal" as const, journal }]]);
    return withResumedCatchUps(drafts, { byNamespace: found }).get("production")?.draft.resumed?.run;
  };
  assert.deepEqual(
    [{}, { state: "done" }, { from: "1-19" }, { verb: "rollback" }, { to: "1-21", from: "1-21" }].map(resumedBy),
    ["b", undefined, undefined, undefined, undefined],
  );
});
