import assert from "node:assert/strict";
import test, { suite } from "node:test";
import { undoAnnotation } from "../../../src/mesh/model.ts";
import type { MigrationPlan } from "../../../src/upgrade/plan/plan.ts";
import { objectOf, type RelabelStep, type Step } from "../../../src/upgrade/plan/step.ts";
import type { UndoRecord } from "../../../src/upgrade/record/undo-record.ts";
import { undoText } from "../../../src/upgrade/record/undo-record.ts";
import { type MeshWords, ownInjector, tagInjector, type WorkloadWords } from "../../fixtures/mesh.ts";
import { mission, planOf, restarted, said, stopping } from "../../fixtures/plan.ts";
import { ownedBy, pod } from "../../fixtures/pods.ts";

const production = "production";
const old = ["default", "default", "default"];
const record: UndoRecord = {
  version: 1, run: "r1", target: { label: "1-20", revision: "1-20", tag: undefined }, stamp: "2026-11-03T04:05:06Z", namespaceUid: "uid-of-production",
  before: { "istio-injection": "enabled", "istio.io/rev": null }, from: { revision: "default", deploymentUid: "uid-of-istiod" }, state: "open",
}; // biome-ignore format: one line of fields

const resumedBy = ({ record: change }: RelabelStep): UndoRecord | undefined =>
  change.kind === "open" ? change.resumed : undefined;

test("the mission: both labels in one step with what they were, then the canary, then the rest", () => {
  const plan = planOf(
    mission({
      workloads: [
        { namespace: production, name: "web", runs: old },
        { namespace: production, name: "api", runs: old.slice(1) },
      ],
    }),
  );
  assert.deepEqual(stopping(plan), []);
  const web = { kind: "Deployment", namespace: production, name: "web" };
  const api = { ...web, name: "api" };
  const fixed = { to: "1-20", gateway: false, stamp: { kind: "of-record" }, guarded: true, blockingPods: [] };
  assert.deepEqual(plan.steps, [
    {
      kind: "relabel", namespace: production, uid: "uid-of-production", to: "1-20",
      before: { "istio-injection": "enabled", "istio.io/rev": null }, after: { "istio-injection": null, "istio.io/rev": "1-20" },
      from: { revision: "default", deploymentUid: "uid-of-istiod" },
      record: { kind: "open", target: plan.target, resumed: undefined }, probe: { workload: api, required: true },
    },
    { kind: "restart", workload: api, uid: "uid-of-api", canary: true, podsInFlight: 1, stalePods: 2, pods: 2, from: ["default"], ...fixed },
    { kind: "restart", workload: web, uid: "uid-of-web", canary: false, podsInFlight: 1, stalePods: 3, pods: 3, from: ["default"], ...fixed },
  ]); // biome-ignore format: a table
});

/** `stage: lane | lane`, each lane as the names in it: `[…]` side by side. */
const outline = ({ stages }: Pick<MigrationPlan, "stages">): readonly string[] => {
  const text = (step: Step): string =>
    step.kind === "relabel" ? `${step.record.kind} ${step.namespace}` : `${step.kind} ${objectOf(step).name}`;
  return stages.map(({ name, until, lanes }) => {
    const steps = lanes.map((lane) => {
      const words = lane.steps.map((step) => ("kind" in step ? text(step) : `[${step.map(text).join(", ")}]`));
      return `${words.join(", ")} (${lane.onFailure})`;
    });
    return `${name} until ${until}: ${steps.join(" | ")}`;
  });
};

test("the stages: a canary that is put back, then everything side by side, then the records", () => {
  const plan = planOf(
    mission({
      namespaces: [
        { name: "shop", labels: { "istio-injection": "enabled" } },
        { name: production, labels: { "istio-injection": "enabled" } },
      ],
      workloads: [
        { namespace: production, name: "web", runs: old.slice(1) },
        { namespace: production, name: "there", runs: ["1-20"] },
        { namespace: "shop", name: "cart", runs: ["default"] },
        { namespace: "shop", name: "db", runs: ["default"] },
      ],
      connected: { "there-0": null },
    }),
    { namespaces: ["shop", production] },
  );
  assert.deepEqual(outline(plan), [
    "canary until first-pod: open production, restart web (undo)",
    "workloads until all-pods: [restart web, prove there] (stop) | open shop, [restart cart, restart db] (undo-labels)",
    "close until all-pods: close shop (stop) | close production (stop)",
  ]);
});

test("where nothing is to be written, what is there already is proven side by side", () => {
  const namespaces = [{ name: production, labels: { "istio.io/rev": "1-20" } }];
  const workloads = ["web", "api"].map((name) => ({ namespace: production, name, runs: ["1-20"] }));
  const plan = planOf(mission({ namespaces, workloads, connected: { "web-0": null, "api-0": null } }));
  assert.deepEqual(outline(plan), ["workloads until all-pods: [prove web, prove api] (stop)"]);
});

test("a run that goes on with an earlier one is not put back", () => {
  const annotations = { "kubectl-mesh/undo": undoText(record) };
  const namespaces = [{ name: production, labels: { "istio.io/rev": "1-20" }, annotations }];
  const plan = planOf(mission({ namespaces, workloads: [{ namespace: production, name: "web", runs: old }] }));
  assert.deepEqual(outline(plan), [
    "canary until first-pod: open production, restart web (stop)",
    "workloads until all-pods: [restart web] (stop)",
    "close until all-pods: close production (stop)",
  ]);
});

const pipelineRun = { group: "tekton.dev", kind: "PipelineRun", name: "build", controller: true };

test("every kind of workload finds its place", () => {
  const workloads: readonly WorkloadWords[] = [
    { namespace: production, name: "web", runs: old },
    { namespace: production, name: "there", runs: ["1-20", "1-20"] },
    { namespace: production, name: "half", runs: ["1-20", "default"] },
    { namespace: production, name: "out", podLabels: { "sidecar.istio.io/inject": "false" }, runs: [null] },
    { namespace: production, name: "bare-of-sidecars", runs: [null, null] },
    { namespace: production, name: "asleep", runs: [] },
    { namespace: production, name: "asleep-out", podLabels: { "sidecar.istio.io/inject": "false" }, runs: [] },
    { namespace: production, name: "asleep-unread", template: undefined, runs: [] },
    { namespace: production, name: "half-sided", runs: ["1-20", null] },
    { namespace: production, name: "going", runs: ["1-20"], pod: { terminating: true } },
    { namespace: production, name: "kept", runs: old },
    // docs/affinityassistants.md of tektoncd/pipeline: it keeps the pods of one PipelineRun on one node
    { namespace: production, name: "affinity-assistant", kind: "StatefulSet", runs: ["default"], owner: pipelineRun },
  ];
  const job = pod(production, "batch-1-x", "default", {
    owner: ownedBy("batch", "Job", "batch-1"),
  });
  const volcano = pod(production, "train-x", "default", { owner: ownedBy("batch.volcano.sh", "Job", "batch-1") });
  const cluster = pod(production, "ray-x", "default", { owner: ownedBy("ray.io", "RayCluster", "ray") });
  const finished = pod(production, "batch-0-x", "default", {
    phase: "Succeeded",
    owner: ownedBy("batch", "Job", "batch-0"),
  });
  const going = pod(production, "gone", "default", { terminating: true });
  const plan = planOf(mission({ workloads, pods: [job, volcano, cluster, finished, going] }), {
    leave: ["deploy/kept"],
    endsByItself: ["RayCluster"],
  });
  assert.deepEqual(stopping(plan), []);
  assert.deepEqual(restarted(plan), ["Deployment/half (canary)", "Deployment/web"]);
  assert.deepEqual(plan.already, [{ kind: "Deployment", namespace: production, name: "there" }]);
  assert.deepEqual(
    plan.empty,
    ["asleep", "going"].map((name) => ({ kind: "Deployment", namespace: production, name })),
  );
  assert.deepEqual(plan.left, [
    {
      object: { kind: "Deployment", namespace: production, name: "kept" },
      reason: "stays on default until its next pod",
      by: "--leave",
    },
    {
      object: { kind: "StatefulSet", namespace: production, name: "affinity-assistant" },
      reason: "runs on default until its owner ends",
      by: "job",
    },
    {
      object: { kind: "Job", namespace: production, name: "batch-1" },
      reason: "runs on default until it ends",
      by: "job",
    },
    {
      object: { kind: "Job", namespace: production, name: "batch-1" },
      reason: "runs on default until it ends",
      by: "job",
    },
    {
      object: { kind: "RayCluster", namespace: production, name: "ray" },
      reason: "runs on default until it ends",
      by: "job",
    },
  ]);
  assert.ok(
    plan.findings.some(
      ({ check, object }) => check === "sidecars-present" && object === "production/Deployment/bare-of-sidecars",
    ),
  );
});

test("pods of nobody stay where they are left, and are not left without asking", () => {
  const pods = ["debug", "shell"].map((name) => pod(production, name, "1-18"));
  const plan = planOf(mission({ pods: [...pods, pod(production, "shell-2", "default")] }), { leave: ["po/debug"] });
  assert.deepEqual(plan.left, [{ object: { kind: "Pod", namespace: production, name: "debug" }, reason: "stays on 1-18 until it is created again", by: "--leave" }]);
  assert.deepEqual(said(plan, "pods-owned").map((text) => text.split("/").at(-1)), ["shell", "shell-2"]);
}); // biome-ignore format: one line of fields

test("what another webhook would inject is not empty, for its next pod goes elsewhere", () => {
  const grabbing = ownInjector("1-18").map((each) => ({ ...each, configuration: "zz-by-hand", entry: { ...each.entry, namespaceSelector: {}, objectSelector: { matchLabels: { "istio.io/rev": "1-18" } } } }));
  const workloads = [{ namespace: production, name: "web", runs: old }, { namespace: production, name: "asleep", podLabels: { "istio.io/rev": "1-18" }, runs: [] }];
  const { empty } = planOf(mission({ workloads, injectors: [...ownInjector("1-20"), ...tagInjector("default", "default"), ...grabbing] }));
  assert.deepEqual(empty, []);
}); // biome-ignore format: one line of fields

const injectors = [...ownInjector("1-20"), ...ownInjector("1-19"), ...tagInjector("default", "default")];
const refusing = [...ownInjector("1-20"), ...tagInjector("default", "default", { readyEndpoints: 0 })];
const froms: readonly (readonly [what: string, labels: Readonly<Record<string, string>>, runs: readonly string[], change: MeshWords, from: string])[] = [
  ["the revision its labels give, whatever most pods run", { "istio.io/rev": "1-19" }, ["1-18", "1-18", "1-19"], { injectors }, "1-19"],
  ["the revision that refuses its pods today", { "istio-injection": "enabled" }, ["1-18"], { injectors: refusing }, "default"],
  ["the revision most pods run, where nobody serves its label", { "istio.io/rev": "1-16" }, ["1-17", "1-18", "1-18"], {}, "1-18"],
  ["the revision most pods run, where its labels give the target", { "istio.io/rev": "1-20" }, ["1-17", "1-18", "1-18", "1-20"], {}, "1-18"],
]; // biome-ignore format: a table

for (const [what, labels, runs, change, from] of froms) {
  test(`a namespace comes from ${what}`, () => {
    const [relabel] = planOf(mission({ namespaces: [{ name: production, labels }], workloads: [{ namespace: production, name: "web", runs }], ...change })).steps;
    assert.equal(relabel?.kind === "relabel" && relabel.from.revision, from);
  });
} // biome-ignore format: one line of fields

test("--from takes what comes from a revision, and what has pods of it", () => {
  const labels = { "istio.io/rev": "1-19" };
  const namespaces = ["a", "b", "c", "d", "e"].map((name) => ({
    name,
    labels: "ae".includes(name) ? { "istio-injection": "enabled" } : labels,
  }));
  const workloads = [
    { namespace: "a", name: "of-a", runs: ["default"] },
    { namespace: "b", name: "of-b", runs: ["1-19"] },
    { namespace: "c", name: "of-c", runs: ["1-19"] },
    { namespace: "c", name: "more-of-c", runs: ["1-19", "default", null] },
  ];
  const { namespaces: taken } = planOf(mission({ namespaces, workloads, injectors }), {
    namespaces: "all",
    from: "default",
  });
  assert.deepEqual(taken, ["a", "c", "e"]);
});

test("both labels are written to one, even where the second says the target", () => {
  const labels = { "istio-injection": "enabled", "istio.io/rev": "1-20" };
  const plan = planOf(
    mission({
      namespaces: [{ name: production, labels }],
      workloads: [{ namespace: production, name: "web", runs: ["1-20"] }],
    }),
  );
  assert.deepEqual(
    plan.steps.map((step) => step.kind === "relabel" && [step.before, step.after]),
    [[labels, { "istio-injection": null, "istio.io/rev": "1-20" }]],
  );
});

test("a workload on several old revisions comes from all of them", () => {
  const plan = planOf(
    mission({ workloads: [{ namespace: production, name: "web", runs: ["default", "1-18", "1-20"] }] }),
  );
  assert.deepEqual(
    plan.steps.flatMap((step) => (step.kind === "restart" ? [step.from, step.stalePods, step.pods] : [])),
    [["1-18", "default"], 2, 3],
  );
});

test("a label that says it already is no write, and only stale workloads are restarted", () => {
  const labels = { "istio.io/rev": "prod" };
  const plan = planOf(mission({ namespaces: [{ name: production, labels }] }), { to: "prod" });
  const [relabel] = plan.steps;
  assert.ok(relabel?.kind === "relabel");
  assert.deepEqual(relabel.before, relabel.after);
  assert.deepEqual(relabel.from, { revision: "default", deploymentUid: "uid-of-istiod" });
  assert.deepEqual(restarted(plan), ["Deployment/web (canary)"]);
});

test("what has arrived gives no step", () => {
  const plan = planOf(
    mission({
      namespaces: [{ name: production, labels: { "istio.io/rev": "1-20" } }],
      workloads: [{ namespace: production, name: "web", runs: ["1-20"] }],
    }),
  );
  assert.deepEqual([plan.steps, stopping(plan), plan.namespaces], [[], [], [production]]);
});

test("a run that was broken off is gone on with: its record stays the way back, what it began goes first and is not called ill", () => {
  const annotations = { "kubectl-mesh/undo": undoText(record) };
  const begun = {
    restartedAt: record.stamp,
    status: {
      desired: 4,
      observedGeneration: 1,
      replicas: 5,
      updated: 1,
      ready: 4,
      available: 4,
      currentRevision: undefined,
      updateRevision: undefined,
      phase: undefined,
      restartedAt: undefined,
      conditions: [],
    },
  };
  const workloads = [
    { namespace: production, name: "api", runs: ["default", "default"] },
    { namespace: production, name: "web", runs: ["default", "default", "default", "1-20"], ...begun },
  ];
  const plan = planOf(
    mission({ namespaces: [{ name: production, labels: { "istio.io/rev": "1-20" }, annotations }], workloads }),
  );
  assert.deepEqual(stopping(plan), []);
  assert.deepEqual(restarted(plan), ["Deployment/web (canary)", "Deployment/api"]);
  const [relabel] = plan.steps;
  assert.ok(relabel?.kind === "relabel");
  assert.deepEqual([resumedBy(relabel), relabel.from], [record, record.from]);
});

test("a record of a finished run, of another target or of another namespace is nothing to go on with", () => {
  const others: readonly UndoRecord[] = [
    { ...record, state: "done" },
    { ...record, namespaceUid: "other" },
    { ...record, target: { label: "other", revision: "1-20", tag: "other" } },
    { ...record, target: { label: "1-20", revision: "1-19", tag: "1-20" } },
  ];
  for (const other of others) {
    const [relabel] = planOf(
      mission({
        namespaces: [
          {
            name: production,
            labels: { "istio-injection": "enabled" },
            annotations: { "kubectl-mesh/undo": undoText(other) },
          },
        ],
      }),
    ).steps;
    assert.equal(relabel?.kind === "relabel" && resumedBy(relabel), undefined);
  }
});

test("an open record with nothing left to restart still gives the step that closes it", () => {
  const annotations = { "kubectl-mesh/undo": undoText(record) };
  const namespaces = [{ name: production, labels: { "istio.io/rev": "1-20" }, annotations }];
  const plan = planOf(mission({ namespaces, workloads: [{ namespace: production, name: "web", runs: ["1-20"] }] }));
  assert.deepEqual(
    plan.steps.map(({ kind }) => kind),
    ["relabel"],
  );
});

test("-l limits the restarts, and says what moves at its next pod", () => {
  const workloads = [
    { namespace: production, name: "web", runs: old },
    { namespace: production, name: "api", runs: old, paused: true },
  ];
  const bare = pod(production, "debug", "default");
  const plan = planOf(mission({ workloads, pods: [bare] }), { selector: "app=web", selected: new Set(["uid-of-web"]) });
  assert.deepEqual(stopping(plan), []);
  assert.deepEqual(restarted(plan), ["Deployment/web (canary)"]);
  assert.deepEqual(
    plan.left.map(({ object, by }) => `${object.kind}/${object.name} ${by}`),
    ["Deployment/api selector", "Pod/debug selector"],
  );
});

test("namespaces start in the order given, each once, and -A takes those that their own labels inject", () => {
  const enabled = { "istio-injection": "enabled" };
  const namespaces = [
    { name: "zeta", labels: enabled }, { name: "alpha", labels: enabled }, { name: "plain" }, { name: "off", labels: { "istio-injection": "disabled" } },
    { name: "kube-system", labels: enabled }, { name: "istio-system", labels: enabled }, { name: "ending", labels: enabled, terminating: true },
    { name: "moved", labels: { "istio.io/rev": "1-20" } }, { name: "typo", labels: { "istio.io/rev": "1-2o" } }, { name: "mesh-wide", labels: { "istio.io/dataplane-mode": "ambient" } },
  ]; // biome-ignore format: a table
  const workloads = ["zeta", "alpha", "moved"].map((namespace) => ({
    namespace,
    name: `web-${namespace}`,
    runs: [namespace === "moved" ? "1-20" : "default"],
  }));
  const named = planOf(mission({ namespaces, workloads }), { namespaces: ["zeta", "alpha", "zeta"] });
  assert.deepEqual(named.namespaces, ["zeta", "alpha"]);
  const all = planOf(mission({ namespaces, workloads }), { namespaces: "all" });
  assert.deepEqual([all.namespaces, stopping(all)], [["alpha", "moved", "zeta"], []]);
  assert.deepEqual(
    all.steps.flatMap((step) => (step.kind === "relabel" ? [step.namespace] : [])),
    ["alpha", "zeta"],
  );
  assert.deepEqual(planOf(mission({ namespaces, workloads }), { namespaces: "all", from: "default" }).namespaces, [
    "alpha",
    "zeta",
  ]);
});

test("names that every object has are names like others", () => {
  for (const name of ["constructor", "__proto__", "120", "a".repeat(63)]) {
    const plan = planOf(
      mission({
        namespaces: [{ name, labels: { "istio-injection": "enabled" } }],
        workloads: [{ namespace: name, name, runs: old }],
      }),
      { namespaces: [name] },
    );
    assert.deepEqual([stopping(plan), restarted(plan)], [[], [`Deployment/${name} (canary)`]]);
  }
});

suite("a run after another one to the same target", () => {
  const done: UndoRecord = { ...record, state: "done" };
  const { before, from, stamp } = record;
  const inheritedBy = (labels: Record<string, string>, earlier: UndoRecord): unknown => {
    const annotations = { [undoAnnotation]: undoText(earlier) };
    const [first] = planOf(mission({ namespaces: [{ name: production, labels, annotations }] })).steps;
    assert.ok(first?.kind === "relabel" && first.record.kind === "open" && first.record.resumed === undefined);
    return first.record.inherited;
  };

  test("with the labels of the target: what was before the first run is not lost", () => {
    const since = "2020-01-01T00:00:00Z";
    assert.deepEqual(inheritedBy({ "istio.io/rev": "1-20" }, done), { since: stamp, before, from });
    assert.deepEqual(inheritedBy({ "istio.io/rev": "1-20" }, { ...done, since }), { since, before, from });
  });
  test("with labels that were put back: only since when pods of the target are not of before", () => {
    assert.deepEqual(inheritedBy({ "istio-injection": "enabled" }, done), { since: stamp });
    assert.deepEqual(inheritedBy({ "istio-injection": "enabled" }, record), { since: stamp });
  });
  test("of another target, or of another namespace of this name: nothing", () => {
    const target = { label: "prod", revision: "1-20", tag: "prod" };
    assert.equal(inheritedBy({ "istio-injection": "enabled" }, { ...done, target }), undefined);
    assert.equal(inheritedBy({ "istio-injection": "enabled" }, { ...done, namespaceUid: "other" }), undefined);
  });
});
