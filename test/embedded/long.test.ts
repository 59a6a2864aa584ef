/**
 * What takes minutes: only virtual time has patience for it. The other scenarios of migrations are in test/contract.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { MeshUnderTest } from "../contract/mesh-under-test.ts";
import { neverFell, settled } from "../contract/migrations.ts";
import { openEmbeddedMesh } from "../contract/open-embedded.ts";
import { assertArrived, revisionOf } from "../contract/verify-result.ts";
import { cronJob, deployment } from "../fixtures/workload-objects.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openEmbeddedMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

const slowly = { strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } };

test("a rollout of ten minutes is waited for, and takes no time", async () => {
  const namespace = await mesh.createNamespace({ "istio-injection": "enabled" });
  await mesh.apply(deployment({ namespace, name: "slow", replicas: 4, readyAfter: 120_000, spec: slowly }));
  await mesh.waitReady(namespace, 600);
  const { code, stderr, ms } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
  assert.equal(code, 0, stderr);
  assert.ok(ms > 480_000, `${ms}`);
  await assertArrived(mesh, namespace, "1-20");
  neverFell(mesh, namespace);
});

test("CronJobs come up on the target", async () => {
  const namespace = await settled(mesh, (namespace) => [
    deployment({ namespace, name: "web" }),
    cronJob({ namespace, name: "nightly", spec: { schedule: "*/5 * * * *" } }),
  ]);
  const { code, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
  assert.equal(code, 0, stderr);
  await mesh.pass(400_000);
  const nightly = (await mesh.pods(namespace)).filter(({ metadata }) => /^nightly-/.test(metadata.name));
  assert.deepEqual([...new Set(nightly.map((pod) => `${revisionOf(pod)} ${pod.status.phase}`))], ["1-20 Succeeded"]);
});
