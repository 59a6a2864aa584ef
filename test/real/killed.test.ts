/**
 * Killed by SIGKILL at random instants, on real control planes: from another folder, with another home and nothing of
 * the first run but the cluster, the same command again finishes what was begun.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertArrived, labelsOf, templatesOf } from "../contract/verify-result.ts";
import { random } from "../embedded/sweep.ts";
import { deployment, statefulSet } from "../fixtures/workload-objects.ts";
import { type Mesh, type Result, upMesh } from "./kit.ts";
import type { Recorder } from "./recorder.ts";

const kills = 20;
/** Runs at once: two cores carry so many with their pods. */
const sideBySide = 7;
const seed = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);
const next = random(seed);

let mesh: Mesh;
let recorder: Recorder;
before(async () => {
  mesh = await upMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
  recorder = await mesh.recorder();
});
after(async () => {
  recorder?.stop();
  await mesh?.down();
});

const original = { "istio-injection": "enabled" };

async function inNamespace(): Promise<string> {
  const namespace = await mesh.createNamespace(original);
  await mesh.apply([
    deployment({ namespace, name: "web", replicas: 2, readyAfter: [500, 1500] }),
    deployment({ namespace, name: "api", replicas: 3, readyAfter: [500, 1500] }),
    statefulSet({ namespace, name: "db", replicas: 2, readyAfter: [500, 1500] }),
  ]);
  await mesh.waitReady(namespace, 180);
  return namespace;
}

const killedAfter = (plugin: string, args: readonly string[], millis: number): Promise<Result> =>
  mesh.run(plugin, args, { onStart: (child) => void setTimeout(() => child.kill("SIGKILL"), millis) });

/** The same command as somebody else would give it, who has nothing of the first run. */
const elsewhere = (plugin: string, args: readonly string[]): Promise<Result> =>
  mesh.shell(
    `d=$(mktemp -d) && mkdir "$d/home" && cd "$d" && HOME="$d/home" kubectl ${plugin} ${args.join(" ")} -o json`,
  );

/** Each once, so many at a time. */
async function eachOf<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: sideBySide }, async () => {
      for (const item of queue) await run(item);
    }),
  );
}

const neverFell = (namespace: string) =>
  assert.deepEqual(
    recorder.report(namespace).filter(({ ok }) => !ok),
    [],
  );

interface Verb {
  readonly plugin: string;
  readonly args: (namespace: string) => readonly string[];
  /** Brings the namespace to where the verb has something to do. */
  readonly prepare: (namespace: string) => Promise<void>;
  readonly arrived: (namespace: string) => Promise<void>;
}

const done = async (plugin: string, args: readonly string[]): Promise<void> => {
  const { code, stderr } = await mesh.run(plugin, args);
  assert.equal(code, 0, stderr);
};

const migrate: Verb = {
  plugin: "mesh-migrate",
  args: (namespace) => ["-n", namespace, "--to", "1-20"],
  prepare: (namespace) => done("mesh-rollback", ["-n", namespace]),
  arrived: async (namespace) => {
    assert.deepEqual(await labelsOf(mesh, namespace), { "istio.io/rev": "1-20" });
    await assertArrived(mesh, namespace, "1-20");
  },
};

const rollback: Verb = {
  plugin: "mesh-rollback",
  args: (namespace) => ["-n", namespace],
  prepare: (namespace) => done("mesh-migrate", migrate.args(namespace)),
  arrived: async (namespace) => {
    assert.deepEqual(await labelsOf(mesh, namespace), original);
    const { metadata } = await mesh.api.get(`/api/v1/namespaces/${namespace}`);
    assert.equal(metadata.annotations?.["kubectl-mesh/undo"], undefined);
    await assertArrived(mesh, namespace, "default");
  },
};

interface Kill {
  /** Milliseconds after its start. */
  readonly instant: number;
  readonly tries: number;
}

/** Killed at a random instant; a run that had ended by then is undone, and tried again with less time. */
async function killedAndResumed(verb: Verb, namespace: string, longest: number): Promise<Kill> {
  const { plugin, args, prepare, arrived } = verb;
  for (let tries = 1; ; tries++) {
    const instant = (next() * longest) / tries;
    const { signal } = await killedAfter(plugin, args(namespace), instant);
    const again = await elsewhere(plugin, args(namespace));
    assert.equal(again.code, 0, `killed after ${Math.round(instant)} ms\n${again.stderr}\n${again.stdout}`);
    await arrived(namespace);
    neverFell(namespace);
    if (signal === "SIGKILL") return { instant, tries };
    await prepare(namespace);
  }
}

test(`mesh-migrate and mesh-rollback, each killed ${kills} times (KILL_SEED=${seed})`, async (t) => {
  const started = await inNamespace();
  const { code, stderr, ms: longest } = await mesh.run("mesh-migrate", migrate.args(started));
  assert.equal(code, 0, stderr);
  const instants: { readonly forth: Kill; readonly back: Kill }[] = [];
  await eachOf(Array.from({ length: kills }), async () => {
    const namespace = await inNamespace();
    const forth = await killedAndResumed(migrate, namespace, longest);
    const once = { "Deployment/api": 2, "Deployment/web": 2, "StatefulSet/db": 2 };
    if (forth.tries === 1) assert.deepEqual(await templatesOf(mesh, namespace), once, "each restarted once");
    instants.push({ forth, back: await killedAndResumed(rollback, namespace, longest) });
  });
  const [forth, back] = [instants.map((each) => each.forth.instant), instants.map((each) => each.back.instant)].map(
    (each) =>
      each
        .toSorted((a, b) => a - b)
        .map(Math.round)
        .join(", "),
  );
  t.diagnostic(`mesh-migrate killed after ${forth} ms; mesh-rollback after ${back} ms; all converged`);
  assert.equal(instants.length, kills);
});
