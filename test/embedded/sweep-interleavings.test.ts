/**
 * Two operators with overlapping namespaces, killed or not, while GitOps, an autoscaler and a person with kubectl change
 * the same namespaces, with every write delayed as fast-check chooses: no rule of run-rules.ts is broken, nobody claims a
 * false success, and afterwards a migration and a rollback finish. Some runs here; `SWEEP=all` takes 1,000 (npm run
 * test:sweep). A counter-example is printed shrunk; `SWEEP_AGAIN='{"operators": …}'` plays it again.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { revisionLabelsOf } from "../../src/mesh/revision-labels.ts";
import { isMalformed } from "../../src/upgrade/record/record-fields.ts";
import { parseUndoRecord, type UndoRecord } from "../../src/upgrade/record/undo-record.ts";
import { assertArrived } from "../contract/verify-result.ts";
import { deployment, statefulSet } from "../fixtures/workload-objects.ts";
import { pause } from "./clock.ts";
import { interferences } from "./interference.ts";
import { observe } from "./observe.ts";
import { type KillPoint, startProgram } from "./program.ts";
import { labelsAndRecord, watchRules } from "./run-rules.ts";
import { isAll, isLong, seed, tally } from "./sweep.ts";
import { openSweepMesh, type SweepMesh } from "./sweep-mesh.ts";
import { migrating, rollingBack, sweptRevisions, type Verb } from "./verbs.ts";

let sweep: SweepMesh;
const open = async (): Promise<void> => {
  sweep = await openSweepMesh({ revisions: { ...sweptRevisions, rival: "1.20.0" } });
};
before(open);
after(() => sweep?.[Symbol.asyncDispose]());

const toRival: Verb = {
  plugin: "mesh-migrate",
  args: (namespaces) => migrating.args(namespaces).map((arg) => (arg === "1-20" ? "rival" : arg)),
  to: "rival",
};
const verbs: Readonly<Record<string, Verb>> = {
  "mesh-migrate --to 1-20": migrating,
  "mesh-migrate --to rival": toRival,
  "mesh-rollback": rollingBack,
};

/** Which of the two namespaces. */
type Which = readonly number[];

interface Operator {
  readonly verb: string;
  readonly which: Which;
  /** Milliseconds from the beginning. */
  readonly at: number;
  readonly killed: KillPoint | undefined;
}
interface Meddling {
  readonly what: string;
  readonly where: number;
  readonly at: number;
}
interface Interleaving {
  readonly operators: readonly Operator[];
  readonly others: readonly Meddling[];
  /** Milliseconds that the writes of the operators take, one after the other, again from the first when all are used. */
  readonly delays: readonly number[];
  /** Whether everything was migrated before. */
  readonly migrated: boolean;
}

const meddlings = [
  "GitOps puts the labels back once",
  "GitOps puts the labels back every 3 s",
  "GitOps puts the templates back once",
  "an HPA scales 3 to 7 to 2",
  "an HPA scales up and down every 2 s",
  "a person restarts everything",
  "a person relabels back",
  "a person adds a label of his own",
  "a person deletes a pod of each workload",
  "a person deletes our journal",
  "a person deletes our lock",
] as const;

const instant = fc.integer({ min: 0, max: 8_000 });
const operator: fc.Arbitrary<Operator> = fc.record({
  verb: fc.constantFrom(...Object.keys(verbs)),
  which: fc.constantFrom<Which[]>([0], [1], [0, 1]),
  at: instant,
  killed: fc.option(
    fc.record({ effect: fc.integer({ min: 0, max: 24 }), when: fc.constantFrom("before" as const, "after" as const) }),
    { nil: undefined, freq: 3 },
  ),
});
const meddling: fc.Arbitrary<Meddling> = fc.record({
  what: fc.constantFrom(...meddlings),
  where: fc.constantFrom(0, 1),
  at: instant,
});
const interleavings: fc.Arbitrary<Interleaving> = fc.record({
  operators: fc.array(operator, { minLength: 1, maxLength: 2 }),
  others: fc.array(meddling, { maxLength: 2 }),
  delays: fc.array(fc.integer({ min: 0, max: 1_500 }), { minLength: 1, maxLength: 8 }),
  migrated: fc.boolean(),
});

const twoNamespaces = async (): Promise<readonly [string, string]> => [
  await sweep.settled((namespace) => [
    deployment({ namespace, name: "web", replicas: 2, readyAfter: 500 }),
    statefulSet({ namespace, name: "db", replicas: 2, readyAfter: 500 }),
  ]),
  await sweep.settled((namespace) => [deployment({ namespace, name: "api", replicas: 3, readyAfter: 500 })]),
];

/** How long after somebody deleted state of ours a run may not have noticed (ms): a renewal, and a write under way. */
const unnoticedMs = 8_000;

const runNow = async (verb: Verb, namespaces: readonly string[], more: readonly string[] = []) => {
  const { mesh } = sweep;
  const args = () => [...verb.args(namespaces), ...more];
  await using program = startProgram(mesh, { plugin: verb.plugin, args }, namespaces);
  const result = await mesh.clock.during(program.ended);
  assert.ok(result);
  return { ...result, told: `${verb.plugin} ends with exit ${result.code}\n${result.stdout}${result.stderr}` };
};

/** Gives how each operator ended. Throws where something is not as it must be. */
async function play({ operators, others, delays, migrated }: Interleaving): Promise<readonly string[]> {
  const { mesh } = sweep;
  const { clock } = mesh;
  const namespaces = await twoNamespaces();
  if (migrated) assert.equal((await runNow(migrating, namespaces)).code, 0);
  await using ends = new AsyncDisposableStack();
  const observers = new Map(
    Object.values(verbs).flatMap(({ to }) =>
      namespaces.map((each) => [`${each} ${to}`, ends.use(observe(mesh, each, to))] as const),
    ),
  );
  const blameOf = (namespace: string) => (object: Parameters<(typeof blames)[number]>[0]) => {
    for (const { to } of Object.values(verbs)) observers.get(`${namespace} ${to}`)?.blame(object);
  };
  const blames = [...observers.values()].map(({ blame }) => blame);
  const deletions = new Map<string, number>();
  ends.defer(
    mesh.store.onChange(({ type, resource, object }) => {
      if (type === "DELETED") deletions.set(`${resource.plural} ${object.metadata.namespace}`, clock.now());
    }),
  );
  const rules = ends.use(
    watchRules(mesh, {
      scope: namespaces,
      restarts: 2,
      excused: (plural, namespace) =>
        clock.now() - (deletions.get(`${plural} ${namespace}`) ?? Number.NEGATIVE_INFINITY) < unnoticedMs,
    }),
  );
  let writes = 0;
  const delay = (): number => delays[writes++ % delays.length] ?? 0;
  const told: string[] = [];

  const acts = others.map(async ({ what, where, at }) => {
    const act = interferences[what];
    assert.ok(act, what);
    const namespace = namespaces[where] ?? namespaces[0];
    await pause(clock, at);
    return act({ mesh, namespace, blame: blameOf(namespace) });
  });
  const runs = operators.map(async ({ verb: name, which, at, killed }) => {
    const verb = verbs[name] as Verb;
    const own = which.map((index) => namespaces[index] ?? namespaces[0]);
    await pause(clock, at);
    const program = ends.use(startProgram(mesh, verb, own, killed, delay));
    const result = await program.ended;
    if (!result) return "killed";
    const { code, stdout, stderr } = result;
    const what = `${name} of ${own} ends with exit ${code}\n${stdout}${stderr}`;
    told.push(what);
    assert.ok([0, 1, 3, 4, 5].includes(code), what);
    assert.doesNotMatch(stderr, /this is a bug/, what);
    if (code !== 0) assert.match(stdout + stderr, /kubectl /, what);
    if (code === 4) assert.match(stdout, new RegExp(`to go on:\n {2}kubectl ${verb.plugin} `), what);
    // Where another operator has begun since, what was true then is not seen any more.
    for (const namespace of code === 0 ? own : [])
      if (rules.lastWriter(namespace) === program.user)
        assert.deepEqual(observers.get(`${namespace} ${verb.to}`)?.falseClaims(), [], `a false success: ${what}`);
    return `${verb.plugin} ${code}`;
  });
  const story = (): string => told.join("\n");
  const outcomes = await clock.during(Promise.all(runs));
  for (const end of await clock.during(Promise.all(acts))) if (end) await clock.during(end());
  assert.deepEqual(rules.broken(), [], story());
  for (const observer of observers.values()) assert.deepEqual(observer.fell(), [], story());
  await ends.disposeAsync();
  await finish(namespaces, story());
  return outcomes;
}

/** Everything goes on when nobody meddles any more: an unfinished run to its end, all to one revision, and back. */
async function finish(namespaces: readonly string[], story: string): Promise<void> {
  const { mesh } = sweep;
  for (const namespace of namespaces) await mesh.waitReady(namespace, 300);
  await mesh.pass(10_000);
  const known = ["--skip-check", "label-owner"];
  for (const namespace of namespaces)
    if (recordOf(namespace)?.state === "open" && recordOf(namespace)?.target.revision === "rival")
      await mustEnd(toRival, [namespace], story, known);
  await mustEnd(migrating, namespaces, story, known);
  for (const namespace of namespaces) await assertArrived(mesh, namespace, "1-20");
  const records = namespaces.map(recordOf);
  await mustEnd(rollingBack, namespaces, story);
  for (const [index, namespace] of namespaces.entries()) {
    const before = records[index];
    assert.ok(before, story);
    await assertArrived(mesh, namespace, before.from.revision);
    const { labels, record } = labelsAndRecord(mesh, namespace);
    assert.deepEqual([revisionLabelsOf(labels), record], [before.before, undefined], story);
    await mesh.api.delete(`/api/v1/namespaces/${namespace}`);
  }
}

/** The undo record; undefined where there is none. */
function recordOf(namespace: string): UndoRecord | undefined {
  const { record } = labelsAndRecord(sweep.mesh, namespace);
  const found = record === undefined ? undefined : parseUndoRecord(record);
  if (found) assert.ok(!isMalformed(found), `${record}`);
  return found;
}

async function mustEnd(verb: Verb, namespaces: readonly string[], story: string, more: readonly string[] = []) {
  const { code, told } = await runNow(verb, namespaces, more);
  assert.equal(code, 0, `afterwards ${told}\nafter ${story}`);
}

test("operators, GitOps, an autoscaler and a person in any order", async (t) => {
  const outcomes: string[] = [];
  let runs = 0;
  const until = performance.now() + (isLong && !isAll ? 600_000 : Number.POSITIVE_INFINITY);
  const property = fc.asyncProperty(interleavings, async (one) => {
    // Not fast-check's own limit, which ends the test while a run is under way.
    if (performance.now() > until) return;
    try {
      outcomes.push(...(await play(one)));
      runs++;
      if (isLong) console.error(`${runs}: ${JSON.stringify(one)}`);
    } catch (error) {
      if (isLong) console.error(`WRONG: ${JSON.stringify(one)}: ${(error as Error).message}`);
      await sweep[Symbol.asyncDispose]();
      await open();
      throw error;
    }
  });
  const numRuns = isAll ? 1_000 : Number(process.env.SWEEP_SIZE ?? 5);
  const again = process.env.SWEEP_AGAIN;
  const given = again === undefined ? {} : { examples: [[JSON.parse(again)] as [Interleaving]], numRuns: 1 };
  await fc.assert(property, { seed, numRuns, endOnFailure: !isLong, ...given });
  t.diagnostic(`${runs} interleavings tried (1,000 in npm run test:sweep; seed ${seed}): ${tally(outcomes)}`);
  assert.ok(runs > 0);
});
