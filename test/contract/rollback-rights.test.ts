/** A rollback with the rights of docs/rbac: all of them are enough; one that is missing is named before any change. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { deployment, statefulSet } from "../fixtures/workload-objects.ts";
import { isWrite, type Json, type MeshUnderTest } from "./mesh-under-test.ts";
import { enabled, settled } from "./migrations.ts";
import { openMesh } from "./open-mesh.ts";
import { grantRights } from "./rights-of-docs.ts";
import { labelsOf, recordOf } from "./verify-result.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

const two = (namespace: string) => [
  deployment({ namespace, name: "web", replicas: 2 }),
  statefulSet({ namespace, name: "db", replicas: 2 }),
];
const as = (user: string, plugin: string, ...args: readonly string[]) => mesh.run(plugin, [...args, "--as", user]);
const moved = async (): Promise<string> => {
  const namespace = await settled(mesh, two);
  const { code, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
  assert.equal(code, 0, stderr);
  return namespace;
};
const writesOf = async (namespace: string, since: Date) =>
  (await mesh.audit(since)).filter(
    (entry) =>
      isWrite(entry) &&
      entry.userAgent.startsWith("mesh-rollback/") &&
      [entry.namespace, entry.name].includes(namespace),
  );

test("all of them are enough for a migration, its history and its rollback, and nothing is warned of", async () => {
  const namespace = await settled(mesh, two);
  const user = `back-${namespace}`;
  await grantRights(mesh, user, undefined);
  for (const words of [
    ["mesh-migrate", "-n", namespace, "--to", "1-20"],
    ["mesh-rollback", "--list"],
    ["mesh-rollback", "-A", "--dry-run=client"],
    ["mesh-rollback", "-n", namespace],
  ] as const) {
    const [plugin, ...args] = words;
    const { code, stdout, stderr } = await as(user, plugin, ...args);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /warning|forbidden/);
    if (words[1] === "--list") assert.match(stdout, new RegExp(`^${namespace} .* ready$`, "m"));
  }
  assert.deepEqual(await labelsOf(mesh, namespace), enabled);
  assert.equal(await recordOf(mesh, namespace), undefined);
});

test("the rights of a viewer are enough for the history, which cannot tell of the way back", async () => {
  const namespace = await moved();
  const user = `viewer-${namespace}`;
  await grantRights(mesh, user, undefined, ["viewer"]);
  const { code, stdout, stderr } = await as(user, "mesh-rollback", "--list");
  assert.equal(code, 0, stderr);
  assert.match(stdout, new RegExp(`^${namespace} .* unknown: it could not be read: `, "m"));
});

test("without the right to list the journals of all namespaces, it says so, and lists those that are named", async () => {
  const namespace = await moved();
  const user = `listless-${namespace}`;
  await grantRights(mesh, user, "list configmaps");
  const { code, stderr } = await as(user, "mesh-rollback", "--list");
  assert.equal(code, 5, stderr);
  assert.match(stderr, /Ask for the right to list configmaps in all namespaces.*or name the namespaces with -n/s);
  const named = await as(user, "mesh-rollback", "--list", "-n", namespace);
  assert.equal(named.code, 0, named.stderr);
  assert.match(named.stdout, new RegExp(`^${namespace} .* ready$`, "m"));
});

test("without the right to read the journals it cannot tell, names the right, and changes nothing", async () => {
  const namespace = await moved();
  const user = `blind-${namespace}`;
  await grantRights(mesh, user, "get configmaps");
  const [labels, since] = [await labelsOf(mesh, namespace), mesh.now()];
  const { code, stdout } = await as(user, "mesh-rollback", "-n", namespace, "-o", "json");
  assert.equal(code, 5, stdout);
  assert.match(stdout, /cannot get resource \\"configmaps\\"/);
  assert.deepEqual(await writesOf(namespace, since), []);
  assert.deepEqual(await labelsOf(mesh, namespace), labels);
});

const missing = [
  ...["patch namespaces", "create leases", "get leases", "patch leases", "create configmaps", "patch configmaps"],
  ...["get deployments", "patch deployments", "patch statefulsets", "create pods", "watch pods", "delete pods"],
  ...["get pods/log", "list events"],
];

// One after the other, on one namespace: a run that is refused leaves it as it was, which each of them asserts.
describe("it is refused, and nothing is changed,", () => {
  let namespace: string;
  before(async () => {
    namespace = await moved();
  });
  for (const right of missing)
    test(`without the right to ${right}`, async () => {
      const user = `${right.replace(/[ /]/g, "-")}-${namespace}`;
      await grantRights(mesh, user, right);
      const [labels, since] = [await labelsOf(mesh, namespace), mesh.now()];
      const run = await as(user, "mesh-rollback", "-n", namespace, "-o", "json");
      assert.equal(run.code, 3, run.stdout + run.stderr);
      const [verb, resource = ""] = right.split(" ");
      const { findings } = JSON.parse(run.stdout);
      const named = new RegExp(`you may not ${verb} ${resource}(\\.|$)`);
      assert.ok(
        findings.some(({ severity, message }: Json) => severity === "blocker" && named.test(message)),
        run.stdout,
      );
      assert.deepEqual(await writesOf(namespace, since), []);
      assert.deepEqual(await labelsOf(mesh, namespace), labels);
    });
});
