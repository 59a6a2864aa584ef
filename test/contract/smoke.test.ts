import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { deployment } from "../real/workloads.ts";
import { type Bed, openBed } from "./bed.ts";

let bed: Bed;
before(async () => {
  bed = await openBed({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => bed?.[Symbol.asyncDispose]());

test("a namespace moves", async () => {
  const namespace = await bed.createNamespace({ "istio-injection": "enabled" });
  await bed.apply([deployment({ namespace, name: "web", readyAfter: 500 })]);
  await bed.waitReady(namespace);
  const { code, stderr } = await bed.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
  assert.equal(code, 0, stderr);
  const pods = await bed.pods(namespace);
  const held = await bed.heldProxies();
  assert.deepEqual(
    pods.map(({ metadata }) => held.get(`${metadata.name}.${namespace}`)),
    pods.map(() => [{ revision: "1-20", cds: true, lds: true }]),
  );
  assert.ok(bed.availability(namespace).every(({ ok }) => ok));
});
