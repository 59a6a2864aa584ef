/** What earlier removals left: it is found, proven unused and removed, and what is in use stays. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import type { MeshUnderTest } from "../contract/mesh-under-test.ts";
import { grantRights } from "../contract/rights-of-docs.ts";
import { bootMesh, type EmbeddedMesh } from "./mesh.ts";
import type { Json } from "./object.ts";
import { everything, missingIn } from "./removals.ts";

const ajv = new Ajv.default({ strict: true, allowUnionTypes: true });
addFormats.default(ajv);
for (const name of ["cleanup", "removal"])
  ajv.addSchema(JSON.parse(readFileSync(`schemas/${name}.schema.json`, "utf8")));
const isLeftovers = ajv.compile(JSON.parse(readFileSync("schemas/leftovers.schema.json", "utf8")));

const now = ["--leftovers", "--drain", "2s", "--yes"];
const webhooks = "mutatingwebhookconfigurations.admissionregistration.k8s.io";

/** Revisions 1-18 and 1-19 without their istiods, as a killed uninstall leaves them, beside a whole 1-20. */
async function uninstalled(): Promise<EmbeddedMesh> {
  const mesh = await bootMesh({ revisions: { "1-18": "1.19.0", "1-19": "1.19.0", "1-20": "1.20.0" } });
  await mesh.setTag("default", "1-20");
  await mesh.setTag("old", "1-19");
  await mesh.createNamespace({ "istio.io/rev": "1-20" }, "moved");
  const remove = (path: string) => mesh.clock.during(mesh.api.delete(path));
  for (const revision of ["1-18", "1-19"])
    await remove(`/apis/apps/v1/namespaces/istio-system/deployments/istiod-${revision}`);
  await mesh.pass(60_000);
  return mesh;
}

/** The documents of its revisions; it is what the schema describes. */
function documentOf(stdout: string): readonly Json[] {
  const document: Json = JSON.parse(stdout);
  const isValid = isLeftovers(document);
  assert.ok(isValid, JSON.stringify(isLeftovers.errors));
  return (document as Json).revisions;
}

const isOf = (key: string): boolean => /-1-1[89]\b|revision-tag-old/.test(key);

test("all objects of revisions without an istiod go, tags that lead nowhere too, and nothing else does", async () => {
  await using mesh = await uninstalled();
  const before = everything(mesh);
  assert.ok(before.has(`${webhooks}/istio-revision-tag-old`));
  const { code, stdout, stderr } = await mesh.run("mesh-cleanup", [...now, "-o", "json"]);
  assert.equal(code, 0, stdout + stderr);
  assert.deepEqual(
    documentOf(stdout).map(({ revision, state }) => [revision, state]),
    ["1-18", "1-19"].map((revision) => [revision, "removed"]),
  );
  const after = everything(mesh);
  assert.deepEqual([...after.keys()].filter(isOf), []);
  assert.deepEqual(missingIn(before, after), [...before.keys()].filter(isOf).toSorted());

  const again = await mesh.run("mesh-cleanup", now);
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /^nothing to do: nothing of a revision without an istiod is left over/);

  const restored = await mesh.run("mesh-cleanup", ["--revision", "1-19", "--restore"]);
  assert.equal(restored.code, 0, restored.stdout + restored.stderr);
  assert.deepEqual(
    missingIn(before, everything(mesh)).filter((key) => !key.includes("1-18")),
    [],
  );
});

test("--revision limits it, and what is in use is refused by itself", async () => {
  await using mesh = await uninstalled();
  await mesh.createNamespace({ "istio.io/rev": "old" }, "behind-the-tag");
  const before = everything(mesh);
  const limited = await mesh.run("mesh-cleanup", [...now, "--revision", "1-19", "-o", "json"]);
  assert.equal(limited.code, 3, limited.stdout + limited.stderr);
  assert.deepEqual(
    documentOf(limited.stdout)[0]?.findings.map(({ check, object }: Json) => `${check} ${object}`),
    ["cleanup-namespaces namespace/behind-the-tag"],
  );
  assert.deepEqual(missingIn(before, everything(mesh)), []);

  const both = await mesh.run("mesh-cleanup", now);
  assert.equal(both.code, 4, both.stdout + both.stderr);
  assert.match(both.stdout, /revision 1-18 is removed/);
  assert.match(both.stdout, /revision 1-19 is in use by 1 route; nothing was changed/);
  const gone = missingIn(before, everything(mesh));
  assert.ok(gone.length > 0 && gone.every((key) => key.includes("1-18")), gone.join());

  const live = await mesh.run("mesh-cleanup", [...now, "--revision", "1-20"]);
  assert.deepEqual([live.code, live.stdout], [0, "nothing to do: nothing of revision 1-20 is left over\n"]);
});

test("a revision that gets an istiod again meanwhile is no leftover: everything is put back", async () => {
  await using mesh = await uninstalled();
  const before = everything(mesh);
  let done: Promise<unknown> | undefined;
  const { code, stdout, stderr } = await mesh.run(
    "mesh-cleanup",
    ["--leftovers", "--revision", "1-19", "--drain", "20s", "--yes"],
    {
      onStderr: (text) => {
        if (!done && /left, nothing needs it/.test(text)) done = mesh.addRevision("1-19", "1.19.0");
      },
    },
  );
  await done;
  assert.equal(code, 4, stdout + stderr);
  assert.deepEqual(missingIn(before, everything(mesh)), []);
});

test("nothing is removed by --check-only and dry runs, and without --revision another use is wrong", async () => {
  await using mesh = await uninstalled();
  const before = everything(mesh);
  const checked = await mesh.run("mesh-cleanup", ["--leftovers", "--check-only"]);
  assert.equal(checked.code, 0, checked.stderr);
  assert.match(checked.stdout, /no istiod of it is there +unused +\d+ control planes read/);
  const dry = await mesh.run("mesh-cleanup", ["--leftovers", "--dry-run", "server", "-o", "name"]);
  assert.equal(dry.code, 0, dry.stderr);
  assert.ok(dry.stdout.includes(`${webhooks}/istio-revision-tag-old\n`), dry.stdout);
  for (const args of [[], ["--leftovers", "--restore"]]) assert.equal((await mesh.run("mesh-cleanup", args)).code, 2);
  assert.deepEqual([missingIn(before, everything(mesh)), missingIn(everything(mesh), before)], [[], []]);
});

test("the rights of a cleaner are enough", async () => {
  await using mesh = await uninstalled();
  await grantRights(mesh as unknown as MeshUnderTest, "cleaner", undefined, ["viewer", "cleaner"]);
  const { code, stdout, stderr } = await mesh.run("mesh-cleanup", [...now, "--as", "cleaner"]);
  assert.equal(code, 0, stdout + stderr);
  assert.deepEqual([...everything(mesh).keys()].filter(isOf), []);
});

test("a revision of which the Deployments cannot be read is not taken for a leftover", async () => {
  await using mesh = await uninstalled();
  const status = { kind: "Status", apiVersion: "v1", status: "Failure", reason: "Forbidden", code: 403 };
  const stop = mesh.onRequest(({ url }) =>
    url.pathname.endsWith("/deployments") ? { instead: { code: 403, body: JSON.stringify(status) } } : undefined,
  );
  const before = everything(mesh);
  const { code, stderr } = await mesh.run("mesh-cleanup", now);
  stop();
  assert.equal(code, 5, stderr);
  assert.deepEqual(missingIn(before, everything(mesh)), []);
});
