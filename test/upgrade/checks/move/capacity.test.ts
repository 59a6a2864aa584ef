import assert from "node:assert/strict";
import test from "node:test";
import type { Labels } from "../../../../src/mesh/kubernetes.ts";
import type { ClusterEvidence, Quota } from "../../../../src/upgrade/evidence/cluster-evidence.ts";
import type { WorkloadWords } from "../../../fixtures/mesh.ts";
import { mission, planOf, said } from "../../../fixtures/plan.ts";
import { pod } from "../../../fixtures/pods.ts";

const quota = (hard: Labels, used: Labels, scoped = false): Quota => ({
  namespace: "production",
  name: "team",
  hard,
  used,
  scoped,
});
const runs = ["default", "default", "default"];
const web: WorkloadWords = { namespace: "production", name: "web", runs };
const api: WorkloadWords = { namespace: "production", name: "api", runs };
const slack = { type: "RollingUpdate", maxSurge: 1, maxUnavailable: 1, partition: 0 } as const;
const inPlace = { type: "RollingUpdate", maxSurge: 0, maxUnavailable: 1, partition: 0 } as const;
const podUsage = new Map<string, Labels>(
  [web, api].flatMap(({ name }) =>
    [0, 1, 2].map(
      (index) => [`uid-of-${name}-${index}`, { "requests.cpu": "600m", "limits.memory": "256Mi" }] as const,
    ),
  ),
);
podUsage.set("uid-of-web-1", { "requests.cpu": "600m", "requests.memory": "300Mi", "limits.memory": "256Mi" });
const surging = { type: "RollingUpdate", maxSurge: 2, maxUnavailable: 1, partition: 0 } as const;
const strange: WorkloadWords = { ...web, name: "strange" };
const nobody = ["quota unknown production/ResourceQuota/team"];
const hangs = ["quota blocker production/Deployment/web"];
const together = ["quota warning production/ResourceQuota/team"];

const table: readonly (readonly [what: string, quota: Quota, workloads: readonly WorkloadWords[], findings: readonly string[]])[] = [
  ["room for one pod more", quota({ pods: "4" }, { pods: "3" }), [web], []],
  ["no room for one pod more", quota({ pods: "3" }, { pods: "3" }), [web], hangs],
  ["no room, counted by objects", quota({ "count/pods": "3" }, { "count/pods": "3" }), [web], hangs],
  ["no room, but a pod may be missing", quota({ pods: "3" }, { pods: "3" }), [{ ...web, strategy: slack }], together],
  ["no room, and none needed", quota({ pods: "3" }, { pods: "3" }), [{ ...web, strategy: inPlace }], []],
  ["room for one of two workloads", quota({ pods: "7" }, { pods: "6" }), [web, api], together],
  ["room for both", quota({ pods: "8" }, { pods: "6" }), [web, api], []],
  ["exactly enough CPU", quota({ "requests.cpu": "2400m" }, { "requests.cpu": "1800m" }), [web], []],
  ["a thousandth too little CPU", quota({ "requests.cpu": "2399m" }, { "requests.cpu": "1800m" }), [web], hangs],
  ["cpu, which means requests", quota({ cpu: "2" }, { cpu: "1800m" }), [web], hangs],
  ["fractions that add up", quota({ "requests.cpu": "0.9" }, { "requests.cpu": "0.3" }), [web], []],
  ["too little memory by limits", quota({ "limits.memory": "1Gi" }, { "limits.memory": "800Mi" }), [web], hangs],
  ["a resource of other objects", quota({ services: "1", "requests.storage": "1Gi", persistentvolumeclaims: "0" }, { services: "1", "requests.storage": "1Gi" }), [web], []],
  ["more used than there is, of what pods do not need", quota({ services: "1" }, { services: "2" }), [web], []],
  ["a quota that counts only some pods", quota({ pods: "3" }, { pods: "3" }, true), [web], ["quota warning production/Deployment/web"]],
  ["no room for a surge of two, of which one may wait", quota({ pods: "4" }, { pods: "3" }), [{ ...web, strategy: surging }], together],
  ["room for the largest of its pods", quota({ memory: "300Mi" }, {}), [web], []],
  ["no room for the largest of its pods", quota({ memory: "299Mi" }, {}), [web], hangs],
  ["no room for what none of its pods asks", quota({ "limits.cpu": "1" }, { "limits.cpu": "1" }), [web], []],
  ["a resource of other objects, pods not known", quota({ services: "1", "requests.storage": "1Gi" }, { services: "1", "requests.storage": "1Gi" }), [strange], []],
  ["a quantity that is none, where no pod is made", quota({ pods: "many" }, {}), [{ ...web, strategy: inPlace }], []],
  ["a used quantity that is none", quota({ pods: "9" }, { pods: "many" }), [web], nobody],
  ["pods of which some are not known", quota({ "requests.cpu": "9" }, {}), [web, strange], nobody],
  ["a quota elsewhere", { ...quota({ pods: "3" }, { pods: "3" }), namespace: "shop" }, [web], []],
  ["a quantity that is none", quota({ pods: "many" }, {}), [web], ["quota unknown production/ResourceQuota/team"]],
  ["pods whose needs are not known", quota({ "requests.cpu": "9" }, {}), [{ ...web, name: "strange" }], ["quota unknown production/ResourceQuota/team"]],
]; // biome-ignore format: a table

for (const [what, each, workloads, findings] of table) {
  test(`quota: ${what}`, () => {
    assert.deepEqual(
      said(planOf(mission({ workloads }), { surroundings: { quotas: [each], podUsage } }), "quota"),
      findings,
    );
  });
}

test("quota: what is used of it is told, and what cannot be computed can be skipped", () => {
  const told = (each: Quota, workloads: readonly WorkloadWords[], skipCheck: readonly string[] = []) =>
    planOf(mission({ workloads }), { surroundings: { quotas: [each], podUsage }, skipCheck }).findings.map(({ severity, message }) => `${severity}: ${message}`);
  assert.match(told(quota({ memory: "299Mi" }, {}), [web])[0] ?? "", /no room \(memory: 0 of 299Mi used\)$/);
  assert.match(told(quota({ pods: "7" }, { pods: "6" }), [web, api])[0] ?? "", /^warning: the rollouts of web and api do not all have room at once \(pods: 6 of 7 used\)/);
  assert.match(told(quota({ pods: "many" }, {}), [web], ["quota"])[0] ?? "", /^warning: its pods cannot be computed/);
}); // biome-ignore format: one line of words

test("quota: a workload without room can be left", () => {
  const surroundings = { quotas: [quota({ pods: "3" }, { pods: "3" })] };
  assert.deepEqual(
    said(planOf(mission({ workloads: [web] }), { surroundings, leave: ["production/deployment/web"] }), "quota"),
    [],
  );
});

const autoscaler = (current: number, kind = "Deployment", name = "web", namespace = "production") => ({
  autoscalers: [{ namespace, name: "web", target: { kind, name }, max: 3, current }],
});
const budget = (allowed: number, app = "web", namespace = "production") => ({
  disruptionBudgets: [{ namespace, name: "web", selector: { matchLabels: { app } }, allowed }],
});
const every = { disruptionBudgets: [{ namespace: "production", name: "all", selector: {}, allowed: 0 }] };
const rollout: WorkloadWords = {
  ...web,
  kind: "Rollout",
  strategy: { type: "RolloutRestart", maxUnavailable: 1 },
  status: {
    desired: 3,
    observedGeneration: 1,
    replicas: 3,
    updated: 3,
    ready: 3,
    available: 3,
    currentRevision: undefined,
    updateRevision: undefined,
    phase: "Healthy",
    restartedAt: undefined,
    conditions: [],
  },
};

const others: readonly (readonly [what: string, surroundings: Partial<ClusterEvidence>, workload: WorkloadWords, check: string, findings: readonly string[]])[] = [
  ["an autoscaler with room", autoscaler(2), web, "autoscalers", []],
  ["an autoscaler at its maximum", autoscaler(3), web, "autoscalers", ["autoscalers warning production/Deployment/web"]],
  ["an autoscaler of something else", autoscaler(3, "StatefulSet"), web, "autoscalers", []],
  ["an autoscaler of its kind and another name", autoscaler(3, "Deployment", "api"), web, "autoscalers", []],
  ["an autoscaler of its namesake elsewhere", autoscaler(3, "Deployment", "web", "shop"), web, "autoscalers", []],
  ["a budget with room", budget(1), web, "disruption-budgets", []],
  ["a budget of nothing, which a Deployment does not ask", budget(0), web, "disruption-budgets", ["disruption-budgets warning production/Deployment/web"]],
  ["a budget of nothing, which stops Argo", budget(0), rollout, "disruption-budgets", ["disruption-budgets blocker production/Rollout/web"]],
  ["a budget of other pods", budget(0, "api"), web, "disruption-budgets", []],
  ["a budget of its namesakes elsewhere", budget(0, "web", "shop"), web, "disruption-budgets", []],
  ["a budget of every pod, those without labels too", every, { ...web, template: { spec: { containers: [{ name: "app" }] } } }, "disruption-budgets", ["disruption-budgets warning production/Deployment/web"]],
]; // biome-ignore format: a table

for (const [what, surroundings, workload, check, findings] of others) {
  test(`${check}: ${what}`, () => {
    assert.deepEqual(said(planOf(mission({ workloads: [workload] }), { surroundings }), check), findings);
  });
}

test("pods-scheduled: the pods that wait for a node are told, and no others", () => {
  const pending = (name: string, change = {}) =>
    pod("production", name, null, { phase: "Pending", node: undefined, ...change });
  const others = [
    pending("starting", { node: "node-1" }),
    pending("gone", { terminating: true }),
    pending("ended", { phase: "Failed" }),
  ];
  const told = (...names: readonly string[]) =>
    planOf(mission({ pods: [...names.map((name) => pending(name)), ...others] }))
      .findings.filter(({ check }) => check === "pods-scheduled")
      .map(({ severity, object, message }) => [severity, object, message.split(":")[0]]);
  assert.deepEqual(told(), []);
  assert.deepEqual(told("a"), [["warning", "namespace/production", "1 pod waits for a node already (a)"]]);
  assert.deepEqual(told("a", "b"), [["warning", "namespace/production", "2 pods wait for a node already (a and b)"]]);
});
