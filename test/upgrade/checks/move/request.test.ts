import assert from "node:assert/strict";
import test from "node:test";
import type { Gateway } from "../../../../src/mesh/model.ts";
import { singleChecks } from "../../../../src/upgrade/checks/single-checks.ts";
import { brief, mission, planOf, said, stopping, type Wish } from "../../../fixtures/plan.ts";
import { ownedBy, pod } from "../../../fixtures/pods.ts";

const edge: Gateway = {
  namespace: "production",
  name: "edge",
  uid: "u",
  className: "istio",
  waypoint: false,
  pinned: "default",
};
const debug = pod("production", "debug", "default", { owner: ownedBy("apps.kruise.io", "CloneSet", "game") });
const mesh = mission({
  gateways: [edge, { ...edge, namespace: "shop", name: "other" }],
  pods: [debug, pod("shop", "other", "default")],
});

const table: readonly (readonly [wish: Wish, findings: readonly string[]])[] = [
  [{ leave: ["deploy/web", "po/debug", "cloneset/game"] }, []],
  [{ leave: ["deploy/wbe"] }, ["names-exist blocker --leave deploy/wbe"]],
  [{ leave: ["shop/po/other"] }, ["names-exist blocker --leave shop/po/other"]],
  [{ leave: ["gateway/edge"] }, ["names-exist blocker --leave gateway/edge"]],
  [{ leave: ["web"] }, ["names-exist blocker --leave web"]],
  [{ leave: ["sts/*", "*/*"] }, []],
  [{ allowDowntime: ["gateway/edge", "deployment/web"] }, []],
  [{ allowDowntime: ["sts/db"] }, ["names-exist blocker --allow-downtime sts/db"]],
  [{ allowDowntime: ["gateway/other"] }, ["names-exist blocker --allow-downtime gateway/other"]],
  [{ allowDowntime: ["a/b/c/d"] }, ["names-exist blocker --allow-downtime a/b/c/d"]],
]; // biome-ignore format: a table

for (const [wish, findings] of table) {
  test(`names-exist: ${JSON.stringify(wish)}`, () => {
    assert.deepEqual(said(planOf(mesh, wish), "names-exist"), findings);
  });
}

test("names-exist: the name that was meant is offered", () => {
  const [finding] = planOf(mesh, { leave: ["deployment/wbe"] }).findings;
  assert.match(finding?.message ?? "", /did you mean deployment\/web\?/);
});

test("--skip-check takes only the ids of checks, and skips only what proposes it", () => {
  const wrong = planOf(mesh, { skipCheck: ["quotas"] });
  assert.equal(brief(wrong.findings)[0], "skip-check-known blocker --skip-check quotas");
  assert.match(wrong.findings[0]?.message ?? "", /no check has this id, did you mean quota\?/);
  const plan = planOf(
    mission({ workloads: [{ namespace: "production", name: "web", runs: ["default"], paused: true }] }),
    {
      skipCheck: ["workloads-restartable"],
    },
  );
  assert.deepEqual(brief(stopping(plan)), ["workloads-restartable blocker production/Deployment/web"]);
});

test("--skip-check knows the checks that the API server answers, too", () => {
  for (const { id } of singleChecks)
    assert.deepEqual(said(planOf(mesh, { skipCheck: [id] }), "skip-check-known"), [], id);
});

test("evidence: what could not be read of the mesh is unknown, and nothing accepts that", () => {
  const torn = {
    ...mission({ silent: ["istio-system/istiod-7f-abc"] }),
    unknown: [
      { subject: "pods in namespace production", reason: "forbidden" },
      { subject: "istiod istio-system/istiod-7f-abc", reason: "no answer" },
      { subject: "istiod pods", reason: "forbidden" },
    ],
  };
  const plan = planOf(torn);
  assert.deepEqual(said(plan, "evidence"), [
    "evidence unknown pods in namespace production",
    "evidence unknown istiod pods",
  ]);
  assert.deepEqual(said(plan, "istiods-answer").length, 1);
});

test("evidence: what a check lacks stands under its name, and can be skipped by it", () => {
  const unknown = [
    { subject: "networkpolicies", reason: "forbidden", check: "network-policies", essential: true },
    { subject: "autoscalers", reason: "forbidden", check: "autoscalers", essential: false },
  ];
  assert.deepEqual(brief(planOf(mission(), { surroundings: { unknown } }).findings), [
    "network-policies unknown networkpolicies",
    "autoscalers warning autoscalers",
  ]);
  assert.deepEqual(stopping(planOf(mission(), { surroundings: { unknown }, skipCheck: ["network-policies"] })), []);
});
