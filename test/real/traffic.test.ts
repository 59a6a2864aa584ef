/**
 * Zero failed requests, measured: a stream of HTTP/1.1, HTTP/2 and gRPC through real sidecars while namespaces are
 * moved there and back, killed and resumed, and put back. And that the stream sees what is lost where something is.
 */
import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { MigrationDocument } from "../../src/views/migration-view.ts";
import { assertRestored, once } from "../contract/migrations.ts";
import { documentOf, labelsOf } from "../contract/verify-result.ts";
import { random } from "../embedded/sweep.ts";
import { type Mesh, type RunOptions, upMesh } from "./kit.ts";
import { back, classic, go, goKilled, native, type Pair, there } from "./traffic/pairs.ts";
import { openShop, type Shop } from "./traffic/shop.ts";
import { assertNoneLost, told } from "./traffic/stream.ts";
import { type Behaviour, careless, servers } from "./traffic/workloads.ts";

const seed = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);
const next = random(seed);

/** What the tests of a pair have: a bed, and a shop under a stream on its old revision. */
interface Place {
  readonly mesh: Mesh;
  readonly shop: Shop;
}

/** Boots a bed with a shop for the tests of a pair. */
function onBed({ revisions, labels }: Pair): () => Place {
  let place: Place | undefined;
  before(async () => {
    const mesh = await upMesh({ revisions, traffic: true });
    try {
      place = { mesh, shop: await openShop(mesh, { labels }) };
    } catch (error) {
      await mesh.down();
      throw error;
    }
  });
  after(() => place?.mesh.down());
  return () => place ?? assert.fail("the bed is not up");
}

/** Does something while the stream is warm; nothing may be lost by it. */
async function loseless<T>(t: TestContext, { stream }: Shop, act: () => Promise<T>): Promise<T> {
  const mark = await stream.mark();
  const result = await act();
  const traffic = await stream.since(mark);
  t.diagnostic(told(traffic));
  assertNoneLost(traffic);
  return result;
}

for (const pair of [classic, native])
  describe(`${pair.from} to ${pair.to}`, () => {
    const place = onBed(pair);

    // each is undisturbed on one pair and killed on the other; npm run bench:traffic -- --moves 10 --kills 5 does all
    for (const way of [there(pair), back(pair)]) {
      const killed = (pair === classic) === (way.plugin === "mesh-rollback");
      const how = killed ? `killed by SIGKILL and resumed (KILL_SEED=${seed})` : "undisturbed";
      test(`${way.plugin}, ${how}, loses no request`, async (t) => {
        const { mesh, shop } = place();
        const says = await loseless(t, shop, async () =>
          killed ? goKilled(mesh, shop.namespace, way, next() * 12_000) : go(mesh, shop.namespace, way),
        );
        if (says) t.diagnostic(says);
      });
    }

    if (pair === classic) {
      describe("what fails on the target is put back, and loses none", () => failures(place, pair));
      test("the stream sees what a careless workload loses", (t) => breaks(t, place(), pair));
    }
  });

/** Moves the shop, which is to be put back. */
async function putBack(t: TestContext, { mesh, shop }: Place, to: string, options?: RunOptions): Promise<void> {
  const document = await loseless(t, shop, async (): Promise<MigrationDocument> => {
    const args = ["-n", shop.namespace, "--to", to, "--workload-timeout", "20s", "-o", "json"];
    const run = await mesh.run("mesh-migrate", args, options);
    t.diagnostic(`exit ${run.code} after ${(run.ms / 1000).toFixed(0)} s`);
    if (process.env.T2_VERBOSE) t.diagnostic(run.stderr);
    return documentOf(run);
  });
  await assertRestored(mesh, shop.namespace, document, { among: ["default"] });
}

function failures(place: () => Place, { to }: Pair): void {
  const behave = async (behaviour: Behaviour): Promise<void> => {
    const { mesh, shop } = place();
    await mesh.apply(servers(shop.namespace, "server", 3, behaviour));
    await mesh.waitReady(shop.namespace, 120);
  };

  test("a canary that crashes", async (t) => {
    await behave({ crashesOn: to });
    await putBack(t, place(), to);
  });

  test("a canary that is never ready", async (t) => {
    await behave({ unreadyOn: to });
    await putBack(t, place(), to);
  });

  test("a canary whose image cannot be pulled", async (t) => {
    await behave({});
    const { mesh } = place();
    const injector = `/api/v1/namespaces/istio-system/configmaps/istio-sidecar-injector-${to}`;
    const { data } = await mesh.api.get(injector);
    const values = JSON.parse(data.values);
    Object.assign(values.global.proxy, { image: "no-such-proxy" });
    await mesh.api.merge(injector, { data: { values: JSON.stringify(values) } });
    await sleep(3000); // istiod reads it again
    try {
      await putBack(t, place(), to);
    } finally {
      await mesh.api.merge(injector, { data });
    }
  });

  test("a target whose istiod stops under way", async (t) => {
    const { mesh } = place();
    const meanwhile = once(/Deployment\/\w+.*: /, () => mesh.stopIstiod(to, "unready"));
    try {
      await putBack(t, place(), to, meanwhile);
      await meanwhile.done();
    } finally {
      await mesh.startIstiod(to);
    }
  });
}

/** No readiness probe, no preStop, a slow start and a hard exit: requests must be lost, and be seen to be. */
async function breaks(t: TestContext, { mesh, shop: { stream } }: Place, { labels, to }: Pair): Promise<void> {
  await stream.end();
  const shop = await openShop(mesh, { labels, servers: [{ name: "server", replicas: 3, behaviour: careless }] });
  const mark = await shop.stream.mark();
  const { code, stderr } = await mesh.run("mesh-migrate", ["-n", shop.namespace, "--to", to]);
  assert.equal(code, 0, stderr);
  const traffic = await shop.stream.since(mark);
  t.diagnostic(told(traffic));
  assert.ok(traffic.failed > 10, told(traffic));
  assert.throws(() => assertNoneLost(traffic), /requests failed/);
  assert.deepEqual(await labelsOf(mesh, shop.namespace), { "istio.io/rev": to });
}
