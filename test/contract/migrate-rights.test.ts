/** A migration with the rights of docs/rbac: all of them are enough; one that is missing is named before any change. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { deployment } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { settled, writesTo } from "./migrations.ts";
import { openMesh } from "./open-mesh.ts";
import { grantRights } from "./rights-of-docs.ts";
import { labelsOf } from "./verify-result.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

const twoWebs = (namespace: string) => [deployment({ namespace, name: "web", replicas: 2 })];
const migrateAs = (user: string, namespace: string) =>
  mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20", "--as", user, "-o", "json"]);

test("all of them are enough, and nothing is warned of", async () => {
  const namespace = await settled(mesh, twoWebs);
  await grantRights(mesh, `all-of-${namespace}`, undefined);
  const { code, stderr } = await migrateAs(`all-of-${namespace}`, namespace);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /warning|forbidden/);
});

test("without the right to create Events it moves all the same, with one warning", async () => {
  const namespace = await settled(mesh, (of) =>
    ["web", "api", "db"].map((name) => deployment({ namespace: of, name })),
  );
  const user = `silent-${namespace}`;
  await grantRights(mesh, user, "create events");
  const { code, stderr } = await migrateAs(user, namespace);
  assert.equal(code, 0, stderr);
  const warnings = stderr.split("\n").filter((line) => line.startsWith("warning: "));
  assert.equal(warnings.length, 1, stderr);
  assert.match(
    warnings[0] ?? "",
    /no Event was written about \S+, and nothing depends on it: .* cannot create resource/,
  );
});

for (const [right, resource] of [
  ...["create", "get", "patch"].map((verb) => [`${verb} leases`, "leases.coordination.k8s.io"] as const),
  ...["create", "patch"].map((verb) => [`${verb} configmaps`, "configmaps"] as const),
])
  test(`without the right to ${right} it is refused, and nothing is changed`, async () => {
    const namespace = await settled(mesh, twoWebs);
    const user = `${right.replace(" ", "-")}-${namespace}`;
    await grantRights(mesh, user, right);
    const since = mesh.now();
    const { code, stdout } = await migrateAs(user, namespace);
    const { findings } = JSON.parse(stdout);
    const [verb] = right.split(" ");
    assert.equal(code, 3, stdout);
    assert.ok(
      findings.some(({ message }: Json) => message === `you may not ${verb} ${resource}`),
      stdout,
    );
    assert.deepEqual(await writesTo(mesh, namespace, since), []);
    assert.deepEqual(await labelsOf(mesh, namespace), { "istio-injection": "enabled" });
  });
