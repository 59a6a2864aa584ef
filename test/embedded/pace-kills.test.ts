/**
 * A migration at a pace that is killed before and after each write to the workload: the same command again finishes, the
 * command without a pace does, and mesh-rollback puts back; in the end no rollout is held and its owner's fields are as
 * before.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertArrived } from "../contract/verify-result.ts";
import { deployment, statefulSet } from "../fixtures/workload-objects.ts";
import { bootMesh, type EmbeddedMesh } from "./mesh.ts";
import { type KillPoint, startProgram, untilEnd } from "./program.ts";
import { chosen } from "./sweep.ts";
import { migrating, rollingBack, type Verb } from "./verbs.ts";

let mesh: EmbeddedMesh;
before(async () => {
  mesh = await bootMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
  process.env.KUBECONFIG = mesh.kubeconfig;
});
after(() => mesh?.down());

const pace = ["--workload-pods", "2", "--workload-pause", "2s"];
const pacing: Verb = { ...migrating, args: (namespaces) => [...migrating.args(namespaces), ...pace] };
const ofWorkload: KillPoint["of"] = ({ method, url }) =>
  method === "PATCH" && /\/(deployments|statefulsets)\//.test(url.pathname);

const fieldsOf = async (namespace: string, plural: string): Promise<unknown> => {
  const { metadata, spec } = await mesh.api.get(`/apis/apps/v1/namespaces/${namespace}/${plural}/web`);
  const { paused, strategy, updateStrategy } = spec;
  return { paused, strategy, updateStrategy, pace: metadata.annotations?.["kubectl-mesh/pace"] };
};

const makers = { deployments: deployment, statefulsets: statefulSet } as const;
const effects = Array.from({ length: 9 }, (_, effect) => effect);
const grid = (["deployments", "statefulsets"] as const).flatMap((plural) =>
  [pacing, migrating, rollingBack].flatMap((next) =>
    effects.flatMap((effect) =>
      (["before", "after"] as const).map((when) => ({
        ...{ plural, next, at: { effect, when, of: ofWorkload } },
        name: `${plural}: killed ${when} write ${effect}, then ${next === pacing ? "the same" : next.plugin}`,
      })),
    ),
  ),
);

test("killed at a write to the workload, and then on or back", async () => {
  for (const { plural, next, at, name } of chosen(grid, 5)) {
    const namespace = await mesh.createNamespace({ "istio-injection": "enabled" });
    const workload = makers[plural]({ namespace, name: "web", replicas: 5, readyAfter: 500 });
    await mesh.apply([workload] as Parameters<EmbeddedMesh["apply"]>[0]);
    await mesh.waitReady(namespace, 300);
    const own = await fieldsOf(namespace, plural);
    await using killed = startProgram(mesh, pacing, [namespace], at);
    const end = await untilEnd(mesh, killed);
    if (end) assert.equal(end.code, 0, `${name}: it has fewer writes\n${end.stderr}`);
    else await mesh.pass(100);
    await mesh.pass(20_000); // nobody is there
    await using program = startProgram(mesh, next, [namespace]);
    const result = await untilEnd(mesh, program);
    assert.equal(result?.code, 0, `${name}\n${result?.stdout}${result?.stderr}`);
    await mesh.waitReady(namespace, 300);
    assert.deepEqual(await fieldsOf(namespace, plural), own, name);
    await assertArrived(mesh, namespace, next.to).catch((error) => assert.fail(`${name}: ${error}`));
    await mesh.api.delete(`/api/v1/namespaces/${namespace}`);
  }
});
