/** Events about the workloads that a run moved: what they contain, that each is written once, and that none delays. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { kinds } from "../../src/cluster/kinds.ts";
import { createEventRecorder } from "../../src/execute/events.ts";
import { notBegun, type StepOutcome } from "../../src/upgrade/plan/outcome.ts";
import type { RestartStep, Step } from "../../src/upgrade/plan/step.ts";
import { type FakeCluster, fakeCluster, type Json } from "../fixtures/fake-cluster.ts";
import { manualClock, settled } from "../fixtures/manual-clock.ts";

const restart = (name: string, change: Partial<RestartStep> = {}): RestartStep => ({
  ...{ kind: "restart", workload: { kind: "Deployment", namespace: "production", name }, uid: `uid-of-${name}` },
  ...{ canary: false, podsInFlight: 1, stalePods: 2, pods: 2, from: ["default"], to: "1-20", gateway: false },
  ...{ stamp: { kind: "of-record" }, guarded: true, blockingPods: [] },
  ...change,
});
const ended = (change: Partial<StepOutcome>): StepOutcome => ({ ...notBegun, pods: 2, proven: 2, ...change });
const proven = ended({ state: "proven" });

function recording({ instance = "mesh-migrate", run = "a1b2c3" } = {}) {
  const cluster = fakeCluster();
  const clock = manualClock();
  const warnings: string[] = [];
  const warn = (text: string): number => warnings.push(text);
  const options = { direction: "forward", instance, runOf: () => run, warn, clock } as const;
  return { cluster, clock, warnings, events: createEventRecorder(cluster, options) };
}
const writtenTo = ({ writes }: FakeCluster): readonly Json[] =>
  writes.filter(({ kind }) => kind === "events").map(({ body }) => body);

suite("an Event", () => {
  test("of a workload that has moved says from where to where, by whom", async () => {
    const { cluster, events, warnings } = recording();
    events.tell(restart("web"), proven);
    await events.close();
    assert.deepEqual(writtenTo(cluster), [
      {
        metadata: { name: "web.deployment-a1b2c3-migrate-proven", namespace: "production" },
        involvedObject: {
          ...{ apiVersion: "apps/v1", kind: "Deployment", namespace: "production", name: "web", uid: "uid-of-web" },
        },
        ...{ type: "Normal", reason: "MeshMigrated", action: "Migrate" },
        message: "Moved from revision default to 1-20: 2 pods proven (mesh-migrate, run a1b2c3).",
        ...{ eventTime: "2026-11-03T04:05:06.000000Z" },
        ...{ reportingComponent: "kubectl-mesh", reportingInstance: "mesh-migrate" },
      },
    ]);
    assert.deepEqual(warnings, []);
  });

  const ends: readonly (readonly [string, StepOutcome, back: boolean, readonly string[]])[] = [
    ["failed", ended({ state: "failed", reason: "pod web-2 crashes" }), false,
      ["Warning", "MeshMigrationFailed", "Not moved from revision default to 1-20 (mesh-migrate, run a1b2c3): pod web-2 crashes"]],
    ["unproven", ended({ state: "unproven", reason: "istiod does not answer" }), false,
      ["Warning", "MeshMigrationUnproven", "Restarted to move from revision default to 1-20, and not proven (mesh-migrate, run a1b2c3): istiod does not answer"]],
    ["restored", proven, true,
      ["Normal", "MeshRestored", "Moved back from revision default to 1-20: 2 pods proven (mesh-migrate, run a1b2c3)."]],
    ["not restored", ended({ state: "failed", reason: "no quota" }), true,
      ["Warning", "MeshRestoreFailed", "Not moved back from revision default to 1-20 (mesh-migrate, run a1b2c3): no quota"]],
  ]; // biome-ignore format: a table
  for (const [name, outcome, back, expected] of ends)
    test(`of a workload that is ${name}`, async () => {
      const { cluster, events } = recording();
      (back ? events.forUndo() : events).tell(restart("web"), outcome);
      await events.close();
      assert.deepEqual(
        writtenTo(cluster).map(({ type, reason, message }) => [type, reason, message]),
        [expected],
      );
    });

  test("is written once for a workload and direction", async () => {
    const { cluster, events } = recording();
    const back = events.forUndo();
    events.tell(restart("web"), ended({ state: "failed" }));
    events.tell(restart("web"), proven);
    back.tell(restart("web"), proven);
    back.tell(restart("web"), proven);
    await events.close();
    assert.deepEqual(
      writtenTo(cluster).map(({ reason }) => reason),
      ["MeshMigrationFailed", "MeshRestored"],
    );
  });

  test("is not written for what wrote nothing, has not ended, or is no restart", async () => {
    const { cluster, events } = recording();
    events.tell(restart("web"), notBegun);
    events.tell(restart("web"), ended({ state: "begun" }));
    events.tell(restart("web"), ended({ state: "undone" }));
    const { workload, uid } = restart("web");
    const prove: Step = { kind: "prove", workload, uid, restartedAt: undefined, to: "1-20" };
    events.tell(prove, proven);
    await events.close();
    assert.deepEqual(cluster.requests, []);
  });

  test("has at most what the server takes, whatever the cluster says", async () => {
    const { cluster, events } = recording({ instance: `${"m".repeat(127)}ä`, run: "../\u001b[31m\u202eRUN" });
    const name = `${"a".repeat(149)}.${"b".repeat(100)}`;
    const reason = `${"ä€😀".repeat(300)}\u001b]0;owned\u0007`;
    events.tell(restart(name), ended({ state: "failed", reason }));
    const argo = restart("argo", { workload: { kind: "Rollout", namespace: "production", name: "argo" } });
    events.tell(argo, ended({ state: "failed", reason: "\u001b[2J\r\nhidden" }));
    await events.close();
    const [long, escaped] = writtenTo(cluster);
    assert.ok(Buffer.byteLength(long.message) <= 1024 && Buffer.byteLength(long.message) > 1000);
    assert.match(long.message, /…$/);
    assert.doesNotMatch(long.message, /\ufffd/);
    assert.ok(Buffer.byteLength(long.reportingInstance) <= 128);
    for (const { metadata, message } of [long, escaped]) {
      assert.ok(metadata.name.length <= 253);
      assert.match(metadata.name, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be left
      assert.doesNotMatch(message, /[\u0000-\u001f\u202e]/);
    }
    assert.equal(escaped.involvedObject.apiVersion, "argoproj.io/v1alpha1");
  });
});

suite("an Event that cannot be written", () => {
  test("is reported once a run when it is forbidden, and no other is tried in that namespace", async () => {
    const { cluster, events, warnings } = recording();
    cluster.fail({ verb: "create", kind: "events" }, "forbidden");
    events.tell(restart("web"), proven);
    await settled();
    events.tell(restart("db"), proven);
    events.forUndo().tell(restart("web"), proven);
    await events.close();
    assert.equal(writtenTo(cluster).length, 1);
    assert.deepEqual(warnings, [
      "no Event was written about production/Deployment/web, and nothing depends on it: create events production web.deployment-a1b2c3-migrate-proven: forbidden",
    ]);
  });

  test("because it is there is no loss: its answer was lost, or the run was repeated", async () => {
    const { cluster, events, warnings } = recording();
    cluster.fail({ verb: "create", kind: "events" }, "already-exists");
    events.tell(restart("web"), proven);
    await events.close();
    assert.deepEqual(warnings, []);
  });

  test("delays nothing, and the end by two seconds at most", async () => {
    const { cluster, clock, events } = recording();
    cluster.fail({ verb: "create", kind: "events" }, "hang");
    for (const name of ["a", "b", "c", "d", "e", "f"]) events.tell(restart(name), proven);
    await settled();
    assert.equal(writtenTo(cluster).length, 4, "side by side");
    let closed = false;
    const closing = events.close().then(() => {
      closed = true;
    });
    await clock.advance(1_999);
    assert.equal(closed, false);
    await clock.advance(1);
    await closing;
    events.tell(restart("late"), proven);
    await settled();
    assert.equal(writtenTo(cluster).length, 4, "none after the end");
  });

  test("is given up after ten seconds, with a warning, and the next gets its turn", async () => {
    const { cluster, clock, events, warnings } = recording();
    const heal = cluster.fail({ verb: "create", kind: "events" }, "hang");
    for (const name of ["a", "b", "c", "d"]) events.tell(restart(name), proven);
    await settled();
    events.tell(restart("e"), proven);
    heal();
    await clock.advance(10_000);
    await events.close();
    assert.equal(warnings.length, 1, warnings.join("\n"));
    assert.ok(cluster.object(kinds.events, "e.deployment-a1b2c3-migrate-proven", "production"));
  });
});
