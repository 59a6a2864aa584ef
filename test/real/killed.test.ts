/**
 * Killed by SIGKILL at random instants, on real control planes: from another folder, with another home and nothing of
 * the first run but the cluster, the same command again finishes what was begun.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertArrived, documentOf, labelsOf, templatesOf } from "../contract/verify-result.ts";
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

test(`mesh-migrate and mesh-rollback, each killed ${kills} times (KILL_SEED=${seed})`, async (t) => {
  const namespaces: string[] = [];
  let longest = 0;
  await t.test("without a kill, for the time that it takes", async () => {
    await eachOf(Array.from({ length: sideBySide }), async () => {
      const namespace = await inNamespace();
      const { code, stderr, ms } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
      assert.equal(code, 0, stderr);
      longest = Math.max(longest, ms);
      const back = await mesh.run("mesh-rollback", ["-n", namespace]);
      assert.equal(back.code, 0, back.stderr);
    });
  });

  await t.test("mesh-migrate", async (t) => {
    let killed = 0;
    await eachOf(Array.from({ length: kills }), async () => {
      const namespace = await inNamespace();
      const args = ["-n", namespace, "--to", "1-20"];
      const { signal } = await killedAfter("mesh-migrate", args, next() * longest);
      if (signal === "SIGKILL") killed++;
      const again = await elsewhere("mesh-migrate", args);
      assert.equal(again.code, 0, `${again.stderr}\n${again.stdout}`);
      assert.match(documentOf(again).state, /^(done|nothing-to-do)$/);
      assert.deepEqual(await labelsOf(mesh, namespace), { "istio.io/rev": "1-20" });
      await assertArrived(mesh, namespace, "1-20");
      assert.deepEqual(await templatesOf(mesh, namespace), {
        "Deployment/api": 2,
        "Deployment/web": 2,
        "StatefulSet/db": 2,
      });
      neverFell(namespace);
      namespaces.push(namespace);
    });
    t.diagnostic(`${killed} of ${kills} were killed within ${Math.round(longest)} ms, and all converged`);
    assert.ok(killed > kills / 2, "most instants are within the run");
  });

  await t.test("mesh-rollback", async (t) => {
    let killed = 0;
    await eachOf(namespaces, async (namespace) => {
      const args = ["-n", namespace];
      const { signal } = await killedAfter("mesh-rollback", args, next() * longest);
      if (signal === "SIGKILL") killed++;
      const again = await elsewhere("mesh-rollback", args);
      assert.equal(again.code, 0, `${again.stderr}\n${again.stdout}`);
      assert.deepEqual(await labelsOf(mesh, namespace), original);
      const { metadata } = await mesh.api.get(`/api/v1/namespaces/${namespace}`);
      assert.equal(metadata.annotations?.["kubectl-mesh/undo"], undefined);
      await assertArrived(mesh, namespace, "default");
      neverFell(namespace);
    });
    t.diagnostic(`${killed} of ${namespaces.length} were killed, and all converged`);
    assert.ok(killed > kills / 2, "most instants are within the run");
  });
});
