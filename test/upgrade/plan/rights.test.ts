import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { loadAll } from "js-yaml";
import { neededRights } from "../../../src/upgrade/plan/rights.ts";
import type { Json } from "../../fixtures/fake-cluster.ts";
import type { WorkloadWords } from "../../fixtures/mesh.ts";
import { mission, planOf } from "../../fixtures/plan.ts";

const texts = (workloads: readonly WorkloadWords[]): readonly string[] =>
  neededRights(planOf(mission({ workloads }), { allowDowntime: ["*/*"] }), "istio-system").map(
    ({ verb, group, resource, subresource, namespace, name }) =>
      [
        verb,
        `${resource}${subresource ? `/${subresource}` : ""}${group && `.${group}`}`,
        namespace,
        ...(name === undefined || name === namespace ? [] : [name]),
      ].join(" "),
  );
const rollingSet = { type: "RollingUpdate", maxSurge: 0, maxUnavailable: 1, partition: 0 } as const;
const web: WorkloadWords = { namespace: "production", name: "web", runs: ["default", "default"] };

test("a plan needs to patch its namespaces and its kinds of workloads, and to look at their pods", () => {
  assert.deepEqual(texts([web, { ...web, name: "api" }]), [
    "get namespaces production", "patch namespaces production", "get namespaces kube-system",
    "get leases.coordination.k8s.io istio-system kubectl-mesh", "create leases.coordination.k8s.io production",
    "get leases.coordination.k8s.io production kubectl-mesh", "patch leases.coordination.k8s.io production kubectl-mesh",
    "create configmaps production", "get configmaps production kubectl-mesh", "patch configmaps production kubectl-mesh",
    "get deployments.apps production", "list deployments.apps production", "patch deployments.apps production",
    "list pods production", "watch pods production", "create pods production",
    "get pods/log production", "list events production", "list replicasets.apps production",
  ]); // biome-ignore format: a table
});

test("a RoleBinding in the namespace is enough but for the lock of the whole mesh and the name of the cluster", () => {
  const rights = neededRights(planOf(mission({ workloads: [web] })), "mesh");
  assert.deepEqual(
    rights
      .filter(({ namespace }) => namespace !== "production")
      .map(({ verb, resource, namespace, name }) => [verb, resource, namespace, name].join(" ")),
    ["get namespaces kube-system kube-system", "get leases mesh kubectl-mesh"],
  );
});

test("docs/rbac grants every right that a plan needs, and of leases and configmaps no more", () => {
  const roles = ["viewer", "migrator"].flatMap(
    (name) => loadAll(readFileSync(`docs/rbac/${name}.yaml`, "utf8")) as readonly Json[],
  );
  const rules: readonly Json[] = roles.flatMap((role) => role.rules);
  const stateful: WorkloadWords = { ...web, kind: "StatefulSet", name: "db", strategy: rollingSet };
  const needed = neededRights(
    planOf(mission({ workloads: [web, stateful] }), { allowDowntime: ["*/*"] }),
    "istio-system",
  );
  const grants = (rule: Json, { verb, group, resource, subresource, name }: (typeof needed)[number]): boolean =>
    rule.verbs.includes(verb) &&
    rule.apiGroups.includes(group) &&
    rule.resources.includes(subresource ? `${resource}/${subresource}` : resource) &&
    (rule.resourceNames === undefined || rule.resourceNames.includes(name));
  assert.deepEqual(
    needed.filter((right) => !rules.some((rule) => grants(rule, right))),
    [],
  );
  const migrator = roles.find(({ metadata }) => metadata.name === "kubectl-mesh-migrator");
  const granted = migrator.rules
    .filter(({ resources }: Json) => ["leases", "configmaps"].includes(resources[0]))
    .map(({ resources, verbs, resourceNames = ["*"] }: Json) => `${resources} ${verbs} ${resourceNames}`);
  assert.deepEqual(granted, [
    ...["leases create *", "leases get,patch kubectl-mesh"],
    ...["configmaps create *", "configmaps get,patch kubectl-mesh"],
  ]);
});

test("only a StatefulSet needs pods to be deleted on the way back, and only a Rollout needs Argo's resource", () => {
  const set = texts([{ ...web, kind: "StatefulSet", strategy: rollingSet }]);
  assert.ok(
    set.includes("delete pods production") &&
      set.includes("patch statefulsets.apps production") &&
      !set.includes("patch deployments.apps production"),
  );
  const daemons = texts([{ ...web, kind: "DaemonSet", strategy: rollingSet }]);
  assert.ok(daemons.includes("patch daemonsets.apps production") && !daemons.includes("delete pods production"));
  const argo = texts([{ ...web, kind: "Rollout", strategy: { type: "RolloutRestart", maxUnavailable: 1 } }]);
  assert.ok(argo.includes("patch rollouts.argoproj.io production") && !argo.includes("delete pods production"));
});

test("a plan without steps needs nothing", () => {
  assert.deepEqual(
    neededRights(
      planOf(mission({ namespaces: [{ name: "production", labels: { "istio.io/rev": "1-20" } }], workloads: [] })),
      "istio-system",
    ),
    [],
  );
});
