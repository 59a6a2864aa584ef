/** A removal with the rights of docs/rbac: all of them are enough; one that is missing is named before any change. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { MeshUnderTest } from "../contract/mesh-under-test.ts";
import { grantRights } from "../contract/rights-of-docs.ts";
import type { EmbeddedMesh } from "./mesh.ts";
import { everything, type Migrated, migrated, missingIn, removal } from "./removals.ts";

let it: Migrated;
let mesh: EmbeddedMesh;
before(async () => {
  it = await migrated();
  mesh = it.mesh;
});
after(() => it?.[Symbol.asyncDispose]());

const documents = ["viewer", "cleaner"];
const grant = (user: string, without: string | undefined) =>
  grantRights(mesh as unknown as MeshUnderTest, user, without, documents);

for (const right of [
  ...["delete deployments", "delete services", "delete clusterroles", "escalate clusterroles", "bind clusterroles"],
  ...["patch mutatingwebhookconfigurations", "create clusterrolebindings", "delete serviceaccounts", "create leases"],
  ...["create configmaps", "create pods"],
])
  test(`without the right to ${right} it is refused, and nothing is changed`, async () => {
    const user = `without-${right.replace(" ", "-")}`;
    await grant(user, right);
    const original = everything(mesh);
    const { code, stderr } = await mesh.run("mesh-cleanup", [...removal, "--as", user]);
    assert.equal(code, 3, stderr);
    assert.match(stderr, new RegExp(`you may not ${right}`));
    assert.deepEqual(missingIn(original, everything(mesh)), []);
  });

for (const right of [
  "list cronjobs",
  "list services",
  "list clusterrolebindings",
  "get clusterroles",
  "list rolebindings",
])
  test(`without the right to ${right} it cannot tell, and nothing is changed`, async () => {
    const user = `without-${right.replace(" ", "-")}`;
    await grant(user, right);
    const original = everything(mesh);
    const { code, stdout, stderr } = await mesh.run("mesh-cleanup", [...removal, "--as", user]);
    assert.equal(code, 5, stdout + stderr);
    assert.deepEqual(missingIn(original, everything(mesh)), []);
  });

test("all of them are enough, for a removal and for a restore", async () => {
  await grant("cleaner", undefined);
  const original = everything(mesh);
  const { code, stdout, stderr } = await mesh.run("mesh-cleanup", [...removal, "--as", "cleaner"]);
  assert.equal(code, 0, stdout + stderr);
  assert.doesNotMatch(stderr, /forbidden/);
  const restored = await mesh.run("mesh-cleanup", ["--revision", "default", "--restore", "--as", "cleaner"]);
  assert.equal(restored.code, 0, restored.stdout + restored.stderr);
  assert.deepEqual(missingIn(original, everything(mesh)), []);
});
