/** The plan of `kubectl mesh-rollback`, from record, journal and today's mesh. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { after, before, stamp } from "../../fixtures/instants.ts";
import { pod } from "../../fixtures/pods.ts";
import {
  doneRecord,
  journalOf,
  labelsBefore,
  labelsWritten,
  movedWorkload,
  type RollbackWords,
  rollbackOf,
  runRecord,
  untouchedWorkload,
  workloadRecord,
} from "../../fixtures/rollback.ts";
import { workload } from "../../fixtures/workload.ts";

suite("stages", () => {
  const { plan, steps, findings } = rollbackOf({ journal: journalOf(runRecord()) });

  test("are labels, restarts, and the end of the record", () => {
    assert.deepEqual(findings, []);
    assert.deepEqual(
      plan.stages.map(({ name, gate, evenAfterFailure }) => [name, gate, evenAfterFailure]),
      [
        ["labels", undefined, true],
        ["restarts", "labels-back", true],
        ["close", "last-look", true],
      ],
    );
    assert.deepEqual(
      [plan.oldRevisions, plan.namespaces, [...plan.undoes]],
      [[], ["production"], [["production", "r1"]]],
    );
  });

  test("the labels are those of before, proven by a trial pod, and the record stays until everything is proven", () => {
    const [labels, restart, close] = steps;
    assert.ok(labels?.kind === "relabel" && restart?.kind === "restart" && close?.kind === "relabel");
    assert.deepEqual([labels.before, labels.after, labels.record], [labelsWritten, labelsBefore, { kind: "keep" }]);
    assert.deepEqual([labels.to, labels.probe?.workload.name, labels.probe?.required], ["default", "web", true]);
    assert.deepEqual([restart.guarded, restart.canary, restart.to, restart.from], [true, false, "default", ["1-20"]]);
    assert.deepEqual([close.before, close.after], [labelsBefore, labelsBefore]);
    assert.deepEqual(close.record, {
      kind: "close",
      proven: ["labels of production", "production/Deployment/web"],
      removes: true,
    });
  });

  test("of a rollback that was begun: labels that are back are not written again", () => {
    const [labels] = rollbackOf({ labels: { "istio-injection": "enabled" } }).steps;
    assert.ok(labels?.kind === "relabel");
    assert.deepEqual([labels.before, labels.after], [labelsBefore, labelsBefore]);
  });

  test("with --pin the label is the revision itself", () => {
    const [labels] = rollbackOf({ pin: true }).steps;
    assert.ok(labels?.kind === "relabel");
    assert.deepEqual(labels.after, { "istio-injection": null, "istio.io/rev": "default" });
  });
});

/** The restarts in their order: `name: stamp`, with the pods that are deleted. */
const restartsOf = (words: RollbackWords): readonly string[] =>
  rollbackOf(words).steps.flatMap((step) => {
    if (step.kind !== "restart") return [];
    const text = step.stamp.kind === "as-before" ? `as before ${step.stamp.stamp}` : step.stamp.kind;
    return [[`${step.workload.name}: ${text}`, ...step.blockingPods.map(({ name }) => `deletes ${name}`)].join(", ")];
  });

const journaled = (...workloads: Parameters<typeof workloadRecord>[]): Pick<RollbackWords, "journal"> => ({
  journal: journalOf(runRecord({ workloads: workloads.map((each) => workloadRecord(...each)) })),
});
const of = (
  ...workloads: NonNullable<NonNullable<RollbackWords["mesh"]>["workloads"]>
): Pick<RollbackWords, "mesh"> => ({
  mesh: { workloads },
});
const podOf = (owner: string, name: string, revision: string, createdAt: string, hash: string) =>
  pod("production", name, revision, {
    ...{ createdAt, workload: { kind: "Deployment", namespace: "production", name: owner } },
    labels: { "pod-template-hash": hash },
  });

const stamps: readonly (readonly [what: string, RollbackWords, readonly string[]])[] = [
  ["its template as it was", journaled(["web"]), ["web: as before null"]],
  ["its template as it was, with the stamp that it had", journaled(["web", { stampBefore: before }]), [`web: as before ${before}`]],
  ["no journal: a stamp of its own", {}, ["web: of-record"]],
  ["a workload that was created again", journaled(["web", { uid: "other" }]), ["web: of-record"]],
  ["a workload that the run did not restart", { ...journaled(["web", { stamp: undefined, state: "planned" }]), ...of(movedWorkload("web", { restartedAt: undefined })) }, ["web: of-record"]],
  ["restarted by somebody else since", { ...journaled(["web"]), ...of(movedWorkload("web", { restartedAt: after })) }, ["web: of-record"]],
  ["put back already by a rollback that was killed: the same once more, which is no second rollout", { ...journaled(["web"]), ...of(movedWorkload("web", { restartedAt: undefined })) }, ["web: as before null"]],
  ["put back, and the old template has pods on the target", { ...journaled(["web", { templates: ["new"] }]), ...of(movedWorkload("web", { restartedAt: undefined })) }, ["web: of-record"]],
  ["pods of two templates on the target", { ...journaled(["web"]), mesh: { pods: [podOf("web", "web-late", "1-20", after, "old")] } }, ["web: of-record"]],
  ["a template with pods on both revisions", { ...journaled(["web"]), mesh: { pods: [podOf("web", "web-odd", "default", after, "new")] } }, ["web: of-record"]],
  ["pods that name no template", { ...journaled(["web"]), ...of(movedWorkload("web", { pod: { createdAt: after, labels: {} } })) }, ["web: of-record"]],
  ["a Rollout evicts by age", { ...journaled(["web", { kind: "Rollout" }]), ...of(movedWorkload("web", { kind: "Rollout", strategy: { type: "RolloutRestart", maxUnavailable: 1 } })) }, ["web: of-record"]],
  ["a StatefulSet waits for its broken pod for ever: that pod is deleted",
    { ...journaled(["db", { kind: "StatefulSet" }]), ...of(movedWorkload("db", { kind: "StatefulSet", runs: ["1-20"], pod: { createdAt: after, ready: false, labels: { "controller-revision-hash": "new" } } })) },
    ["db: as before null, deletes db-0"]],
  ["what came up on the target unplanned", { ...journaled(["web"]), ...of(movedWorkload("web"), movedWorkload("late", { restartedAt: undefined })) }, ["late: of-record", "web: as before null"]],
  ["what never moved is not restarted", of(movedWorkload("web"), untouchedWorkload("calm")), ["web: of-record"]],
  ["pods that were on the target before the run stay", of(movedWorkload("web"), movedWorkload("early", { pod: { createdAt: before } })), ["web: of-record"]],
  ["but those of an earlier run that this one continues go back",
    { ...of(movedWorkload("early", { pod: { createdAt: before } })), record: doneRecord({ since: "2026-11-03T04:00:00Z" }) }, ["early: of-record"]],
  ["with --leave", { ...of(movedWorkload("web"), movedWorkload("api")), leave: ["deployment/web"] }, ["api: of-record"]],
]; // biome-ignore format: a table

suite("restarts", () => {
  for (const [what, words, expected] of stamps) test(what, () => assert.deepEqual(restartsOf(words), expected));

  test("begin with the unhealthy, then what the journal does not have, then the reverse of the run", () => {
    const words = {
      ...journaled(["first"], ["second"], ["third"], ["sick"]),
      ...of(
        ...["first", "second", "third", "late"].map((name) => movedWorkload(name)),
        movedWorkload("sick", { status: { ...workload({ generation: 1 }).status, available: 1, ready: 1 } }),
      ),
    };
    assert.deepEqual(
      restartsOf(words).map((text) => text.split(":")[0]),
      ["sick", "late", "third", "second", "first"],
    );
    const [labels] = rollbackOf(words).steps;
    assert.equal(labels?.kind === "relabel" && labels.probe?.workload.name, "late", "a healthy one is probed");
  });
});

test("what does not go back is named, with the reason", () => {
  const { plan, findings } = rollbackOf({
    ...of(
      movedWorkload("web"),
      movedWorkload("early", { pod: { createdAt: before } }),
      untouchedWorkload("calm"),
      movedWorkload("none", { runs: [] }),
    ),
    leave: ["deployment/web"],
  });
  assert.deepEqual(
    plan.left.map(({ object, by, reason }) => [object.name, by, reason]),
    [
      ["web", "--leave", "stays on 1-20 until its next pod"],
      ["early", "before", "has pods that were on 1-20 before the run"],
    ],
  );
  assert.deepEqual([plan.already.map(({ name }) => name), plan.empty.map(({ name }) => name)], [["calm"], ["none"]]);
  assert.deepEqual(
    findings.filter(({ severity }) => severity === "blocker"),
    [],
  );
});

test("a workload that nobody restarted and whose proxies are elsewhere is proven", () => {
  const { steps } = rollbackOf({
    mesh: { workloads: [movedWorkload("web"), untouchedWorkload("calm")], connected: { "calm-0": null } },
  });
  assert.deepEqual(
    steps.flatMap((step) => (step.kind === "prove" ? [step.workload.name, step.to] : [])),
    ["calm", "default"],
  );
});

test("pods without a sidecar that lost it in the run get it back", () => {
  const { steps } = rollbackOf(of(movedWorkload("web", { runs: [null, null], restartedAt: stamp })));
  assert.deepEqual(
    steps.flatMap((step) => (step.kind === "restart" ? [step.workload.name] : [])),
    ["web"],
  );
});
