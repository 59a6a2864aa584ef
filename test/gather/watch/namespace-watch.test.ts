import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ClusterError } from "../../../src/cluster/cluster-error.ts";
import { kinds } from "../../../src/cluster/kinds.ts";
import { type NamespacePicture, watchNamespace, workloadIn } from "../../../src/gather/watch/namespace-watch.ts";
import type { Poller } from "../../../src/gather/watch/poller.ts";
import { podObject, replicaSet, webDeployment } from "../../fixtures/api-objects.ts";
import { type FakeCluster, fakeCluster, requestText } from "../../fixtures/fake-cluster.ts";
import { manualClock } from "../../fixtures/manual-clock.ts";

const web = { kind: "Deployment", namespace: "production", name: "web" };

function scene() {
  const cluster = fakeCluster({ silent: true });
  cluster.set(kinds.deployments, [webDeployment()]);
  cluster.set(kinds.replicaSets, [replicaSet()]);
  cluster.set(kinds.pods, [podObject("web-7d4b9-a"), podObject("web-7d4b9-b")]);
  const clock = manualClock();
  return { cluster, clock };
}

const picture = (watch: Poller<NamespacePicture>): NamespacePicture => {
  const { value } = watch.reading();
  assert.ok(value);
  return value;
};

const listsOf = ({ requests }: FakeCluster): readonly string[] =>
  requests.filter(({ verb }) => verb === "list").map(requestText);

suite("watchNamespace", () => {
  test("one list of each kind asked for, pods after the workloads, joined", async () => {
    const { cluster, clock } = scene();
    const watch = watchNamespace(cluster, "production", ["Deployment", "StatefulSet"], clock);
    watch.listen(() => {});
    await clock.advance(0);
    assert.deepEqual(listsOf(cluster).slice(0, 2).toSorted(), [
      "list deployments production",
      "list statefulsets production",
    ]);
    assert.deepEqual(listsOf(cluster).slice(2).toSorted(), ["list pods production", "list replicasets production"]);
    assert.deepEqual(
      workloadIn(picture(watch), web)?.pods.map(({ name }) => name),
      ["web-7d4b9-a", "web-7d4b9-b"],
    );
    assert.deepEqual(picture(watch).replicaSets, [
      { name: "web-7d4b9", uid: "uid-of-rs-7d4b9", ownerUid: "uid-of-web" },
    ]);
    assert.equal(workloadIn(picture(watch), { ...web, name: "constructor" }), undefined);
  });

  test("a hint of the watch leads to a list, a burst of hints to one", async () => {
    const { cluster, clock } = scene();
    const watch = watchNamespace(cluster, "production", ["Deployment"], clock);
    watch.listen(() => {});
    await clock.advance(1_000);
    cluster.remove(kinds.pods, { namespace: "production", name: "web-7d4b9-b" });
    for (let hints = 0; hints < 20; hints++) cluster.hint(kinds.pods);
    await clock.advance(100);
    assert.equal(workloadIn(picture(watch), web)?.pods.length, 1);
    assert.equal(listsOf(cluster).filter((list) => list.startsWith("list pods")).length, 2);
  });

  test("handles watch close out: without any hint it is listed all the same", async () => {
    const { cluster, clock } = scene();
    const watch = watchNamespace(cluster, "production", ["Deployment"], clock);
    watch.listen(() => {});
    await clock.advance(0);
    cluster.set(kinds.deployments, []);
    await clock.advance(5_000);
    assert.equal(workloadIn(picture(watch), web), undefined);
  });

  test("watches what it lists, while somebody listens", async () => {
    const { cluster, clock } = scene();
    const watch = watchNamespace(cluster, "production", ["DaemonSet", "Rollout"], clock);
    assert.deepEqual(cluster.watching(), []);
    const end = watch.listen(() => {});
    assert.deepEqual(cluster.watching(), ["daemonsets", "pods", "rollouts"]);
    end();
    assert.deepEqual(cluster.watching(), []);
    assert.equal(clock.pending(), 0);
  });

  test("Argo Rollouts not installed is none; no right to read ReplicaSets is told by names", async () => {
    const { cluster, clock } = scene();
    cluster.fail(
      { verb: "list", kind: "replicasets" },
      new ClusterError("may not list replicasets", { reason: "forbidden", status: 403 }),
    );
    const watch = watchNamespace(cluster, "production", ["Deployment", "Rollout"], clock);
    watch.listen(() => {});
    await clock.advance(0);
    assert.equal(workloadIn(picture(watch), web)?.pods.length, 2);
    assert.deepEqual(picture(watch).replicaSets, []);
  });

  test("a failed list is not an empty one: the last picture stays, and since when it is old is told", async () => {
    const { cluster, clock } = scene();
    const watch = watchNamespace(cluster, "production", ["Deployment"], clock);
    watch.listen(() => {});
    await clock.advance(0);
    const mend = cluster.fail(
      { verb: "list", kind: "pods" },
      new ClusterError("connection refused", { reason: "unreachable" }),
    );
    await clock.advance(30_000);
    assert.equal(workloadIn(picture(watch), web)?.pods.length, 2);
    assert.equal(watch.reading().failingSince, 5_000);
    assert.match(String(watch.reading().trouble), /connection refused/);
    mend();
    await clock.advance(5_000);
    assert.equal(watch.reading().failingSince, undefined);
  });
});
