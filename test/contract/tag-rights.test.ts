/** A tag that is moved with the rights of docs/rbac: all of them are enough; one that is missing is named before any change. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { deployment } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { settled } from "./migrations.ts";
import { openMesh } from "./open-mesh.ts";
import { grantRights } from "./rights-of-docs.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { "1-28": "1.28.2", "1-29": "1.29.1" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

const documents = ["viewer", "migrator", "tagger"];
const asUser = (user: string, plugin: string, ...args: readonly string[]) =>
  mesh.run(plugin, ["--tag", "prod-stable", ...args, "--as", user, "-o", "json"]);

for (const [right, resource, name] of [
  ["create mutatingwebhookconfigurations", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "create"],
  ["delete mutatingwebhookconfigurations", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "delete"],
  ["patch mutatingwebhookconfigurations", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "patch"],
  ["create services", "services", "create"],
  ["delete services", "services", "delete"],
  ["patch services", "services", "patch"],
] as const)
  test(`without the right to ${right} it is refused, and nothing is changed`, async () => {
    const user = `without-${right.replace(" ", "-")}`;
    await grantRights(mesh, user, right, documents);
    const { code, stdout, stderr } = await asUser(user, "mesh-migrate", "--to", "1-28");
    assert.equal(code, 3, stdout + stderr);
    const { findings } = JSON.parse(stdout);
    assert.ok(
      findings.some(({ message }: Json) => message === `you may not ${name} ${resource}`),
      stdout,
    );
    const { items } = await mesh.api.get("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations");
    assert.ok(!items.some(({ metadata }: Json) => metadata.name === "istio-revision-tag-prod-stable"));
  });

test("all of them are enough: created, moved with a namespace and its Service, and put back", async () => {
  await grantRights(mesh, "tagger", undefined, documents);
  const created = await asUser("tagger", "mesh-migrate", "--to", "1-28");
  assert.equal(created.code, 0, created.stdout + created.stderr);
  const namespace = await settled(mesh, (of) => [deployment({ namespace: of, name: "web", replicas: 2 })], {
    "istio.io/rev": "prod-stable",
  });
  const service = async (): Promise<string> =>
    (await mesh.api.get("/api/v1/namespaces/istio-system/services/istiod-revision-tag-prod-stable")).spec.selector[
      "istio.io/rev"
    ];
  assert.equal(await service(), "1-28");
  const moved = await asUser("tagger", "mesh-migrate", "--to", "1-29");
  assert.equal(moved.code, 0, moved.stdout + moved.stderr);
  assert.doesNotMatch(moved.stderr, /warning|forbidden/);
  assert.equal(JSON.parse(moved.stdout).namespaces[0].name, namespace);
  assert.equal(await service(), "1-29");
  const back = await asUser("tagger", "mesh-rollback");
  assert.equal(back.code, 0, back.stdout + back.stderr);
  assert.equal(await service(), "1-28");
});
