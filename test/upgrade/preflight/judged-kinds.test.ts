/** Which restarts are tried: all that somebody could judge one by one, and of the rest one of each kind and namespace. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { WebhookRule } from "../../../src/mesh/kubernetes.ts";
import type { RestartStep } from "../../../src/upgrade/plan/step.ts";
import { judgedKinds, restartsToTry } from "../../../src/upgrade/preflight/judged-kinds.ts";

const rule = (rest: WebhookRule): WebhookRule => ({
  ...{ apiGroups: ["apps"], apiVersions: ["v1"], operations: ["UPDATE"], resources: ["deployments"] },
  ...rest,
});
const all = ["Deployment", "StatefulSet", "DaemonSet", "Rollout"];

const cases: readonly (readonly [what: string, rules: readonly WebhookRule[], kinds: readonly string[]])[] = [
  ["no rule", [], []],
  ["its updates", [rule({})], ["Deployment"]],
  ["creations alone", [rule({ operations: ["CREATE"] })], []],
  ["every operation", [rule({ operations: ["*"] })], ["Deployment"]],
  ["another group", [rule({ apiGroups: ["extensions"] })], []],
  ["every group", [rule({ apiGroups: ["*"], resources: ["*"] })], all],
  ["every resource of the group", [rule({ resources: ["*/*"] })], ["Deployment", "StatefulSet", "DaemonSet"]],
  ["a subresource alone", [rule({ resources: ["deployments/scale"] })], []],
  ["Rollouts", [rule({ apiGroups: ["argoproj.io"], resources: ["rollouts"] })], ["Rollout"]],
  ["pods, as Istio's injector", [rule({ apiGroups: [""], operations: ["CREATE"], resources: ["pods"] })], []],
  ["two rules", [rule({}), rule({ resources: ["daemonsets"] })], ["Deployment", "DaemonSet"]],
  ["a rule without anything", [{}], []],
];
for (const [what, rules, expected] of cases) test(what, () => assert.deepEqual([...judgedKinds(rules)], expected));

const step = (namespace: string, kind: string, name: string): RestartStep =>
  ({ workload: { kind, namespace, name } }) as RestartStep;
const names = (steps: readonly RestartStep[]): readonly string[] =>
  steps.map(({ workload }) => `${workload.namespace}/${workload.kind}/${workload.name}`);

test("all of a judged kind, and of another the first in each namespace", () => {
  const steps = [
    ...[step("a", "Deployment", "x"), step("a", "Deployment", "y"), step("a", "StatefulSet", "x")],
    ...[step("a", "StatefulSet", "y"), step("b", "Deployment", "x"), step("b", "StatefulSet", "x")],
  ];
  assert.deepEqual(names(restartsToTry(steps, new Set(["StatefulSet"]))), [
    ...["a/Deployment/x", "a/StatefulSet/x", "a/StatefulSet/y", "b/Deployment/x", "b/StatefulSet/x"],
  ]);
  assert.deepEqual(restartsToTry(steps, new Set(["StatefulSet", "Deployment"])).length, steps.length);
});
