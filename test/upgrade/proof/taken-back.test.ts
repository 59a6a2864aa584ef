import assert from "node:assert/strict";
import test from "node:test";
import type { ManagedFields } from "../../../src/mesh/kubernetes.ts";
import type { Pod } from "../../../src/mesh/model.ts";
import { isTakenBack, takenBackReason } from "../../../src/upgrade/proof/taken-back.ts";
import type { RestartGoal } from "../../../src/upgrade/proof/workload-proof.ts";
import { after, before, stamp } from "../../fixtures/instants.ts";
import { webPod } from "../../fixtures/pods.ts";
import { workload } from "../../fixtures/workload.ts";

const goal: RestartGoal = { revision: "1-20", oldRevisions: ["default"], uid: "uid-of-web", stamp, generation: 2 };
const old = webPod("old", { createdAt: before, proxy: { revision: "default" } });
const mixed = [old, webPod("new")];

const table: readonly (readonly [what: string, change: Parameters<typeof workload>[0], taken: boolean, goal?: Partial<RestartGoal>])[] = [
  // grafana/agent#4495 and Kong/kong-operator#1390: the annotation is removed within seconds, the old pods stay
  ["the stamp is gone", { generation: 3, restartedAt: undefined, pods: mixed }, true],
  ["the stamp of before is back", { generation: 3, restartedAt: before, pods: mixed }, true],
  ["by an Argo Rollout too", { kind: "Rollout", generation: 3, restartedAt: undefined, pods: mixed }, true],
  ["all pods are old again", { generation: 4, restartedAt: undefined, pods: [old] }, true],
  ["nobody wrote since", { generation: 2, restartedAt: undefined, pods: mixed }, false],
  ["the workload as it was before our patch", { generation: 1, restartedAt: undefined, pods: mixed }, false],
  ["a new image beside the stamp", { generation: 3, restartedAt: stamp, pods: mixed }, false],
  ["a later restart by somebody else", { generation: 3, restartedAt: after, pods: mixed }, false],
  ["a stamp that is no time", { generation: 3, restartedAt: "now", pods: mixed }, false],
  ["after the last old pod had gone", { generation: 3, restartedAt: undefined, pods: [webPod("new")] }, false],
  ["while the last old pod goes", { generation: 3, restartedAt: undefined, pods: [{ ...old, terminating: true } as Pod, webPod("new")] }, false],
  ["another object of the name", { uid: "another", generation: 3, restartedAt: undefined, pods: mixed }, false],
  ["a catch-up under the same revision", { generation: 3, restartedAt: undefined, pods: [webPod("old", { createdAt: before, proxy: { version: "1.20.0" } }), webPod("new", { proxy: { version: "1.20.8" } })] }, true, { version: "1.20.8" }],
  ["a catch-up, after the last older proxy had gone", { generation: 3, restartedAt: undefined, pods: [webPod("new", { proxy: { version: "1.20.8" } })] }, false, { version: "1.20.8" }],
  ["nothing was written", { generation: 3, restartedAt: undefined, pods: mixed }, false, { generation: 0 }],
]; // biome-ignore format: a table

for (const [what, change, taken, other] of table) {
  test(`${what}: ${taken ? "taken back" : "not taken back"}`, () =>
    assert.equal(isTakenBack(workload(change), { ...goal, ...other }), taken));
}

const writes = (manager: string, time: string, fields: object = { "f:spec": { "f:template": {} } }): ManagedFields => ({
  ...{ manager, operation: "Update", time, fieldsV1: fields },
});
const ownerReferences = [
  { apiVersion: "zookeeper.pravega.io/v1beta1", kind: "ZookeeperCluster", name: "zk", uid: "z", controller: true },
];
const web = { kind: "Deployment", namespace: "production", name: "web" };
const told: readonly (readonly [what: string, metadata: Parameters<typeof takenBackReason>[2], reason: RegExp])[] = [
  ["the operator wrote since", { managedFields: [writes("zookeeper-operator", after), writes("kubectl-edit", before)], ownerReferences }, /^its restart was taken back by field manager zookeeper-operator \(it belongs to ZookeeperCluster\/zk of zookeeper.pravega.io\); leave it \(--leave production\/deployment\/web\), or have ZookeeperCluster\/zk of zookeeper.pravega.io replace its pods$/],
  ["it only removed the stamp", { managedFields: [writes("kubectl-edit", "2026-01-01T00:00:00Z"), writes("zookeeper-operator", before)], ownerReferences }, /taken back, most likely by field manager zookeeper-operator, which writes its pod template \(/],
  ["nobody owns it", { managedFields: [writes("terraform", after)] }, /by field manager terraform; leave it .*, or restart it where its pod template is written$/],
  ["only status and labels are written by others", { managedFields: [writes("a", after, { "f:metadata": {} }), { ...writes("kube-controller-manager", after), subresource: "status" }] }, /^its restart was taken back; leave it/],
  ["our own field manager", { managedFields: [writes("mesh-migrate", after)] }, /^its restart was taken back; leave it/],
  ["it could not be read", undefined, /^its restart was taken back; leave it/],
]; // biome-ignore format: a table

for (const [what, metadata, reason] of told) {
  test(`who took it back: ${what}`, () => assert.match(takenBackReason(web, stamp, metadata), reason));
}
