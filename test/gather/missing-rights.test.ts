import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cluster } from "../../src/cluster/cluster.ts";
import { ClusterError } from "../../src/cluster/cluster-error.ts";
import { missingRights } from "../../src/gather/missing-rights.ts";
import type { Right } from "../../src/mesh/kubernetes.ts";
import type { Plan } from "../../src/upgrade/plan/plan.ts";
import type { Step } from "../../src/upgrade/plan/step.ts";

const labels = { "istio-injection": null, "istio.io/rev": "1-20" };
const step = (namespace: string): Step => ({
  kind: "relabel",
  namespace,
  uid: namespace,
  before: labels,
  after: labels,
  from: { revision: "default", deploymentUid: "d" },
  to: "1-20",
  record: { kind: "keep" },
  probe: undefined,
});
const planOf = (...namespaces: string[]) =>
  ({
    stages: [{ lanes: namespaces.map((namespace) => ({ namespace, steps: [step(namespace)] })) }],
  }) as unknown as Plan;
const clusterWhere = (mayI: (access: Right) => boolean) => {
  const asked: Right[] = [];
  const cluster = {
    mayI: async (access: Right) => {
      asked.push(access);
      return { allowed: mayI(access), reason: "" };
    },
  } as unknown as Cluster;
  return { cluster, asked };
};

test("a right that is missing in one namespace is named with the verb and resource to grant", async () => {
  const { cluster } = clusterWhere(
    ({ verb, resource, namespace }) => !(verb === "patch" && resource === "namespaces" && namespace === "b"),
  );
  const [finding, ...others] = await missingRights(cluster, planOf("a", "b"), "istio-system");
  assert.deepEqual(others, []);
  assert.deepEqual(
    [finding?.severity, finding?.object, finding?.remedy],
    ["blocker", "namespace/b", 'grant verb "patch" on "namespaces" in namespace b'],
  );
});

test("a right held everywhere is asked for once, not for each of many namespaces", async () => {
  const { cluster, asked } = clusterWhere(() => true);
  assert.deepEqual(await missingRights(cluster, planOf("a", "b", "c", "d", "e"), "istio-system"), []);
  assert.deepEqual(
    asked.map(({ verb, resource, namespace, name }) => [verb, resource, namespace ?? "*", name ?? "*"].join(" ")),
    [
      ...["get namespaces * *", "patch namespaces * *"],
      ...["get leases * kubectl-mesh", "create leases * *", "patch leases * kubectl-mesh"],
      ...["create configmaps * *", "get configmaps * kubectl-mesh", "patch configmaps * kubectl-mesh"],
    ],
  );
});

test("the lock of the mesh and the name of the cluster are asked about where they are", async () => {
  const { cluster } = clusterWhere(({ namespace }) => namespace === "a");
  const findings = await missingRights(cluster, planOf("a"), "mesh");
  assert.deepEqual(
    findings.map(({ object, remedy }) => `${object}: ${remedy}`),
    [
      'namespace/kube-system: grant verb "get" on "namespaces" in namespace kube-system',
      'namespace/mesh: grant verb "get" on "leases.coordination.k8s.io" in namespace mesh',
    ],
  );
});

test("one that is not held everywhere is asked for in each", async () => {
  const { cluster } = clusterWhere(({ namespace }) => namespace !== undefined && namespace !== "d");
  const findings = await missingRights(cluster, planOf("a", "b", "c", "d", "e"), "istio-system");
  assert.deepEqual(
    findings.map(({ object }) => object),
    Array(8).fill("namespace/d"),
  );
});

test("an answer that could not be had is unknown, never a yes", async () => {
  const cluster = {
    mayI: async () => {
      throw new ClusterError("no answer", { reason: "timeout" });
    },
  } as unknown as Cluster;
  const findings = await missingRights(cluster, planOf("a", "b", "c", "d", "e"), "istio-system");
  assert.equal(findings.length, 5 * 8 + 2);
  assert.ok(findings.every(({ severity }) => severity === "unknown"));
});
