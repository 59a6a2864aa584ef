import assert from "node:assert/strict";
import test from "node:test";
import type { Labels } from "../../../src/mesh/kubernetes.ts";
import type { Quota, Surroundings } from "../../../src/upgrade/surroundings.ts";
import { pod, type WorkloadWords } from "../../mesh/mesh-scene.ts";
import { mission, planOf, said } from "../builders.ts";

const quota = (hard: Labels, used: Labels, scoped = false): Quota => ({ namespace: "production", name: "team", hard, used, scoped });
const runs = ["default", "default", "default"];
const web: WorkloadWords = { namespace: "production", name: "web", runs };
const api: WorkloadWords = { namespace: "production", name: "api", runs };
const slack = { type: "RollingUpdate", maxSurge: 1, maxUnavailable: 1, partition: 0 } as const;
const inPlace = { type: "RollingUpdate", maxSurge: 0, maxUnavailable: 1, partition: 0 } as const;
const podUsage = new Map(
  [web, api].flatMap(({ name }) =>
    [0, 1, 2].map((index) => [`uid-of-${name}-${index}`, { "requests.cpu": "600m", "limits.memory": "256Mi" }] as const),
  ),
);
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
  ["a quota elsewhere", { ...quota({ pods: "3" }, { pods: "3" }), namespace: "shop" }, [web], []],
  ["a quantity that is none", quota({ pods: "many" }, {}), [web], ["quota unknown production/ResourceQuota/team"]],
  ["pods whose needs are not known", quota({ "requests.cpu": "9" }, {}), [{ ...web, name: "strange" }], ["quota unknown production/ResourceQuota/team"]],
]; // biome-ignore format: a table

for (const [what, each, workloads, findings] of table) {
  test(`quota: ${what}`, () => {
    assert.deepEqual(said(planOf(mission({ workloads }), { surroundings: { quotas: [each], podUsage } }), "quota"), findings);
  });
}

test("quota: a workload without room can be left", () => {
  const surroundings = { quotas: [quota({ pods: "3" }, { pods: "3" })] };
  assert.deepEqual(said(planOf(mission({ workloads: [web] }), { surroundings, leave: ["production/deployment/web"] }), "quota"), []);
});

const autoscaler = (current: number, kind = "Deployment") => ({
  autoscalers: [{ namespace: "production", name: "web", target: { kind, name: "web" }, max: 3, current }],
});
const budget = (allowed: number, app = "web") => ({
  disruptionBudgets: [{ namespace: "production", name: "web", selector: { matchLabels: { app } }, allowed }],
});
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

const others: readonly (readonly [what: string, surroundings: Partial<Surroundings>, workload: WorkloadWords, check: string, findings: readonly string[]])[] = [
  ["an autoscaler with room", autoscaler(2), web, "autoscalers", []],
  ["an autoscaler at its maximum", autoscaler(3), web, "autoscalers", ["autoscalers warning production/Deployment/web"]],
  ["an autoscaler of something else", autoscaler(3, "StatefulSet"), web, "autoscalers", []],
  ["a budget with room", budget(1), web, "disruption-budgets", []],
  ["a budget of nothing, which a Deployment does not ask", budget(0), web, "disruption-budgets", ["disruption-budgets warning production/Deployment/web"]],
  ["a budget of nothing, which stops Argo", budget(0), rollout, "disruption-budgets", ["disruption-budgets blocker production/Rollout/web"]],
  ["a budget of other pods", budget(0, "api"), web, "disruption-budgets", []],
]; // biome-ignore format: a table

for (const [what, surroundings, workload, check, findings] of others) {
  test(`${check}: ${what}`, () => {
    assert.deepEqual(said(planOf(mission({ workloads: [workload] }), { surroundings }), check), findings);
  });
}

test("pods-scheduled: a pod that waits for a node is told", () => {
  const pods = [pod("production", "waiting", null, { phase: "Pending", node: undefined })];
  assert.deepEqual(said(planOf(mission({ pods })), "pods-scheduled"), ["pods-scheduled warning namespace/production"]);
});
