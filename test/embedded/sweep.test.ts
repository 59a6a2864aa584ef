/**
 * Every fault at every request of a migration: it succeeds, puts everything back, stops with nothing changed, or stops so that a second
 * run finishes. Never a false success, never a fault of ours. A seeded sample here; `SWEEP=all` takes the whole grid (npm run test:sweep).
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { deployment, statefulSet } from "../real/workloads.ts";
import { faults, isOurs } from "./faults.ts";
import { openScene, type Scene } from "./scene.ts";
import { assertArrived, labelsOf, templatesOf } from "./witness.ts";

const all = process.env.SWEEP === "all";
const sampleSize = 32;
const seed = Number(process.env.SWEEP_SEED ?? 20261123);

let scene: Scene;
before(async () => {
  scene = await openScene({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => scene?.[Symbol.asyncDispose]());

const namespaceOfTwo = () =>
  scene.settled((namespace) => [
    deployment({ namespace, name: "web", replicas: 2, readyAfter: 1_000 }),
    statefulSet({ namespace, name: "db", replicas: 2, readyAfter: 1_000 }),
  ]);

/** Runs a migration in which the request of this number (of ours) meets the fault; gives back how many there were and what was met. */
async function migrateWith(namespace: string, number: number, fault: string | undefined) {
  let [count, met] = [0, ""];
  const stop = scene.mesh.onRequest((asked) => {
    if (!isOurs(asked) || count++ !== number) return undefined;
    met = `${asked.method} ${asked.url.pathname}${asked.dryRun ? " (dry run)" : ""}`;
    return fault === undefined ? undefined : faults[fault];
  });
  try {
    return { ...(await scene.mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20", "--workload-timeout", "60s"])), count, met };
  } finally {
    stop();
  }
}

/** A small generator with a seed (mulberry32), so that a sample can be had again. */
function random(state: number): () => number {
  let a = state;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

test("one fault at any request: success, restored, nothing changed, or a stop that a second run finishes", async (t) => {
  const golden = await migrateWith(await namespaceOfTwo(), -1, undefined);
  assert.equal(golden.code, 0, golden.stderr);
  const names = Object.keys(faults);
  const grid = names.flatMap((fault) => Array.from({ length: golden.count }, (_, number) => ({ fault, number })));
  const next = random(seed);
  const chosen = all ? grid : Array.from({ length: sampleSize }, () => grid[Math.floor(next() * grid.length)] as (typeof grid)[number]);
  const outcomes = new Map<string, number>();
  for (const { fault, number } of chosen) {
    const namespace = await namespaceOfTwo();
    const templates = templatesOf(scene.mesh, namespace);
    const { code, stdout, stderr, met } = await migrateWith(namespace, number, fault);
    const what = `${fault} at request ${number} (${met}): exit ${code}\n${stdout}${stderr}`;
    assert.ok([0, 1, 3, 4, 5].includes(code), what);
    assert.doesNotMatch(stderr, /this is a bug/, what);
    if (code === 0) await assertArrived(scene.mesh, namespace, "1-20").catch((error) => assert.fail(`${what}\n${error}`));
    if (code === 1 || code === 3 || code === 5) {
      assert.deepEqual(labelsOf(scene.mesh, namespace), { "istio-injection": "enabled" }, what);
      assert.deepEqual(templatesOf(scene.mesh, namespace), templates, what);
    }
    if (code === 4) assert.match(stdout, /to go on:\n {2}kubectl mesh-migrate/, what);
    const again = await migrateWith(namespace, -1, undefined);
    assert.equal(again.code, 0, `${what}\nand again:\n${again.stdout}${again.stderr}`);
    await assertArrived(scene.mesh, namespace, "1-20");
    scene.neverFell(namespace);
    outcomes.set(String(code), (outcomes.get(String(code)) ?? 0) + 1);
    await scene.mesh.api.delete(`/api/v1/namespaces/${namespace}`).catch(() => {});
  }
  t.diagnostic(
    `grid of ${names.length} faults x ${golden.count} requests = ${grid.length}; ${chosen.length} tried (seed ${seed}); exit codes ${JSON.stringify(Object.fromEntries(outcomes))}`,
  );
});
