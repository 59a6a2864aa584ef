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
  record: { kind: "remove" },
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
  const { cluster } = clusterWhere(({ verb, namespace }) => !(verb === "patch" && namespace === "b"));
  const [finding, ...others] = await missingRights(cluster, planOf("a", "b"));
  assert.deepEqual(others, []);
  assert.deepEqual(
    [finding?.severity, finding?.object, finding?.remedy],
    ["blocker", "namespace/b", 'grant verb "patch" on "namespaces" in namespace b'],
  );
});

test("a right held everywhere is asked for once, not for each of many namespaces", async () => {
  const { cluster, asked } = clusterWhere(() => true);
  assert.deepEqual(await missingRights(cluster, planOf("a", "b", "c", "d", "e")), []);
  assert.equal(asked.length, 2, "get and patch");
});

test("one that is not held everywhere is asked for in each", async () => {
  const { cluster } = clusterWhere(({ namespace }) => namespace !== undefined && namespace !== "d");
  const findings = await missingRights(cluster, planOf("a", "b", "c", "d", "e"));
  assert.deepEqual(
    findings.map(({ object }) => object),
    ["namespace/d", "namespace/d"],
  );
});

test("an answer that could not be had is unknown, never a yes", async () => {
  const cluster = {
    mayI: async () => {
      throw new ClusterError("no answer", { reason: "timeout" });
    },
  } as unknown as Cluster;
  const findings = await missingRights(cluster, planOf("a", "b", "c", "d", "e"));
  assert.equal(findings.length, 10);
  assert.ok(findings.every(({ severity }) => severity === "unknown"));
});
