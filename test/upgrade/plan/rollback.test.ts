/** The plan of a rollback, from the undo record and the pods that are there now. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Pod } from "../../../src/mesh/model.ts";
import type { WorkloadKind } from "../../../src/mesh/workload-kinds.ts";
import { stepsOf } from "../../../src/upgrade/plan/plan.ts";
import { planRollback, type Restarted, type Restoring } from "../../../src/upgrade/plan/rollback.ts";
import type { UndoRecord } from "../../../src/upgrade/record/undo-record.ts";
import { after, before as earlier, stamp } from "../../fixtures/instants.ts";
import { ownedBy, pod } from "../../fixtures/pods.ts";
import { workload } from "../../fixtures/workload.ts";

const before = { "istio-injection": "enabled", "istio.io/rev": null };
const written = { "istio-injection": null, "istio.io/rev": "1-20" };
const record: UndoRecord = {
  version: 1,
  run: "r1",
  target: { label: "1-20", revision: "1-20", tag: undefined },
  stamp,
  namespaceUid: "uid-of-production",
  before,
  from: { revision: "default", deploymentUid: "d" },
  state: "open",
};

const ref = (name: string, kind: WorkloadKind = "Deployment") => ({ kind, namespace: "production", name });

/** A pod of a workload: on the target and newer than the stamp unless the change says otherwise. */
const podOf = (name: string, owner = "web", change: Partial<Pod> = {}, revision = "1-20", kind?: WorkloadKind): Pod =>
  pod("production", name, revision, {
    createdAt: after,
    labels: { "pod-template-hash": "new" },
    workload: ref(owner, kind),
    ...change,
    proxy: {},
  });
const old = { createdAt: earlier, labels: { "pod-template-hash": "old" } };

const restarted = (name: string, kind?: WorkloadKind, stampBefore: string | null = null): Restarted => ({
  workload: ref(name, kind),
  uid: `uid-of-${name}`,
  stamp,
  stampBefore,
});

const restoring = (pods: readonly Pod[], change: Partial<Restoring> = {}): Restoring => ({
  namespace: "production",
  record,
  written,
  workloads: [workload({ name: "web" }), workload({ name: "db", kind: "StatefulSet" }), workload({ name: "other" })],
  pods,
  restarted: [restarted("web")],
  ...change,
});

/** The restarts as `name: stamp`, with the pods that are deleted. */
const restartsOf = (each: Restoring): readonly string[] =>
  stepsOf(planRollback([each])).flatMap((step) => {
    if (step.kind !== "restart") return [];
    const { stamp: choice, blockingPods } = step;
    const text =
      choice.kind === "as-before"
        ? `as before ${choice.stamp}`
        : choice.kind === "new"
          ? `new ${choice.after}`
          : "record";
    return [[`${step.workload.name}: ${text}`, ...blockingPods.map(({ name }) => `deletes ${name}`)].join(", ")];
  });

suite("labels", () => {
  test("are put back first, only where they are those of the run, and the record goes last", () => {
    const { stages } = planRollback([restoring([]), { ...restoring([]), namespace: "shop" }]);
    assert.deepEqual(
      stages.map(({ name, lanes, gate }) => [name, lanes.map(({ namespace }) => namespace), gate]),
      [
        ["labels", ["production", "shop"], undefined],
        ["restarts", ["production", "shop"], "look-again"],
        ["close", ["production", "shop"], "look-again"],
      ],
    );
    const [step] = stages[0]?.lanes[0]?.steps ?? [];
    assert.ok(step && "kind" in step && step.kind === "relabel");
    assert.deepEqual(
      [step.uid, step.before, step.after, step.to, step.record, step.probe?.required],
      ["uid-of-production", written, before, "default", { kind: "keep" }, false],
    );
  });

  test("of a tag that was moved did not change: nothing is probed, and only what the run restarted is put back", () => {
    const kept = { record: { ...record, before: written } };
    const each = restoring([podOf("other-1", "other")], kept);
    const [step] = stepsOf(planRollback([each]));
    assert.ok(step?.kind === "relabel" && step.probe === undefined);
    assert.deepEqual(restartsOf(each), ["web: as before null"]);
  });
});

const cases: readonly (readonly [what: string, Restoring, readonly string[]])[] = [
  ["the template as it was, so that the old ReplicaSet serves on",
    restoring([podOf("web-new"), podOf("web-old", "web", old, "default")], { restarted: [restarted("web", "Deployment", earlier)] }),
    [`web: as before ${earlier}`]],
  ["a Rollout replaces pods by their age: it is restarted again",
    restoring([], { restarted: [restarted("web", "Rollout")] }), [`web: new ${stamp}`]],
  ["a pod of the old template came up on the target: its template would keep it",
    restoring([podOf("web-new"), podOf("web-late", "web", { labels: old.labels }), podOf("web-old", "web", old, "default")]),
    [`web: new ${stamp}`]],
  ["other workloads with pods that came up on the target meanwhile",
    restoring([podOf("other-1", "other"), podOf("other-0", "other", old, "default")]),
    ["web: as before null", "other: new undefined"]],
  ["what was on the target before the run is not of the run",
    restoring([podOf("other-1", "other", { createdAt: earlier })]), ["web: as before null"]],
  ["pods that terminate or have ended need no restart",
    restoring([podOf("other-1", "other", { terminating: true }), podOf("other-2", "other", { phase: "Succeeded" })]),
    ["web: as before null"]],
  ["a StatefulSet waits for its broken pod for ever: that pod alone is deleted",
    restoring(
      [podOf("db-2", "db", { ready: false }, "1-20", "StatefulSet"), podOf("db-1", "db", {}, "1-20", "StatefulSet"), podOf("db-0", "db", { ...old, ready: false }, "default", "StatefulSet")],
      { restarted: [restarted("db", "StatefulSet")] }),
    ["db: as before null, deletes db-2"]],
  ["a Deployment goes on by itself", restoring([podOf("web-new", "web", { ready: false })]), ["web: as before null"]],
]; // biome-ignore format: a table

suite("restarts", () => {
  for (const [what, each, expected] of cases) test(what, () => assert.deepEqual(restartsOf(each), expected));

  test("nothing waits for the istiods of the target: they may be what failed", () => {
    assert.deepEqual(planRollback([restoring([])]).oldRevisions, []);
  });
});

test("pods that no restart brings back are named: those of Jobs end, the others stay", () => {
  const owned = podOf("job-1", "", { workload: undefined, owner: ownedBy("batch", "Job", "job") });
  const lonely = podOf("lonely", "", { workload: undefined });
  const unknown = podOf("unknown-1", "unknown");
  const names = (pods: readonly Pod[]): readonly string[] => pods.map(({ name }) => name);
  const plan = planRollback([restoring([owned, lonely, unknown])]);
  assert.deepEqual([names(plan.untilTheyEnd), names(plan.notRestorable)], [["job-1"], ["lonely", "unknown-1"]]);
});
