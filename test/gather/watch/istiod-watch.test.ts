import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ClusterError } from "../../../src/cluster/cluster-error.ts";
import { kinds } from "../../../src/cluster/kinds.ts";
import { watchIstiods } from "../../../src/gather/watch/istiod-watch.ts";
import { debugPages, istiodPod, podObject } from "../../fixtures/api-objects.ts";
import { type FakeCluster, fakeCluster, requestText } from "../../fixtures/fake-cluster.ts";
import { manualClock } from "../../fixtures/manual-clock.ts";

function scene() {
  const cluster = fakeCluster({ silent: true });
  const clock = manualClock();
  const serve = (istiod: string, pods: readonly string[]): void => {
    const { connections, syncz } = debugPages(pods);
    cluster.serve({ namespace: "istio-system", name: istiod }, "/debug/connections", connections);
    cluster.serve({ namespace: "istio-system", name: istiod }, "/debug/syncz", syncz);
  };
  cluster.set(kinds.pods, [istiodPod("istiod-old", "default"), istiodPod("istiod-new", "1-20"), podObject("web-0")]);
  serve("istiod-old", ["web-0"]);
  serve("istiod-new", []);
  const watch = watchIstiods(cluster, "istio-system", clock);
  const told = () =>
    watch
      .reading()
      .value?.map(
        (answer) =>
          `${answer.revision} ${answer.istiod}: ${answer.kind === "answered" ? answer.proxies.map(({ pod }) => pod) : answer.kind}`,
      );
  return { cluster, clock, serve, watch, told };
}

const pagesAsked = ({ requests }: FakeCluster): readonly string[] =>
  requests.filter(({ verb }) => verb === "getFromPod").map(requestText);

suite("watchIstiods", () => {
  test("asks every istiod, by revision", async () => {
    const { clock, watch, told } = scene();
    watch.listen(() => {});
    await clock.advance(0);
    assert.deepEqual(told(), ["1-20 istio-system/istiod-new: ", "default istio-system/istiod-old: web-0"]);
    assert.equal(watch.reading().readAt, 0);
  });

  test("about once a second, and only while somebody listens", async () => {
    const { cluster, clock, watch } = scene();
    await clock.advance(10_000);
    assert.equal(pagesAsked(cluster).length, 0);
    const end = watch.listen(() => {});
    await clock.advance(5_000);
    assert.equal(pagesAsked(cluster).filter((request) => request.endsWith("istiod-new 15014/debug/syncz")).length, 6);
    end();
    assert.equal(clock.pending(), 0);
  });

  test("sees a proxy move", async () => {
    const { clock, serve, watch, told } = scene();
    watch.listen(() => {});
    await clock.advance(0);
    serve("istiod-old", []);
    serve("istiod-new", ["web-0"]);
    await clock.advance(1_000);
    assert.deepEqual(told(), ["1-20 istio-system/istiod-new: web-0", "default istio-system/istiod-old: "]);
  });

  test("which istiods there are is listed anew every ten seconds", async () => {
    const { cluster, clock, serve, watch, told } = scene();
    watch.listen(() => {});
    await clock.advance(0);
    cluster.put(kinds.pods, istiodPod("istiod-second", "1-20"));
    serve("istiod-second", ["web-1"]);
    await clock.advance(9_000);
    assert.equal(told()?.length, 2);
    await clock.advance(1_000);
    assert.deepEqual(told()?.[1], "1-20 istio-system/istiod-second: web-1");
    assert.equal(cluster.requests.filter(({ verb }) => verb === "list").length, 2);
  });

  test("a silent one stands among the answers, and the next round asks who is there: a replaced pod is not asked any more", async () => {
    const { cluster, clock, serve, watch, told } = scene();
    watch.listen(() => {});
    await clock.advance(0);
    cluster.serve({ namespace: "istio-system", name: "istiod-new" }, "/debug/syncz", undefined);
    cluster.set(kinds.pods, [istiodPod("istiod-old", "default"), istiodPod("istiod-newer", "1-20")]);
    serve("istiod-newer", ["web-0"]);
    await clock.advance(1_000);
    assert.deepEqual(told(), ["1-20 istio-system/istiod-new: unanswered", "default istio-system/istiod-old: web-0"]);
    await clock.advance(1_000);
    assert.deepEqual(told(), ["1-20 istio-system/istiod-newer: web-0", "default istio-system/istiod-old: web-0"]);
  });

  test("an istiod that cannot be listed just now is asked all the same", async () => {
    const { cluster, clock, serve, watch, told } = scene();
    watch.listen(() => {});
    await clock.advance(0);
    cluster.fail({ verb: "list", kind: "pods" }, new ClusterError("timeout", { reason: "timeout" }));
    serve("istiod-new", ["web-0"]);
    await clock.advance(20_000);
    assert.equal(told()?.[0], "1-20 istio-system/istiod-new: web-0");
    assert.equal(watch.reading().trouble, undefined);
  });

  test("when none was ever listed, nothing is known: that is trouble, and no answer", async () => {
    const { cluster, clock, watch } = scene();
    cluster.fail({ verb: "list", kind: "pods" }, new ClusterError("may not list pods", { reason: "forbidden" }));
    let heard = 0;
    watch.listen(() => heard++);
    await clock.advance(0);
    assert.equal(watch.reading().value, undefined);
    assert.match(String(watch.reading().trouble), /may not list pods/);
    assert.equal(heard, 1);
  });

  test("one still coming up is not asked", async () => {
    const { cluster, clock, watch, told } = scene();
    cluster.put(kinds.pods, istiodPod("istiod-young", "1-20", "Pending"));
    watch.listen(() => {});
    await clock.advance(0);
    assert.equal(told()?.length, 2);
  });
});
