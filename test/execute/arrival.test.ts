/**
 * A restarted workload waited for through the port, from lists and debug pages to the verdict, on a clock that is moved
 * by hand.
 */

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { kinds } from "../../src/cluster/kinds.ts";
import { type ArrivalGoal, arrival } from "../../src/execute/arrival.ts";
import { createStop } from "../../src/execute/stop.ts";
import { watchFailedCreates } from "../../src/gather/watch/failed-creates.ts";
import { watchIstiods } from "../../src/gather/watch/istiod-watch.ts";
import { watchNamespace, workloadIn } from "../../src/gather/watch/namespace-watch.ts";
import { waitFor } from "../../src/gather/watch/wait.ts";
import { failed } from "../../src/upgrade/proof/verdict.ts";
import { type RestartGoal, workloadProof } from "../../src/upgrade/proof/workload-proof.ts";
import { debugPages, istiodPod, podObject, replicaSet, webDeployment } from "../fixtures/api-objects.ts";
import { fakeCluster } from "../fixtures/fake-cluster.ts";
import { before, stamp } from "../fixtures/instants.ts";
import { manualClock } from "../fixtures/manual-clock.ts";

const web = { kind: "Deployment", namespace: "production", name: "web" };
const goal: RestartGoal = { revision: "1-20", oldRevisions: ["default"], uid: "uid-of-web", stamp, generation: 2 };
const [oldA, oldB] = ["a", "b"].map((end) =>
  podObject(`web-old-${end}`, { revision: "default", createdAt: before, hash: "old" }),
);
const [newA, newB] = ["a", "b"].map((end) => podObject(`web-7d4b9-${end}`));

/** Waits a minute for `web`, with `objects` and what each istiod holds set by the test. */
function arriving() {
  const cluster = fakeCluster({ silent: true });
  const clock = manualClock();
  const told: string[] = [];
  const set = (
    workload: ReturnType<typeof webDeployment> | undefined,
    pods: readonly (typeof newA)[],
    held: { old: string[]; new: string[] },
  ): void => {
    cluster.set(kinds.deployments, workload ? [workload] : []);
    cluster.set(kinds.replicaSets, [replicaSet(), replicaSet("old")]);
    cluster.set(kinds.pods, [
      ...pods.filter((pod) => pod !== undefined),
      istiodPod("istiod-old", "default"),
      istiodPod("istiod-new", "1-20"),
    ]);
    for (const [name, holds] of Object.entries(held)) {
      const pages = debugPages(holds);
      cluster.serve({ namespace: "istio-system", name: `istiod-${name}` }, "/debug/connections", pages.connections);
      cluster.serve({ namespace: "istio-system", name: `istiod-${name}` }, "/debug/syncz", pages.syncz);
    }
    cluster.hint(kinds.pods);
  };
  const start = () => {
    const namespace = watchNamespace(cluster, "production", ["Deployment"], clock);
    const istiods = watchIstiods(cluster, "istio-system", clock);
    let provenAt: ReadonlyMap<string, number> = new Map();
    const judge = () => {
      const [picture, answers] = [namespace.reading().value, istiods.reading().value];
      if (!picture || !answers) return undefined;
      const proof = workloadProof(workloadIn(picture, web), goal, answers, provenAt, clock.now());
      provenAt = proof.provenAt;
      return proof.verdict;
    };
    const signal = new AbortController().signal;
    return waitFor(judge, [namespace, istiods], {
      timeoutMs: 60_000,
      signal,
      clock,
      onChange: (reason) => told.push(reason),
    });
  };
  /** The same by the executor's own wait. */
  const arrive = (noProgressMs: number, change: Partial<ArrivalGoal> = {}) => {
    const watch = {
      objects: watchNamespace(cluster, "production", ["Deployment"], clock),
      failedCreates: watchFailedCreates(cluster, "production", clock),
    };
    const patience = { restarted: false, diagnosed: true, noProgressMs };
    const full = { question: "all-pods", wrongRevision: "ends", ...patience } as const;
    const tools = {
      ...{ watchOf: () => watch, istiods: watchIstiods(cluster, "istio-system", clock), clock },
      stop: createStop(new AbortController().signal, 3_600_000, clock),
      timeouts: { overall: 3_600_000, workload: noProgressMs, probe: 30_000 },
    };
    return arrival(web, { ...goal, ...full, ...change }, tools, (text) => told.push(text));
  };
  return { cluster, clock, told, set, start, arrive };
}

suite("a restart, from the patch to the proof", () => {
  test("step by step, and done only at the end", async () => {
    const { clock, told, set, start } = arriving();
    set(webDeployment({ generation: 1 }), [oldA, oldB], { old: ["web-old-a", "web-old-b"], new: [] });
    const wait = start();
    await clock.advance(500);
    set(webDeployment({ observed: 1 }), [oldA, oldB], { old: ["web-old-a", "web-old-b"], new: [] });
    await clock.advance(1_500);
    set(webDeployment({ updated: 1 }), [oldA, newA], { old: ["web-old-a"], new: [] });
    await clock.advance(1_500);
    set(webDeployment(), [newA, newB], { old: [], new: ["web-7d4b9-a"] });
    await clock.advance(1_500);
    set(
      webDeployment(),
      [newA, newB, podObject("web-old-a", { revision: "default", createdAt: before, hash: "old", deleted: true })],
      {
        old: [],
        new: ["web-7d4b9-a", "web-7d4b9-b"],
      },
    );
    await clock.advance(1_500);
    set(webDeployment(), [newA, newB], { old: [], new: ["web-7d4b9-a", "web-7d4b9-b"] });
    await clock.advance(1_500);
    assert.deepEqual(await wait, { kind: "done" });
    assert.deepEqual(told, [
      "not read yet",
      "restart not seen yet",
      "its controller has not seen the change yet",
      "1 of 2 updated; web-7d4b9-a: proxy not connected yet",
      "web-7d4b9-a: proxy not connected yet",
      "web-7d4b9-b: proxy not connected yet",
      "1 old pod still terminating",
    ]);
    assert.equal(clock.pending(), 0, "polling goes on after the end");
  });

  test("times out due to stale .status.observedGeneration", async () => {
    const { clock, set, start } = arriving();
    set(webDeployment({ observed: 1 }), [newA, newB], { old: [], new: ["web-7d4b9-a", "web-7d4b9-b"] });
    const wait = start();
    await clock.advance(60_000);
    assert.deepEqual(await wait, failed("timed out after 1m: its controller has not seen the change yet"));
  });

  test("uid conflict on get", async () => {
    const { clock, set, start } = arriving();
    set(webDeployment({ uid: "uid-of-another" }), [newA, newB], { old: [], new: ["web-7d4b9-a", "web-7d4b9-b"] });
    const wait = start();
    await clock.advance(0);
    assert.deepEqual(await wait, failed("was replaced meanwhile by another object with the same name"));
  });

  test("handles watch delete", async () => {
    const { clock, set, start } = arriving();
    set(webDeployment({ updated: 1 }), [oldA, newA], { old: [], new: [] });
    const wait = start();
    await clock.advance(1_000);
    set(undefined, [], { old: [], new: [] });
    await clock.advance(1_000);
    assert.deepEqual(await wait, failed("was deleted meanwhile"));
  });

  test("an old istiod that falls silent leaves it unknown, never done", async () => {
    const { cluster, clock, set, start } = arriving();
    set(webDeployment(), [newA, newB], { old: [], new: ["web-7d4b9-a", "web-7d4b9-b"] });
    cluster.serve({ namespace: "istio-system", name: "istiod-old" }, "/debug/syncz", undefined);
    const wait = start();
    await clock.advance(60_000);
    const verdict = await wait;
    assert.equal(verdict.kind, "unknown");
    assert.match("reason" in verdict ? verdict.reason : "", /istiod-old of default does not answer/);
  });
});

suite("the executor's wait", () => {
  test("counts what a person counts: a workload of two has two pods, also while a third one replaces an old one", async () => {
    const { clock, told, set, arrive } = arriving();
    set(webDeployment({ updated: 1 }), [oldA, oldB, newA], { old: ["web-old-a", "web-old-b"], new: ["web-7d4b9-a"] });
    const wait = arrive(600_000);
    await clock.advance(2_000);
    assert.match(told.at(-1) ?? "", /^1 of 2 proven; /);
    set(webDeployment(), [newA, newB], { old: [], new: ["web-7d4b9-a", "web-7d4b9-b"] });
    await clock.advance(10_000);
    const { kind, pods, proven } = await wait;
    assert.deepEqual([kind, pods, proven], ["done", 2, 2]);
  });

  test("ends without any progress, and says for how long and what is missing", async () => {
    const { clock, set, arrive } = arriving();
    set(webDeployment({ updated: 1 }), [oldA, newA], { old: ["web-old-a"], new: [] });
    const wait = arrive(30_000);
    await clock.advance(40_000);
    const { kind, reason, pods, proven } = await wait;
    assert.deepEqual([kind, pods, proven], ["failed", 2, 0]);
    assert.match(reason, /^no progress for 3\ds: .*proxy not connected yet/);
  });

  test("evidence that is missing for all that time is no failure of the workload: unproven", async () => {
    const { cluster, clock, set, arrive } = arriving();
    set(webDeployment(), [newA, newB], { old: [], new: ["web-7d4b9-a", "web-7d4b9-b"] });
    cluster.serve({ namespace: "istio-system", name: "istiod-old" }, "/debug/syncz", undefined);
    const wait = arrive(30_000);
    await clock.advance(40_000);
    const { kind, reason } = await wait;
    assert.equal(kind, "unproven");
    assert.match(reason, /^no proof for 3\ds: /);
  });
});

suite("a restart that is taken back", () => {
  const taken = webDeployment({ generation: 3 });

  for (const question of ["first-pod", "all-pods"] as const)
    test(`ends the wait for ${question} at once`, async () => {
      const { clock, set, arrive } = arriving();
      set(webDeployment({ observed: 1 }), [oldA, oldB], { old: ["web-old-a", "web-old-b"], new: [] });
      const wait = arrive(600_000, { question, restarted: true });
      await clock.advance(3_000);
      set(taken, [oldA, newA], { old: ["web-old-a"], new: ["web-7d4b9-a"] });
      await clock.advance(3_000);
      const { kind, reason } = await wait;
      assert.deepEqual([kind, reason], ["taken-back", "its restart was taken back"]);
    });
});

suite("a way back", () => {
  const back: Partial<ArrivalGoal> = {
    ...{ revision: "default", oldRevisions: [], stamp: "", generation: 3 },
    ...{ wrongRevision: "waits", diagnosed: false },
  };
  const whole = webDeployment({ generation: 3 });
  const conditions = [
    { type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message: "has timed out progressing." },
  ] as const;
  const broken = { ...whole, status: { ...whole.status, replicas: 3, conditions } } as unknown as typeof whole;
  const held = { old: ["web-old-a", "web-old-b"], new: [] };

  test("waits for the pods of the rollout that failed, although its condition is still there", async () => {
    const { clock, set, arrive } = arriving();
    set(broken, [oldA, oldB, newA], held);
    const wait = arrive(30_000, back);
    await clock.advance(5_000);
    set(whole, [oldA, oldB], held);
    await clock.advance(10_000);
    assert.equal((await wait).kind, "done");
  });

  test("and ends when they do not go", async () => {
    const { clock, set, arrive } = arriving();
    set(broken, [oldA, oldB, newA], held);
    const wait = arrive(30_000, back);
    await clock.advance(60_000);
    const { kind, reason } = await wait;
    assert.equal(kind, "failed");
    assert.match(reason, /^no progress for 30s: .*exceeded its progress deadline/);
  });
});
