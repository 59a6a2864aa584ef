import assert from "node:assert/strict";
import test from "node:test";
import type { ObjectOwner } from "../../../../src/mesh/model.ts";
import type { OwnerKind } from "../../../../src/mesh/operators/restart-way.ts";
import { ownedWorkloadChecks } from "../../../../src/upgrade/checks/move/owned-workloads.ts";
import { runChecks } from "../../../../src/upgrade/checks/run-checks.ts";
import { knownOwners } from "../../../../src/upgrade/owners/known-owners.ts";
import { migrationFacts } from "../../../../src/upgrade/plan/plan-migration.ts";
import { mission, planOf, quiet, request, restarted, stopping, type Wish } from "../../../fixtures/plan.ts";

const owner = (text: string, controller = true): ObjectOwner => {
  const [group = "", kind = ""] = text.split(" ");
  return { group, kind, name: "it", controller };
};
const owned = (by: ObjectOwner | undefined) =>
  mission({
    workloads: [{ namespace: "production", name: "web", runs: ["default", "default"], ...(by && { owner: by }) }],
  });
const found = (by: ObjectOwner | undefined, wish: Wish = {}) =>
  planOf(owned(by), wish).findings.filter(({ check }) => check === "owned-workloads");

const table: readonly (readonly [what: string, owner: ObjectOwner | undefined, severity?: string, accept?: string | undefined, words?: RegExp])[] = [
  ["nobody", undefined],
  ["an operator that nothing is known of", owner("example.org Shop"), "blocker", "--restart-owned", /^it belongs to Shop\/it of example.org, whose operator may take a restart back$/],
  ["Knative", owner("serving.knative.dev Revision"), "blocker", "--leave", /knative\/serving#14705; not since the end of 2025/],
  ["another's Revision", owner("example.org Revision"), "blocker", "--restart-owned", /may take a restart back$/],
  ["the ZooKeeper operator", owner("zookeeper.pravega.io ZookeeperCluster"), "blocker", "--leave", /was seen to take a restart back \(pravega\/zookeeper-operator#625\)$/],
  ["OLM, which is no controller of its Deployments", owner("operators.coreos.com ClusterServiceVersion", false), "blocker", "--leave", /operator-lifecycle-manager#3392/],
  // grafana/agent#4495: a Deployment, StatefulSet or DaemonSet of the agent's operator, whose restart stops half-way
  ["the agent operator of Grafana", owner("monitoring.grafana.com GrafanaAgent"), "blocker", "--leave", /grafana\/agent#4495/],
  // Kong/kong-operator#1390: the new ReplicaSet of a DataPlane's Deployment is scaled to 0 again
  ["the operator of Kong", owner("gateway-operator.konghq.com DataPlane"), "blocker", "--leave", /Kong\/kong-operator#1390/],
  ["an owner that is no controller", owner("kafka.strimzi.io KafkaConnect", false), "note", undefined, /writes its pod template whole takes a restart back$/],
  ["SIG Apps' Application", owner("app.k8s.io Application", false)],
  ["a Gateway of istiod", owner("gateway.networking.k8s.io Gateway", false)],
]; // biome-ignore format: a table

for (const [what, by, severity, accept, words] of table) {
  test(`owned-workloads: ${what}: ${severity ?? "nothing"}`, () => {
    const findings = found(by);
    assert.deepEqual(
      findings.map((finding) => [finding.severity, finding.object, finding.accept?.flag]),
      severity === undefined ? [] : [[severity, "production/Deployment/web", accept]],
    );
    if (words) assert.match(findings[0]?.message ?? "", words);
    if (severity === "blocker")
      assert.match(findings[0]?.remedy ?? "", /--leave production\/deployment\/web.*--restart-owned production\/dep/);
  });
}

test("owned-workloads: answered by naming", () => {
  const by = owner("zookeeper.pravega.io ZookeeperCluster");
  const [accepted] = found(by, { restartOwned: ["deployment/web"] });
  assert.equal(accepted?.severity, "warning");
  assert.match(accepted.message, /\(accepted by --restart-owned\)$/);
  const going = planOf(owned(by), { restartOwned: ["*/*"] });
  assert.deepEqual([stopping(going), restarted(going)], [[], ["Deployment/web (canary)"]]);
  const left = planOf(owned(by), { leave: ["deployment/web"] });
  assert.deepEqual([stopping(left), restarted(left), left.left.map((each) => each.by)], [[], [], ["--leave"]]);
  assert.deepEqual(stopping(planOf(owned(by), { restartOwned: ["statefulset/web"] })).map(({ check }) => check), ["names-exist", "owned-workloads"]);
}); // biome-ignore format: long expressions

test("owned-workloads: nothing is asked of what is not restarted, and a rollback only warns", () => {
  const by = owner("zookeeper.pravega.io ZookeeperCluster");
  const there = mission({ workloads: [{ namespace: "production", name: "web", runs: ["1-20"], owner: by }] });
  assert.deepEqual(planOf(there).findings.filter(({ check }) => check === "owned-workloads"), []);
  const target = { label: "1-20", revision: "1-20", tag: undefined };
  const facts = migrationFacts({ mesh: owned(by), evidence: quiet }, target, request());
  const severities = runChecks(ownedWorkloadChecks, { ...facts, verb: "rollback" }).map(({ severity }) => severity);
  assert.deepEqual(severities, ["warning"]);
}); // biome-ignore format: long expressions

const shards = (leave: readonly string[]) => {
  const mesh = mission({
    workloads: ["a", "b"].map((name) => ({ namespace: "production", name, runs: ["default", "default"] })),
  });
  const by = knownOwners.find(({ kind }) => kind === "Prometheus") as OwnerKind;
  const object = { kind: "Prometheus.monitoring.coreos.com", namespace: "production", name: "k8s" };
  const resource = { group: by.group, version: "v1", plural: "prometheuses", kind: by.kind };
  const way = { by, resource, object, uid: "p", direct: false, pods: 2, hindrance: undefined };
  const workloads = mesh.workloads.map((each) => (["a", "b"].includes(each.name) ? { ...each, way } : each));
  return planOf({ ...mesh, workloads }, { leave }).findings.filter(({ check }) => check === "asked-together");
};

test("what one annotation restarts together is not half left", () => {
  assert.deepEqual(shards([]), []);
  assert.deepEqual(shards(["deployment/a", "deployment/b"]), []);
  const [finding] = shards(["deployment/a"]);
  assert.deepEqual([finding?.severity, finding?.object], ["blocker", "production/Deployment/b"]);
  assert.match(
    finding?.message ?? "",
    /Prometheus.monitoring.coreos.com\/k8s, which restarts production\/Deployment\/a/,
  );
});
