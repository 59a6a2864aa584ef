/**
 * What takes minutes: only virtual time has patience for it. The other scenarios of migrations are in test/contract.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Bed } from "../contract/bed.ts";
import { openEmbeddedBed } from "../contract/embedded-bed.ts";
import { neverFell, settled } from "../contract/scene.ts";
import { assertArrived, revisionOf } from "../contract/witness.ts";
import { cronJob, deployment } from "../real/workloads.ts";

let bed: Bed;
before(async () => {
  bed = await openEmbeddedBed({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => bed?.[Symbol.asyncDispose]());

const slowly = { strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } };

test("a rollout of ten minutes is waited for, and takes no time", async () => {
  const namespace = await bed.createNamespace({ "istio-injection": "enabled" });
  await bed.apply(deployment({ namespace, name: "slow", replicas: 4, readyAfter: 120_000, spec: slowly }));
  await bed.waitReady(namespace, 600);
  const { code, stderr, ms } = await bed.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
  assert.equal(code, 0, stderr);
  assert.ok(ms > 480_000, `${ms}`);
  await assertArrived(bed, namespace, "1-20");
  neverFell(bed, namespace);
});

test("CronJobs come up on the target", async () => {
  const namespace = await settled(bed, (namespace) => [
    deployment({ namespace, name: "web" }),
    cronJob({ namespace, name: "nightly", spec: { schedule: "*/5 * * * *" } }),
  ]);
  const { code, stderr } = await bed.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
  assert.equal(code, 0, stderr);
  await bed.pass(400_000);
  const nightly = (await bed.pods(namespace)).filter(({ metadata }) => /^nightly-/.test(metadata.name));
  assert.deepEqual([...new Set(nightly.map((pod) => `${revisionOf(pod)} ${pod.status.phase}`))], ["1-20 Succeeded"]);
});
