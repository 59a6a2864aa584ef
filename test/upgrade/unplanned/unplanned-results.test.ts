/** What a run with `-A` came to where pods of another revision are in no plan. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { migrationResult, nothingToDoResult, plannedResult } from "../../../src/upgrade/migration-result.ts";
import { notBegun, type StepOutcome } from "../../../src/upgrade/plan/outcome.ts";
import { stepsOf } from "../../../src/upgrade/plan/plan.ts";
import { stepKey } from "../../../src/upgrade/plan/step.ts";
import { unplannedSince } from "../../../src/upgrade/unplanned/unplanned-since.ts";
import { migrationView } from "../../../src/views/migration-view.ts";
import type { MeshWords } from "../../fixtures/mesh.ts";
import { mission, planOf, request } from "../../fixtures/plan.ts";
import { pod } from "../../fixtures/pods.ts";

const production = { name: "production", labels: { "istio-injection": "enabled" } };
const words: MeshWords = {
  namespaces: [production, { name: "legacy" }],
  workloads: [{ namespace: "production", name: "web", runs: ["default", "default"] }],
  pods: [pod("legacy", "lonely", "default")],
};
const asked = { namespaces: "all", from: "default" } as const;
const repeated = { request: request(asked), clusterFlags: [], meshFlags: [], ownFlags: [] };
const ended = (plan: ReturnType<typeof planOf>) => {
  const outcomes = new Map(
    stepsOf(plan).map((step) => [stepKey(step), { ...notBegun, state: "proven" } as StepOutcome]),
  );
  const end = { outcomes, failure: undefined, interruptedCode: undefined, timedOut: false };
  return migrationResult(plan, end, plan.findings, repeated);
};

test("every step proven is not done while pods are in no plan", () => {
  const result = ended(planOf(mission(words), asked));
  assert.deepEqual([result.state, result.exitCode, result.failure], ["partial", 4, undefined]);
  assert.equal(result.goOn, "kubectl mesh-migrate -A --to 1-20 --from default");
  const text = migrationView(result);
  assert.match(
    text,
    /^NOT IN THE PLAN +OBJECTS +PODS +ON +BECAUSE\nnamespace\/legacy +pod\/lonely +1 +default +nothing injects there/m,
  );
  assert.match(text, /^not done: .*, 0 workloads did not; 1 pod of legacy is in no plan and stays$/m);
});

test("left by name, it is done, and said", () => {
  const result = ended(planOf(mission(words), { ...asked, leave: ["legacy/*/*"] }));
  assert.deepEqual([result.state, result.exitCode, result.unplanned], ["done", 0, []]);
  assert.match(
    migrationView(result),
    /^legacy\/pod\/lonely +stays on default: its namespace is not in the plan +--leave$/m,
  );
});

test("what an installer deployed keeps no run from being done, and is said", () => {
  const pods = [pod("legacy", "edge", "default", { proxy: { kind: "static-gateway" } })];
  const plan = planOf(mission({ ...words, pods }), asked);
  assert.deepEqual([ended(plan).state, plan.findings], ["done", []]);
  assert.match(migrationView(ended(plan)), /^namespace\/legacy +pod\/edge +1 +default +an installer deployed it/m);
  const planned = plannedResult(plan, [], repeated);
  assert.match(
    migrationView(planned, {}, plan),
    /^namespace\/legacy +pod\/edge +1 +default +an installer deployed it/m,
  );
  assert.equal(nothingToDoResult(plan, [], []).unplanned?.length, 1);
});

test("a plan shows what opted out", () => {
  const out = { namespace: "production", name: "out", podLabels: { "sidecar.istio.io/inject": "false" }, runs: [null] };
  const plan = planOf(mission({ ...words, workloads: [...(words.workloads ?? []), out] }), asked);
  assert.match(
    migrationView(plannedResult(plan, [], repeated), {}, plan),
    /^NOT INJECTED +BECAUSE\nproduction\/deployment\/out +the pod has sidecar.istio.io\/inject=false$/m,
  );
});

test("what came up elsewhere during the run is found, and what was said before is not said again", () => {
  const plan = planOf(mission(words), asked);
  const since = (change: MeshWords) =>
    unplannedSince(plan, mission({ ...words, ...change }), request(asked)).map(
      ({ object, reason }) => `${object.namespace}/${object.kind}/${object.name}: ${reason}`,
    );
  assert.deepEqual(since({}), []);
  const late = {
    namespaces: [...(words.namespaces ?? []), { ...production, name: "late" }],
    pods: [pod("late", "new", "default")],
  };
  assert.deepEqual(since(late), [
    "late/Pod/new: it came up on default while the run was on, in a namespace that is not in the plan",
  ]);
});
