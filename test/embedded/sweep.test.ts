/**
 * Every fault at every request of a migration and of a rollback: it succeeds, puts everything back, stops with nothing changed, or stops
 * so that a second run finishes. Never a false success, never a fault of ours. A seeded sample here; `SWEEP=all` takes
 * the whole grid (npm run test:sweep).
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertArrived, labelsOf, templatesOf } from "../contract/verify-result.ts";
import { deployment, statefulSet } from "../fixtures/workload-objects.ts";
import type { Asked, Interception } from "./api/request.ts";
import { carryOut } from "./fault-plan.ts";
import { faults, isOurs, isWatch, watchFaults } from "./faults.ts";
import { labelsAndRecord } from "./run-rules.ts";
import { chosen, isLong, seed, tally } from "./sweep.ts";
import { openSweepMesh, type SweepMesh } from "./sweep-mesh.ts";
import { migrating, rollingBack, sweptRevisions, type Verb } from "./verbs.ts";

let sweep: SweepMesh;
before(async () => {
  sweep = await openSweepMesh({ revisions: sweptRevisions });
});
after(() => sweep?.[Symbol.asyncDispose]());

const namespaceOfTwo = () =>
  sweep.settled((namespace) => [
    deployment({ namespace, name: "web", replicas: 2, readyAfter: 1_000 }),
    statefulSet({ namespace, name: "db", replicas: 2, readyAfter: 1_000 }),
  ]);

interface Case {
  readonly name: string;
  readonly meets: Interception;
  readonly of: (asked: Asked) => boolean;
  /** Which of those requests of ours, from 0. */
  readonly nth: number;
}

/** Runs a verb; gives back what was asked, and which request met the fault. */
async function runWith({ plugin, args }: Verb, namespace: string, one: Case | undefined) {
  const { mesh } = sweep;
  const asked: Asked[] = [];
  const met: string[] = [];
  const stage = { mesh, namespace, blame: () => {} };
  const of = (each: Asked): boolean => {
    if (!one?.of(each)) return false;
    met.push(`${each.method} ${each.url.pathname}${each.dryRun ? " (dry run)" : ""}`);
    return true;
  };
  const stop = mesh.onRequest((each) => {
    if (isOurs(each)) asked.push(each);
    return undefined;
  });
  const when = one && { request: one.of, nth: one.nth };
  const script = carryOut(stage, when ? [{ when, what: { meets: one.meets, of, times: 1 } }] : []);
  const result = await mesh.run(plugin, args([namespace]));
  stop();
  await script.end();
  return { ...result, asked, met: met[0] ?? "nothing" };
}

/** A namespace as the verb finds it. */
async function startOf(verb: Verb): Promise<string> {
  const namespace = await namespaceOfTwo();
  if (verb !== rollingBack) return namespace;
  const { code, stdout, stderr } = await runWith(migrating, namespace, undefined);
  assert.equal(code, 0, stdout + stderr);
  return namespace;
}

const sampleSizes: ReadonlyMap<Verb, number> = new Map([
  [migrating, 10],
  [rollingBack, 5],
]);

for (const [verb, sampleSize] of sampleSizes)
  test(`one fault at any request of ${verb.plugin}: success, restored, nothing changed, or a stop that a second run finishes`, async (t) => {
    const start = await startOf(verb);
    const golden = await runWith(verb, start, undefined);
    assert.equal(golden.code, 0, golden.stderr);
    const labelsAfter = await labelsOf(sweep.mesh, start);
    const cases = (table: typeof faults, of: Case["of"]): readonly Case[] =>
      Object.entries(table).flatMap(([fault, meets]) =>
        golden.asked.filter(of).map((_, nth) => ({ name: `${fault} at request ${nth}`, meets, of, nth })),
      );
    const grid = [...cases(faults, () => true), ...cases(watchFaults, isWatch)];
    const tried = chosen(grid, sampleSize, ({ of }) => (of === isWatch ? "a watch" : "any request"));
    const outcomes: string[] = [];
    for (const one of tried) {
      const namespace = await startOf(verb);
      const before = labelsAndRecord(sweep.mesh, namespace);
      const templates = await templatesOf(sweep.mesh, namespace);
      const { code, stdout, stderr, met } = await runWith(verb, namespace, one);
      const what = `${one.name} (${met}): exit ${code}\n${stdout}${stderr}`;
      const arrived = async (): Promise<void> => {
        await assertArrived(sweep.mesh, namespace, verb.to).catch((error) => assert.fail(`${what}\n${error}`));
        assert.deepEqual(await labelsOf(sweep.mesh, namespace), labelsAfter, what);
        if (verb === rollingBack) assert.equal(labelsAndRecord(sweep.mesh, namespace).record, undefined, what);
      };
      assert.ok([0, 1, 3, 4, 5].includes(code), what);
      assert.doesNotMatch(stderr, /this is a bug/, what);
      if (code === 0) await arrived();
      if (code === 1 || code === 3 || code === 5) {
        assert.deepEqual(labelsAndRecord(sweep.mesh, namespace), before, what);
        assert.deepEqual(await templatesOf(sweep.mesh, namespace), templates, what);
      }
      if (code === 4) assert.match(stdout, new RegExp(`to go on:\n {2}kubectl ${verb.plugin} `), what);
      const again = await runWith(verb, namespace, undefined);
      assert.equal(again.code, 0, `${what}\nand again:\n${again.stdout}${again.stderr}`);
      await arrived();
      sweep.neverFell(namespace);
      outcomes.push(String(code));
      if (isLong) console.error(`${code}: ${one.name} (${met})`);
      await sweep.mesh.api.delete(`/api/v1/namespaces/${namespace}`).catch(() => {});
    }
    t.diagnostic(
      `${verb.plugin}: grid of ${Object.keys(faults).length} faults x ${golden.asked.length} requests and ${Object.keys(watchFaults).length} x ${golden.asked.filter(isWatch).length} watches = ${grid.length}; ${tried.length} tried (seed ${seed}): exit codes ${tally(outcomes)}`,
    );
  });
