import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { kinds } from "../../../src/cluster/kinds.ts";
import { restartedAtAnnotation, stampOf, stampWorkload } from "../../../src/execute/steps/restart.ts";
import type { WorkloadObject } from "../../../src/mesh/kubernetes.ts";
import { type FakeCluster, type Fault, fakeCluster, type Json } from "../../fixtures/fake-cluster.ts";

const stamp = "2026-11-03T04:05:06Z";
const web = { kind: "Deployment", namespace: "production", name: "web" };
const deployment: WorkloadObject = {
  metadata: { name: "web", namespace: "production", uid: "uid-1", resourceVersion: "7" },
  spec: { template: { metadata: { annotations: { team: "shop" } }, spec: { containers: [] } } },
};
const rollout: WorkloadObject = { ...deployment, spec: {} };

/** A cluster with this Deployment; the patches come to `faults` in their order. */
const clusterWith = (
  object: WorkloadObject,
  faults: readonly Fault[] = [],
  admission?: (object: Json) => void,
): FakeCluster => {
  const cluster = fakeCluster();
  cluster.put(kinds.deployments, object);
  cluster.next({ verb: "patch" }, ...faults);
  if (admission) cluster.admit(kinds.deployments, admission);
  return cluster;
};
const stored = (cluster: FakeCluster): Json => cluster.object(kinds.deployments, "web", "production");

describe("restart", () => {
  test("sets the stamp in the template, as kubectl does, and only for the object that was meant", async () => {
    const cluster = clusterWith(deployment);
    await stampWorkload(cluster, web, "uid-1", stamp);
    assert.deepEqual(cluster.writes[0]?.body, {
      metadata: { uid: "uid-1" },
      spec: { template: { metadata: { annotations: { [restartedAtAnnotation]: stamp } } } },
    });
    assert.deepEqual(stored(cluster).spec.template.metadata.annotations, {
      team: "shop",
      [restartedAtAnnotation]: stamp,
    });
  });

  test("the same stamp again is no second rollout", async () => {
    const cluster = clusterWith(deployment);
    await stampWorkload(cluster, web, "uid-1", stamp);
    await stampWorkload(cluster, web, "uid-1", stamp);
    assert.equal(cluster.writes.length, 1);
  });

  test("an answer that was lost is looked for; a patch that was dropped is sent again", async () => {
    const lost = clusterWith(deployment, ["lost"]);
    await stampWorkload(lost, web, "uid-1", stamp);
    assert.equal(lost.writes.length, 1);
    const dropped = clusterWith(deployment, ["dropped"]);
    await stampWorkload(dropped, web, "uid-1", stamp);
    assert.equal(dropped.writes.length, 2);
  });

  test("null takes the stamp away, so that the template is what it was", async () => {
    const cluster = clusterWith(deployment);
    await stampWorkload(cluster, web, "uid-1", stamp);
    await stampWorkload(cluster, web, "uid-1", null);
    assert.deepEqual(stored(cluster).spec.template, deployment.spec.template);
  });

  test("a Rollout is restarted by its own field", async () => {
    const cluster = fakeCluster();
    cluster.put(kinds.rollouts, rollout);
    const reply = await stampWorkload(cluster, { ...web, kind: "Rollout" }, "uid-1", stamp);
    assert.equal(reply.spec.restartAt, stamp);
    assert.equal(stampOf({ ...reply, kind: "Rollout" }), stamp);
  });

  test("another object of the same name, or none, is not restarted", async () => {
    const cluster = clusterWith(deployment);
    await assert.rejects(
      stampWorkload(cluster, web, "uid-2", stamp),
      /production\/Deployment\/web was replaced meanwhile/,
    );
    await assert.rejects(stampWorkload(cluster, { ...web, name: "gone" }, "uid-1", stamp), /was deleted meanwhile/);
    assert.equal(cluster.writes.length, 0);
  });

  test("an object that is replaced or deleted between reading and writing is told as that", async () => {
    const replaced = clusterWith(deployment);
    replaced.next({ verb: "patch" }, () => {
      replaced.remove(kinds.deployments, web);
      replaced.put(kinds.deployments, { ...deployment, metadata: { ...deployment.metadata, uid: "uid-2" } });
    });
    await assert.rejects(stampWorkload(replaced, web, "uid-1", stamp), {
      reason: "conflict",
      message: "production/Deployment/web was replaced meanwhile",
    });
    const deleted = clusterWith(deployment);
    deleted.next({ verb: "patch" }, () => deleted.remove(kinds.deployments, web));
    await assert.rejects(stampWorkload(deleted, web, "uid-1", stamp), {
      reason: "conflict",
      message: "production/Deployment/web was deleted meanwhile",
    });
  });

  test("a patch that is invalid for another reason stays that", async () => {
    await assert.rejects(stampWorkload(clusterWith(deployment, ["invalid"]), web, "uid-1", stamp), {
      reason: "invalid",
    });
  });

  test("admission that drops the stamp is told: nothing would restart", async () => {
    const cluster = clusterWith(deployment, [], (object) => {
      object.spec.template.metadata.annotations = {};
    });
    await assert.rejects(stampWorkload(cluster, web, "uid-1", stamp), /admission dropped the restart stamp/);
  });
});
