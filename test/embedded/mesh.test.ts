/**
 * The embedded mesh itself: that it boots from YAML, that its time is its own, and that the same seed makes the same
 * mesh.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { bootMesh, type EmbeddedMesh } from "./mesh.ts";
import { revisionOf } from "./pods/life.ts";

const bookshop = readFileSync(new URL("../clusters/bookshop.yaml", import.meta.url), "utf8");
const revisions = { default: "1.19.0", "1-20": "1.20.0" };

async function podsOf(mesh: EmbeddedMesh): Promise<readonly string[]> {
  await mesh.waitReady("production");
  await mesh.waitReady("backoffice");
  return (await mesh.pods("production")).map((pod) => `${pod.metadata.name} ${pod.metadata.uid} ${revisionOf(pod)}`);
}

test("boots from YAML; the same seed makes the same pods at the same time, another makes others", async () => {
  const pictures: unknown[] = [];
  for (const seed of [7, 7, 8]) {
    await using mesh = await bootMesh({ revisions, seed, manifests: bookshop });
    const pods = await podsOf(mesh);
    assert.equal(pods.length, 14);
    assert.ok(pods.every((pod) => pod.endsWith(" default")));
    pictures.push([pods, mesh.clock.now()]);
  }
  assert.deepEqual(pictures[0], pictures[1]);
  assert.notDeepEqual(pictures[0], pictures[2]);
});

test("virtual time passes only while somebody waits, and then as much as is asked for", async () => {
  await using mesh = await bootMesh({ revisions });
  const before = mesh.clock.now();
  await new Promise((resolve) => setTimeout(resolve, 50));
  await mesh.run("mesh-revisions", []);
  assert.equal(mesh.clock.now(), before);
  await mesh.pass(3_600_000);
  assert.equal(mesh.clock.now(), before + 3_600_000);
});

test("real time passes by itself", async () => {
  await using mesh = await bootMesh({ revisions, time: "real" });
  const before = mesh.clock.now();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(mesh.clock.now() - before >= 49);
  const { code, stdout } = await mesh.run("mesh-revisions", []);
  assert.equal(code, 0);
  assert.match(stdout, /^1-20 .* 1\.20\.0 +1\/1 +0 /m);
});

test("the overview of a shop", async () => {
  await using mesh = await bootMesh({ revisions, manifests: bookshop });
  await podsOf(mesh);
  const { code, stdout } = await mesh.run("mesh-revisions", []);
  assert.equal(code, 0);
  assert.match(stdout, /^default +injects,validates +default +1\.19\.0 +1\/1 +16 +istioctl/m);
  assert.match(stdout, /^production +istio-injection=enabled +default +default \(14\) +default \(14\)/m);
});
