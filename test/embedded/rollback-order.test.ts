/** In which order the workloads of several namespaces are put back. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { deployment } from "../fixtures/workload-objects.ts";
import { bootMesh, type EmbeddedMesh } from "./mesh.ts";

let mesh: EmbeddedMesh;
before(async () => {
  mesh = await bootMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.down());

const restartsSince = async (entries: number): Promise<readonly string[]> =>
  (await mesh.audit())
    .slice(entries)
    .filter(({ verb, resource, name }) => verb === "patch" && resource === "deployments" && name !== undefined)
    .map(({ namespace, name }) => `${namespace}/${name}`);

for (const flags of [[], ["--parallel-namespaces", "1"]])
  test(`the unhealthy one of the last namespace first, then the reverse of the migration ${flags.join(" ")}`, async () => {
    const [one, two] = [
      await mesh.createNamespace({ "istio-injection": "enabled" }),
      await mesh.createNamespace({ "istio-injection": "enabled" }),
    ];
    const spec = { strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } };
    await mesh.apply([
      ...["a", "b", "c"].map((name) => deployment({ namespace: one, name, replicas: 2, spec })),
      deployment({ namespace: two, name: "d", replicas: 2, spec }),
      deployment({ namespace: two, name: "e", replicas: 2, spec }),
      deployment({ namespace: two, name: "sick", replicas: 3, spec, life: "never-ready", onRevision: "1-20" }),
    ] as Parameters<EmbeddedMesh["apply"]>[0]);
    for (const namespace of [one, two]) await mesh.waitReady(namespace);
    const [scope, slowly] = [
      ["-n", `${one},${two}`],
      ["--parallel", "1", "--workload-timeout", "1m"],
    ];
    const entries = (await mesh.audit()).length;
    assert.equal((await mesh.run("mesh-migrate", [...scope, "--to", "1-20", ...slowly])).code, 4);
    const forward = await restartsSince(entries);
    assert.deepEqual([forward.length, forward.at(-1)], [6, `${two}/sick`], forward.join(" "));
    const later = (await mesh.audit()).length;
    const { code, stderr } = await mesh.run("mesh-rollback", [...scope, ...slowly, ...flags]);
    assert.equal(code, 0, stderr);
    const healthy = forward.slice(0, -1).toReversed();
    assert.deepEqual(await restartsSince(later), [`${two}/sick`, ...healthy]);
  });
