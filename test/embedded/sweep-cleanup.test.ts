/**
 * Removals that are met by a use of the revision before each of their side effects, and that are killed before and
 * after each of them. A seeded sample here; `SWEEP=all` takes the whole grid (npm run test:sweep).
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { deployment } from "../fixtures/workload-objects.ts";
import type { Asked } from "./api/request.ts";
import { isEffect } from "./faults.ts";
import { bootMesh, type EmbeddedMesh } from "./mesh.ts";
import type { Json } from "./object.ts";
import { type KillPoint, startProgram, untilEnd } from "./program.ts";
import { everything, missingIn, sinceNow } from "./removals.ts";
import { chosen, isLong, seed, tally } from "./sweep.ts";

const args = ["--revision", "1-19", ...sinceNow, "--drain", "2s"];
const cleanup = { plugin: "mesh-cleanup", args: () => args };
const restore = ["--revision", "1-19", "--restore"];

let mesh: EmbeddedMesh;
let original: ReadonlyMap<string, Json>;
const open = async (): Promise<void> => {
  mesh = await bootMesh({ revisions: { "1-19": "1.19.0", "1-20": "1.20.0" } });
  const namespace = await mesh.createNamespace({ "istio.io/rev": "1-20" }, "moved");
  await mesh.apply([deployment({ namespace, name: "web", replicas: 2, readyAfter: 500 })]);
  await mesh.waitReady(namespace);
  await mesh.createNamespace({}, "other");
  await mesh.setTag("default", "1-20");
  await mesh.pass(1_000);
  original = everything(mesh);
};
before(open);
after(() => mesh?.[Symbol.asyncDispose]());

const podOf = (name: string): Json => ({
  ...{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "other", annotations: {}, labels: {} } },
  spec: { containers: [{ name: "app", image: "app" }], terminationGracePeriodSeconds: 0 },
});

/** What begins to use the revision; `seenBy`: the read of the proof that shows it. */
const uses: Readonly<
  Record<
    string,
    { readonly begin: () => Promise<unknown>; readonly end: () => Promise<unknown>; readonly seenBy: RegExp }
  >
> = {
  "a namespace is labelled": {
    begin: () =>
      mesh.apply({
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: "other", labels: { "istio.io/rev": "1-19" } },
      }),
    end: () => mesh.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "other", labels: {} } }),
    seenBy: /^\/api\/v1\/namespaces$/,
  },
  "a tag is set to it": {
    begin: () => mesh.setTag("prod", "1-19"),
    end: () =>
      mesh.clock.during(
        mesh.api.delete("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/istio-revision-tag-prod"),
      ),
    seenBy: /\/mutatingwebhookconfigurations$/,
  },
  "a pod of it appears": {
    begin: () => {
      const pod = podOf("late");
      pod.metadata.annotations = {
        "sidecar.istio.io/status": JSON.stringify({ containers: ["istio-proxy"], revision: "1-19" }),
      };
      pod.spec.containers.push({ name: "istio-proxy", image: "docker.io/istio/proxyv2:1.19.0" });
      return mesh.apply(pod);
    },
    end: () => mesh.clock.during(mesh.api.delete("/api/v1/namespaces/other/pods/late")),
    seenBy: /^\/api\/v1\/pods$/,
  },
};

/** What stands in the mesh but for the uses above. */
const standing = (): ReadonlyMap<string, Json> => everything(mesh);

interface Met {
  readonly code: number | undefined;
  /** Names of objects that are gone. */
  readonly gone: readonly string[];
  /** Deletions that were sent after a proof had read the use. */
  readonly blind: readonly string[];
  /** False where the lock was renewed less often, so that there were fewer side effects. */
  readonly began: boolean;
  readonly text: string;
}

async function meet(use: keyof typeof uses, effect: number): Promise<Met> {
  const { begin, seenBy } = uses[use]!;
  let [left, began, seen] = [effect, false, false];
  const blind: string[] = [];
  let beginning: Promise<void> = Promise.resolve();
  await using program = startProgram(mesh, cleanup, []);
  const stop = mesh.onRequest((asked: Asked) => {
    if (asked.user.name !== program.user) return undefined;
    if (began && asked.method === "GET" && seenBy.test(asked.url.pathname)) seen = true;
    if (seen && asked.method === "DELETE" && !asked.dryRun) blind.push(asked.url.pathname);
    if (!isEffect(asked) || left-- !== 0) return undefined;
    beginning = begin().then(() => {
      began = true;
    });
    return { delay: 100 };
  });
  const result = await untilEnd(mesh, program);
  await mesh.clock.during(beginning);
  stop();
  const gone = missingIn(original, standing());
  return { code: result?.code, gone, blind, began, text: `${result?.stdout}${result?.stderr}` };
}

async function settle(use?: keyof typeof uses): Promise<void> {
  if (use) await uses[use]!.end();
  if (missingIn(original, standing()).length > 0) {
    const { code, stdout, stderr } = await mesh.run("mesh-cleanup", restore);
    assert.equal(code, 0, stdout + stderr);
  }
  await mesh.clock
    .during(mesh.api.delete("/api/v1/namespaces/istio-system/configmaps/kubectl-mesh-cleanup"))
    .catch(() => {});
  await mesh.pass(5_000);
  assert.deepEqual(missingIn(original, standing()), []);
}

/** Everything is there, and as it was. */
function assertAsBefore(what: string): void {
  const now = standing();
  assert.deepEqual(missingIn(original, now), [], what);
  for (const [key, object] of original)
    if (key !== "namespaces/other") assert.deepEqual(now.get(key), object, `${what}: ${key}`);
}

test("a use that appears before any side effect: no deletion after a proof could see it, and all is put back", async (t) => {
  const golden = startProgram(mesh, cleanup, []);
  assert.equal((await untilEnd(mesh, golden))?.code, 0);
  const effects = golden.effects.length;
  await golden[Symbol.asyncDispose]();
  await settle();
  const grid = Object.keys(uses).flatMap((use) =>
    Array.from({ length: effects }, (_, effect) => ({ name: `${use} before effect ${effect}`, use, effect })),
  );
  const tried = chosen(grid, 8);
  const outcomes: string[] = [];
  for (const { name, use, effect } of tried) {
    const { code, gone, blind, began, text } = await meet(use, effect);
    assert.deepEqual(blind, [], `${name}: ${text}`);
    if (gone.length > 0) {
      // It came after the last proof, which comes before the last deletions.
      assert.match(text, /is removed/, `${name}: ${text}`);
      outcomes.push("too late");
    } else {
      assert.ok(code === 3 || code === 4, `${name}: exit ${code} ${text}`);
      assertAsBefore(name);
      outcomes.push(code === 3 ? "refused" : "put back");
    }
    if (isLong) console.error(`${outcomes.at(-1)}: ${name}`);
    await settle(began ? use : undefined);
  }
  t.diagnostic(
    `${effects} side effects, grid of ${grid.length}, ${tried.length} tried (seed ${seed}): ${tally(outcomes)}`,
  );
});

test("killed before or after any side effect: the same command again comes to the same end", async (t) => {
  const golden = startProgram(mesh, cleanup, []);
  assert.equal((await untilEnd(mesh, golden))?.code, 0);
  const effects = golden.effects.length;
  const goal = missingIn(original, standing());
  await golden[Symbol.asyncDispose]();
  await settle();
  const grid = Array.from({ length: effects }, (_, effect) =>
    (["before", "after"] as const).map((when) => ({
      name: `${when} effect ${effect}`,
      at: { effect, when } satisfies KillPoint,
    })),
  ).flat();
  const tried = chosen(grid, 8);
  let kills = 0;
  for (const { name, at } of tried) {
    {
      await using killed = startProgram(mesh, cleanup, [], at);
      if ((await untilEnd(mesh, killed)) === undefined) kills++;
    }
    await mesh.pass(100);
    const { code, stdout, stderr } = await mesh.run("mesh-cleanup", args);
    assert.equal(code, 0, `${name}: ${stdout}${stderr}`);
    assert.deepEqual(missingIn(original, standing()), goal, `${name}: ${stdout}${stderr}`);
    if (isLong) console.error(`same end: ${name}`);
    await settle();
  }
  // The last ones are not reached where the lock was renewed less often.
  const certain = tried.filter(({ at }) => at.effect < effects - 3).length;
  assert.ok(kills >= certain, `${kills} of ${tried.length}`);
  t.diagnostic(`${effects} side effects: grid of ${grid.length} kill points; ${tried.length} tried (seed ${seed})`);
});
