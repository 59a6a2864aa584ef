import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { restartedAtAnnotation, stampOf, stampWorkload } from "../../../src/execute/steps/restart.ts";
import type { WorkloadObject } from "../../../src/mesh/kubernetes.ts";
import { writableCluster } from "../writable-cluster.ts";

const stamp = "2026-11-03T04:05:06Z";
const web = { kind: "Deployment", namespace: "production", name: "web" };
const deployment: WorkloadObject = {
  metadata: { name: "web", namespace: "production", uid: "uid-1", resourceVersion: "7" },
  spec: { template: { metadata: { annotations: { team: "shop" } }, spec: { containers: [] } } },
};
const rollout: WorkloadObject = { ...deployment, spec: {} };

describe("restart", () => {
  test("sets the stamp in the template, as kubectl does, and only for the object that was meant", async () => {
    const world = writableCluster([deployment]);
    await stampWorkload(world.cluster, web, "uid-1", stamp);
    assert.deepEqual(world.patches[0]?.body, {
      metadata: { uid: "uid-1" },
      spec: { template: { metadata: { annotations: { [restartedAtAnnotation]: stamp } } } },
    });
    assert.deepEqual(world.object("web").spec.template.metadata.annotations, {
      team: "shop",
      [restartedAtAnnotation]: stamp,
    });
  });

  test("the same stamp again is no second rollout", async () => {
    const world = writableCluster([deployment]);
    await stampWorkload(world.cluster, web, "uid-1", stamp);
    await stampWorkload(world.cluster, web, "uid-1", stamp);
    assert.equal(world.patches.length, 1);
  });

  test("an answer that was lost is looked for; a patch that was dropped is sent again", async () => {
    const lost = writableCluster([deployment], ["lost"]);
    await stampWorkload(lost.cluster, web, "uid-1", stamp);
    assert.equal(lost.patches.length, 1);
    const dropped = writableCluster([deployment], ["dropped"]);
    await stampWorkload(dropped.cluster, web, "uid-1", stamp);
    assert.equal(dropped.patches.length, 2);
  });

  test("null takes the stamp away, so that the template is what it was", async () => {
    const world = writableCluster([deployment]);
    await stampWorkload(world.cluster, web, "uid-1", stamp);
    await stampWorkload(world.cluster, web, "uid-1", null);
    assert.deepEqual(world.object("web").spec.template, deployment.spec.template);
  });

  test("a Rollout is restarted by its own field", async () => {
    const world = writableCluster([rollout]);
    const reply = await stampWorkload(world.cluster, { ...web, kind: "Rollout" }, "uid-1", stamp);
    assert.equal(reply.spec.restartAt, stamp);
    assert.equal(stampOf({ ...reply, kind: "Rollout" }), stamp);
  });

  test("another object of the same name, or none, is not restarted", async () => {
    const world = writableCluster([deployment]);
    await assert.rejects(
      stampWorkload(world.cluster, web, "uid-2", stamp),
      /production\/Deployment\/web was replaced meanwhile/,
    );
    await assert.rejects(
      stampWorkload(world.cluster, { ...web, name: "gone" }, "uid-1", stamp),
      /was deleted meanwhile/,
    );
    assert.equal(world.patches.length, 0);
  });

  test("admission that drops the stamp is told: nothing would restart", async () => {
    const world = writableCluster([deployment], [], (object) => {
      object.spec.template.metadata.annotations = {};
    });
    await assert.rejects(stampWorkload(world.cluster, web, "uid-1", stamp), /admission dropped the restart stamp/);
  });
});
