/** A read that is not answered ends when nobody listens any more: it holds neither the process nor who listens next. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cluster } from "../../../src/cluster/cluster.ts";
import { kinds } from "../../../src/cluster/kinds.ts";
import { watchFailedCreates } from "../../../src/gather/watch/failed-creates.ts";
import { watchIstiods } from "../../../src/gather/watch/istiod-watch.ts";
import { watchNamespace } from "../../../src/gather/watch/namespace-watch.ts";
import { istiodPod } from "../../fixtures/api-objects.ts";
import { fakeCluster } from "../../fixtures/fake-cluster.ts";
import { type ManualClock, manualClock } from "../../fixtures/manual-clock.ts";

/** A cluster that never answers this verb, and how often it was asked. */
const frozen = (verb: "list" | "getFromPod") => {
  const cluster = fakeCluster({ silent: true });
  cluster.put(kinds.pods, istiodPod("istiod-old", "default"));
  cluster.fail({ verb }, "hang");
  return { cluster, asked: () => cluster.requests.filter((request) => request.verb === verb).length };
};

for (const [title, verb, watch] of [
  ["istiods", "getFromPod", (cluster, clock) => watchIstiods(cluster, "istio-system", clock)],
  ["a namespace", "list", (cluster, clock) => watchNamespace(cluster, "production", ["Deployment"], clock)],
  ["failed creates", "list", (cluster, clock) => watchFailedCreates(cluster, "production", clock)],
] as const satisfies readonly (readonly [
  string,
  "list" | "getFromPod",
  (cluster: Cluster, clock: ManualClock) => { listen(listener: () => void): () => void },
])[])
  test(`the read of ${title} ends with the last listener`, async () => {
    const clock = manualClock();
    const { cluster, asked } = frozen(verb);
    const poller = watch(cluster, clock);
    const end = poller.listen(() => {});
    await clock.advance(60_000);
    assert.equal(asked(), 1);
    end();
    await clock.advance(0);
    assert.equal(clock.pending(), 0);
    let news = 0;
    poller.listen(() => news++);
    await clock.advance(0);
    assert.deepEqual([asked(), news], [2, 0]);
  });
