/**
 * Programs that are killed before and after every one of their side effects: the same command again finishes, and
 * mesh-rollback puts everything back, from another machine, whatever was killed before it. At no write is a rule of
 * run-rules.ts broken. A seeded sample here; `SWEEP=all` takes the whole grid (npm run test:sweep).
 */
import assert from "node:assert/strict";

import { after, before, test } from "node:test";
import type { RevisionsDocument } from "../../src/views/revisions-document.ts";
import { assertArrived } from "../contract/verify-result.ts";
import { daemonSet, deployment, statefulSet } from "../fixtures/workload-objects.ts";
import type { Asked } from "./api/request.ts";
import { type KillPoint, startProgram, untilEnd } from "./program.ts";
import { labelsAndRecord, watchRules } from "./run-rules.ts";
import { chosen, isLong, seed, tally } from "./sweep.ts";
import { openSweepMesh, type SweepMesh } from "./sweep-mesh.ts";
import { migrating, rollingBack, sweptRevisions, type Verb } from "./verbs.ts";

const sampleSize = 6;

let sweep: SweepMesh;
const open = async (): Promise<void> => {
  sweep = await openSweepMesh({ revisions: sweptRevisions });
};
before(open);
after(() => sweep?.[Symbol.asyncDispose]());

/** Six workloads in two namespaces. */
const twoNamespaces = async (): Promise<readonly string[]> => {
  const life = { readyAfter: 500 } as const;
  const rolling = { updateStrategy: { rollingUpdate: { maxUnavailable: 2 } } };
  return [
    await sweep.settled((namespace) => [
      deployment({ namespace, name: "web", replicas: 2, ...life }),
      deployment({ namespace, name: "api", replicas: 3, ...life }),
      statefulSet({ namespace, name: "db", replicas: 2, ...life }),
    ]),
    await sweep.settled((namespace) => [
      deployment({ namespace, name: "front", replicas: 1, ...life }),
      statefulSet({ namespace, name: "cache", replicas: 2, ...life }),
      daemonSet({ namespace, name: "agent", ...life, spec: rolling }),
    ]),
  ];
};

/** One program after the other, each on another machine; where `at` is given it is killed there. */
interface Link {
  readonly verb: Verb;
  readonly at?: KillPoint;
}
interface Chain {
  readonly name: string;
  /** Its programs, and which of them are killed. */
  readonly kind: string;
  readonly links: readonly Link[];
}

const pointText = ({ effect, when }: KillPoint): string => `${when} effect ${effect}`;
const chain = (...links: readonly Link[]): Chain => ({
  name: links.map(({ verb, at }) => `${verb.plugin}${at ? ` killed ${pointText(at)}` : ""}`).join(", "),
  kind: links.map(({ verb, at }) => `${verb.plugin}${at ? " killed" : ""}`).join(", "),
  links,
});
const pointsOf = (effects: number): readonly KillPoint[] =>
  Array.from({ length: effects }, (_, effect) =>
    (["before", "after"] as const).map((when): KillPoint => ({ effect, when })),
  ).flat();

/** Lock and journal are written more slowly (ms) than what they come before: whoever does not wait for them is seen. */
const stateIsSlow = ({ url }: Asked): number => (/\/(leases|configmaps)/.test(url.pathname) ? 50 : 0);

interface Ran {
  /** Side effects of each program. */
  readonly effects: readonly number[];
  readonly killed: number;
}

/** Throws where the chain does not end as it must. */
async function runChain({ name, links }: Chain): Promise<Ran> {
  const { mesh } = sweep;
  const namespaces = await twoNamespaces();
  const original = namespaces.map((each) => labelsAndRecord(mesh, each));
  using rules = watchRules(mesh, { scope: namespaces, restarts: 1 });
  await using programs = new AsyncDisposableStack();
  const effects: number[] = [];
  let killed = 0;
  for (const [index, { verb, at }] of links.entries()) {
    const program = programs.use(startProgram(mesh, verb, namespaces, at, stateIsSlow));
    const result = await untilEnd(mesh, program);
    effects.push(program.effects.length);
    if (!result) {
      killed++;
      await mesh.pass(100); // so that its last write is done
      continue;
    }
    const what = `${name}: program ${index + 1} ends with exit ${result.code}\n${result.stdout}${result.stderr}`;
    if (result.code !== 0) assert.match(result.stdout + result.stderr, /kubectl /, what);
    assert.equal(result.code, 0, what);
  }
  const last = links.at(-1)?.verb as Verb;
  assert.deepEqual(rules.broken(), [], name);
  for (const [index, namespace] of namespaces.entries()) {
    const { labels, record } = labelsAndRecord(mesh, namespace);
    if (last === rollingBack) assert.deepEqual({ labels, record }, original[index], `${name}: as before`);
    else assert.equal(labels["istio.io/rev"], last.to, name);
    await assertArrived(mesh, namespace, last.to).catch((error) => assert.fail(`${name}: ${error}`));
  }
  await assertShown(namespaces, last.to, name);
  for (const namespace of namespaces) {
    sweep.neverFell(namespace);
    await mesh.api.delete(`/api/v1/namespaces/${namespace}`);
  }
  return { effects, killed };
}

/** Killed twice in one chain: the state after an effect is that before the next one, but for what goes on by itself. */
const halfDone = (links: readonly Link[]): readonly Link[] => links.filter(({ at }) => at?.when === "after");

/** mesh-revisions shows every proxy on the revision, and nothing that is wrong. */
async function assertShown(namespaces: readonly string[], revision: string, name: string): Promise<void> {
  const { stdout, code } = await sweep.mesh.run("mesh-revisions", ["-n", namespaces.join(","), "-o", "json"]);
  assert.equal(code, 0, name);
  const document: RevisionsDocument = JSON.parse(stdout);
  for (const { pods, findings } of document.namespaces) {
    const { total, injected, connected, synced, stale } = pods;
    const everyPod = [{ revision, pods: total }];
    assert.deepEqual(
      { injected, connected, synced, stale },
      { injected: everyPod, connected: everyPod, synced: total, stale: 0 },
    );
    assert.deepEqual(findings, [], name);
  }
}

test("killed before or after any side effect: the next program finishes, whichever it is", async (t) => {
  const golden = await runChain(chain({ verb: migrating }, { verb: rollingBack }));
  const [migration = 0, rollback = 0] = golden.effects;
  const forward = pointsOf(migration).map((at): Link => ({ verb: migrating, at }));
  const back = pointsOf(rollback).map((at): Link => ({ verb: rollingBack, at }));
  const grid = [
    ...forward.map((killed) => chain(killed, { verb: migrating })),
    ...forward.map((killed) => chain(killed, { verb: rollingBack })),
    ...back.map((killed) => chain({ verb: migrating }, killed, { verb: rollingBack })),
    ...back.map((killed) => chain({ verb: migrating }, killed, { verb: migrating })),
    ...halfDone(forward).flatMap((first) =>
      halfDone(back).map((second) => chain(first, second, { verb: rollingBack })),
    ),
    ...halfDone(forward)
      .filter((_, index) => index % 6 === 0)
      .flatMap((first) => halfDone(back).map((second) => chain(first, second, { verb: migrating }))),
  ];
  const tried = chosen(grid, sampleSize, ({ kind }) => kind);
  const failures: string[] = [];
  let kills = 0;
  const outcomes: string[] = [];
  for (const each of tried) {
    const started = performance.now();
    try {
      kills += (await runChain(each)).killed;
      outcomes.push("converged");
    } catch (error) {
      outcomes.push("WRONG");
      failures.push(`${each.name}: ${(error as Error).message}`);
      if (isLong) console.error(failures.at(-1));
      await sweep[Symbol.asyncDispose]();
      await open();
    }
    if (isLong) console.error(`${outcomes.at(-1)}: ${each.name} (${Math.round(performance.now() - started)} ms)`);
  }
  t.diagnostic(
    `${migration} side effects of mesh-migrate, ${rollback} of mesh-rollback: grid of ${grid.length} kill points; ${tried.length} tried (seed ${seed}), ${kills} programs killed: ${tally(outcomes)}`,
  );
  assert.ok(failures.length === 0, failures.join("\n\n"));
});
