/** mesh-revisions --watch: the pictures after the first. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { deployment } from "../fixtures/workload-objects.ts";
import { bootMesh } from "./mesh.ts";
import { interrupt } from "./run.ts";

test("every change is shown, as a document a line, until it is ended", async () => {
  await using mesh = await bootMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
  const namespace = await mesh.createNamespace({ "istio-injection": "enabled" });
  await mesh.apply([deployment({ namespace, name: "web", replicas: 1 })]);
  await mesh.waitReady(namespace);
  const stop = new AbortController();
  const watching = mesh.run("mesh-revisions", ["--watch", "-o", "json"], { signal: stop.signal });
  await mesh.pass(3_000);
  await mesh.api.merge(`/api/v1/namespaces/${namespace}`, {
    metadata: { labels: { "istio-injection": null, "istio.io/rev": "prdo" } },
  });
  await mesh.pass(10_000);
  await mesh.api.merge(`/api/v1/namespaces/${namespace}`, { metadata: { labels: { "istio.io/rev": "1-20" } } });
  await mesh.pass(10_000);
  stop.abort(interrupt);
  const { stdout, stderr } = await watching;
  const found = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).findings.map(({ check }: { check: string }) => check));
  assert.equal(stderr, "");
  assert.deepEqual(
    found.map((checks) => checks.includes("label-unserved")),
    [false, true, false],
  );
});
