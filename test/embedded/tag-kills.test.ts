/**
 * A move of a tag that is killed before and after each of its writes: the same command again finishes, and
 * `mesh-rollback --tag` puts everything back exactly. So does a rollback that is killed itself.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertArrived } from "../contract/verify-result.ts";
import { deployment } from "../fixtures/workload-objects.ts";
import { bootMesh, type EmbeddedMesh } from "./mesh.ts";
import type { KubeJson } from "./object.ts";
import { type KillPoint, startProgram, untilEnd } from "./program.ts";
import { chosen } from "./sweep.ts";
import type { Verb } from "./verbs.ts";

let mesh: EmbeddedMesh;
before(async () => {
  mesh = await bootMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
  process.env.KUBECONFIG = mesh.kubeconfig;
});
after(() => mesh?.down());

const timeouts = ["--workload-timeout", "60s", "--timeout", "10m"];
const moving: Verb = {
  plugin: "mesh-migrate",
  args: () => ["--tag", "default", "--to", "1-20", ...timeouts],
  to: "1-20",
};
const puttingBack: Verb = { plugin: "mesh-rollback", args: () => ["--tag", "default", ...timeouts], to: "default" };

/** Everything but what each write changes. */
const objects = (): unknown =>
  (["mutatingwebhookconfigurations", "validatingwebhookconfigurations", "services"] as const).map((plural) =>
    mesh.store.list(mesh.resources.named(plural)).map(({ metadata, webhooks, spec }: KubeJson) => {
      const { name, labels, annotations = {} } = metadata;
      return { name, labels, annotations, webhooks, selector: spec?.selector };
    }),
  );

async function run(
  verb: Verb,
  at?: KillPoint,
): Promise<{ readonly code: number | undefined; readonly writes: number }> {
  await using program = startProgram(mesh, verb, [], at);
  const result = await untilEnd(mesh, program);
  if (!result) await mesh.pass(100);
  else assert.equal(result.code, 0, `${verb.plugin}\n${result.stdout}${result.stderr}`);
  return { code: result?.code, writes: program.effects.length };
}

interface Kill {
  readonly name: string;
  readonly effect: number;
  readonly when: KillPoint["when"];
}

const sampleSize = 4;

test("killed at a write, then again, and then back, which may be killed too", async () => {
  const namespace = await mesh.createNamespace({ "istio-injection": "enabled" });
  await mesh.apply([
    deployment({ namespace, name: "web", replicas: 2, readyAfter: 500 }),
    deployment({ namespace, name: "api", replicas: 2, readyAfter: 500 }),
  ] as Parameters<EmbeddedMesh["apply"]>[0]);
  await mesh.waitReady(namespace, 300);
  const original = objects();
  const ofTag: KillPoint["of"] = ({ url }) => url.pathname.includes("webhookconfigurations");
  const whole = await run(moving);
  const back = await run(puttingBack);
  assert.deepEqual(objects(), original);
  const grid = Array.from({ length: whole.writes }, (_, effect) =>
    (["before", "after"] as const).map((when): Kill => ({ name: `killed ${when} write ${effect}`, effect, when })),
  ).flat();
  const kills: readonly (Kill & Pick<KillPoint, "of">)[] = [
    // Between the objects of the tag: webhook, validator, the injector that is switched off, and both once more closed.
    ...grid.slice(0, 6).map((each) => ({ ...each, name: `${each.name} to the tag`, of: ofTag })),
    ...chosen(grid, sampleSize),
  ];
  for (const { name, effect, when, of } of kills) {
    const killed = await run(moving, { effect, when, ...(of && { of }) });
    if (of) assert.equal(killed.code, undefined, `${name}: it is killed`);
    if (effect % 2 === 0) {
      await run(moving);
      await assertArrived(mesh, namespace, "1-20").catch((error) => assert.fail(`${name}: ${error}`));
    }
    if (of) await run(puttingBack, { effect: effect % 3, when, of });
    else if (effect % 3 === 0) await run(puttingBack, { effect: effect % back.writes, when });
    await run(puttingBack);
    assert.deepEqual(objects(), original, name);
    await assertArrived(mesh, namespace, "default").catch((error) => assert.fail(`${name}: ${error}`));
    const { annotations } = mesh.store.get(mesh.resources.named("namespaces"), undefined, namespace)?.metadata ?? {};
    assert.equal(annotations?.["kubectl-mesh/undo"], undefined, name);
  }
});
