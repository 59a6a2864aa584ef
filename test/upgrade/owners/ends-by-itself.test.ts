import assert from "node:assert/strict";
import test from "node:test";
import { endsByItself, podEndsByItself } from "../../../src/upgrade/owners/ends-by-itself.ts";
import { mission, planOf, stopping } from "../../fixtures/plan.ts";
import { ownedBy, pod } from "../../fixtures/pods.ts";

const table: readonly (readonly [owner: string, more: readonly string[], ends: boolean])[] = [
  ["batch Job", [], true],
  ["batch.volcano.sh Job", [], true],
  ["example.org Job", [], false],
  ["argoproj.io Workflow", [], true],
  ["argoproj.io Rollout", [], false],
  ["tekton.dev TaskRun", [], true],
  ["sparkoperator.k8s.io SparkApplication", [], true],
  ["kubeflow.org PyTorchJob", [], true],
  ["kubeflow.org Notebook", [], false],
  // actions/actions-runner-controller#591, runners in the mesh: of the older kinds, which need not be ephemeral
  ["actions.summerwind.dev Runner", [], false],
  ["actions.summerwind.dev Runner", ["runners.actions.summerwind.dev"], true],
  ["actions.github.com EphemeralRunner", [], true],
  ["ray.io RayCluster", [], false],
  ["ray.io RayCluster", ["RayCluster.ray.io"], true],
  ["ray.io RayCluster", ["rayclusters.ray.io"], true],
  ["ray.io RayCluster", ["RayCluster"], true],
  ["ray.io RayCluster", ["RayCluster.example.org"], false],
  ["ray.io RayCluster", ["RayCluster.io"], false],
  ["ray.io RayCluster", ["Ray"], false],
];

for (const [owner, more, ends] of table) {
  test(`${owner}${more.length > 0 ? `, --ends-by-itself ${more.join(",")}` : ""}: ${ends ? "ends" : "stays"}`, () => {
    const [group = "", kind = ""] = owner.split(" ");
    assert.equal(endsByItself({ group, kind }, more), ends);
  });
}

// CrunchyData/postgres-operator#2945: the backup is done, its proxy runs on, and the pod of the Job stays NotReady. The
// Job belongs to the PostgresCluster, which does not end; the pod belongs to the Job.
test("a Job's pod that is not ready any more, of a Job that an operator owns, is left as those of Jobs are", () => {
  const done = { container: "pgbackrest", init: false, state: "terminated", reason: "Completed", message: "", restarts: 0, exitCode: 0 } as const;
  const backup = pod("production", "hippo-repo1-full-x", "default", { owner: ownedBy("batch", "Job", "hippo-repo1-full"), ready: false, unreadyContainers: [done] });
  assert.equal(podEndsByItself(backup, [], new Map()), true);
  assert.equal(endsByItself({ group: "postgres-operator.crunchydata.com", kind: "PostgresCluster" }, []), false);
  const plan = planOf(mission({ pods: [backup] }));
  assert.deepEqual(stopping(plan), []);
}); // biome-ignore format: long expressions

// kubeflow/spark-operator#889: executors are owned by the driver's pod, and only that one by the SparkApplication.
test("a pod of a pod ends with what that one belongs to", () => {
  const driver = pod("production", "driver", "default", { owner: ownedBy("sparkoperator.k8s.io", "SparkApplication", "etl") });
  const byHand = pod("production", "by-hand", "default");
  const uids = new Map([driver, byHand].map((each) => [each.uid, each]));
  const executorOf = (name: string) => pod("production", `exec-of-${name}`, "default", { owner: ownedBy("", "Pod", name) });
  assert.equal(podEndsByItself(driver, [], uids), true);
  assert.equal(podEndsByItself(executorOf("driver"), [], uids), true);
  assert.equal(podEndsByItself(executorOf("by-hand"), [], uids), false);
  assert.equal(podEndsByItself(executorOf("gone"), [], uids), false);
  assert.equal(podEndsByItself(byHand, ["Pod"], uids), false);
}); // biome-ignore format: long expressions
