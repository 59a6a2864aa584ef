/** What a journal is to say of a run before it begins. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { migrationDrafts, templateHash } from "../../../src/upgrade/plan/run-drafts.ts";
import { mission, planOf } from "../../fixtures/plan.ts";
import { undoRecord } from "../../fixtures/runs.ts";

const draftOf = (mesh = mission(), wish = {}) => migrationDrafts(planOf(mesh, wish), mesh).get("production");

test("of each namespace its UID, its labels before and after, and from where to where", () => {
  const { uid, draft } = draftOf(mission(), { to: "prod" }) ?? assert.fail();
  const { workloads: _, ...rest } = draft;
  assert.deepEqual(
    [uid, rest],
    [
      "uid-of-production",
      {
        ...{ verb: "migrate", undoes: undefined, from: "default", to: "1-20", label: "prod", resumed: undefined },
        before: { "istio-injection": "enabled", "istio.io/rev": null },
        after: { "istio-injection": null, "istio.io/rev": "prod" },
      },
    ],
  );
});

describe("of each workload that is restarted", () => {
  const workloads = [
    {
      namespace: "production",
      name: "web",
      runs: ["default", "default"],
      restartedAt: "2026-01-01T00:00:00Z",
      podLabels: { "pod-template-hash": "7f" },
    },
    {
      namespace: "production",
      name: "mixed",
      runs: ["default", "1-20"],
      podLabels: { "controller-revision-hash": "mixed-1" },
    },
    { namespace: "production", name: "moved", runs: ["1-20", "1-20"] },
    { namespace: "production", name: "idle", runs: [] },
  ];
  const { draft } = draftOf(mission({ workloads })) ?? assert.fail();
  const found = new Map(draft.workloads.map((each) => [each.name, each]));

  test("its UID, stamp, revisions and templates before", () =>
    assert.deepEqual(found.get("web"), {
      ...{ kind: "Deployment", name: "web", uid: "uid-of-web", stampBefore: "2026-01-01T00:00:00Z", from: ["default"] },
      ...{ templates: ["7f"], stamp: undefined, state: "planned" },
    }));
  test("all revisions of its pods", () => {
    const { from = [], templates, stampBefore } = found.get("mixed") ?? assert.fail();
    assert.deepEqual([[...from].sort(), templates, stampBefore], [["1-20", "default"], ["mixed-1"], null]);
  });
  test("and of no other", () => assert.deepEqual([...found.keys()].sort(), ["mixed", "web"]));
});

test("an unfinished run is gone on with: its id, its stamp, and the labels that it found", () => {
  const record = undoRecord({ before: { "istio-injection": null, "istio.io/rev": "old" } });
  const namespaces = [
    {
      ...{ name: "production", labels: { "istio.io/rev": "prod" } },
      annotations: { "kubectl-mesh/undo": JSON.stringify(record) },
    },
  ];
  const { draft } = draftOf(mission({ namespaces }), { to: "prod" }) ?? assert.fail();
  assert.deepEqual([draft.resumed, draft.before], [{ run: "a1", stamp: record.stamp }, record.before]);
});

for (const [labels, expected] of [
  [{ "pod-template-hash": "a", "controller-revision-hash": "b" }, "a"],
  [{ "controller-revision-hash": "b" }, "b"],
  [{}, undefined],
] as const)
  test(`pods with ${JSON.stringify(labels)} have the template ${expected}`, () =>
    assert.equal(templateHash({ labels }), expected));
