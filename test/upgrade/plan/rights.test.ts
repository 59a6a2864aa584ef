import assert from "node:assert/strict";
import test from "node:test";
import { neededRights } from "../../../src/upgrade/plan/rights.ts";
import type { WorkloadWords } from "../../fixtures/mesh.ts";
import { mission, planOf } from "../../fixtures/plan.ts";

const texts = (workloads: readonly WorkloadWords[]): readonly string[] =>
  neededRights(planOf(mission({ workloads }), { allowDowntime: ["*/*"] })).map(
    ({ verb, group, resource, subresource, namespace, name }) =>
      [verb, `${resource}${subresource ? `/${subresource}` : ""}${group && `.${group}`}`, namespace ?? name].join(" "),
  );
const web: WorkloadWords = { namespace: "production", name: "web", runs: ["default", "default"] };

test("a plan needs to patch its namespaces and its kinds of workloads, and to look at their pods", () => {
  assert.deepEqual(texts([web, { ...web, name: "api" }]), [
    "get namespaces production", "patch namespaces production",
    "get deployments.apps production", "list deployments.apps production", "patch deployments.apps production",
    "list pods production", "watch pods production", "create pods production",
    "get pods/log production", "list events production", "list replicasets.apps production",
  ]); // biome-ignore format: a table
});

test("a RoleBinding in the namespace is enough", () => {
  const rights = neededRights(planOf(mission({ workloads: [web] })));
  assert.deepEqual(
    rights.filter(({ namespace }) => namespace !== "production"),
    [],
  );
});

test("only a StatefulSet needs pods to be deleted on the way back, and only a Rollout needs Argo's resource", () => {
  const set = texts([
    { ...web, kind: "StatefulSet", strategy: { type: "RollingUpdate", maxSurge: 0, maxUnavailable: 1, partition: 0 } },
  ]);
  assert.ok(
    set.includes("delete pods production") &&
      set.includes("patch statefulsets.apps production") &&
      !set.includes("patch deployments.apps production"),
  );
  const daemons = texts([
    { ...web, kind: "DaemonSet", strategy: { type: "RollingUpdate", maxSurge: 0, maxUnavailable: 1, partition: 0 } },
  ]);
  assert.ok(daemons.includes("patch daemonsets.apps production") && !daemons.includes("delete pods production"));
  const argo = texts([{ ...web, kind: "Rollout", strategy: { type: "RolloutRestart", maxUnavailable: 1 } }]);
  assert.ok(argo.includes("patch rollouts.argoproj.io production") && !argo.includes("delete pods production"));
});

test("a plan without steps needs nothing", () => {
  assert.deepEqual(
    neededRights(
      planOf(mission({ namespaces: [{ name: "production", labels: { "istio.io/rev": "1-20" } }], workloads: [] })),
    ),
    [],
  );
});
