import assert from "node:assert/strict";
import test from "node:test";
import type { UndoRecord } from "../../../../src/upgrade/record/undo-record.ts";
import { undoText } from "../../../../src/upgrade/record/undo-record.ts";
import { type MeshWords, ownInjector, plane, tagInjector } from "../../../fixtures/mesh.ts";
import { mission, planOf } from "../../../fixtures/plan.ts";

const planes = (old: string | undefined, to: string | undefined): MeshWords => ({
  controlPlanes: [plane("1-20", { version: to }), plane("default", { version: old })],
});
const record: UndoRecord = {
  version: 1, run: "r1", target: { label: "1-20", revision: "1-20", tag: undefined }, stamp: "2026-11-03T04:05:06Z", namespaceUid: "uid-of-production",
  before: { "istio-injection": "enabled", "istio.io/rev": null }, from: { revision: "default", deploymentUid: "uid-of-another" }, state: "open",
}; // biome-ignore format: one line of fields
const moved = { "istio.io/rev": "1-20" };

const table: readonly (readonly [what: string, change: MeshWords, to: string, check: string, severity: string | undefined, message?: RegExp])[] = [
  ["the old control plane is there", {}, "1-20", "way-back", undefined],
  ["it is gone", { controlPlanes: [plane("1-20")] }, "1-20", "way-back", "warning", /no way back: the control plane of revision default is gone/],
  ["only its webhook is left", { controlPlanes: [plane("1-20"), plane("default", { deployment: undefined })] }, "1-20", "way-back", "warning", /is gone/],
  ["it is not ready", { controlPlanes: [plane("1-20"), plane("default", { readyReplicas: 0 })] }, "1-20", "way-back", "warning", /no way back while no istiod of revision default is ready/],
  ["it was made anew since the run began", { namespaces: [{ name: "production", labels: moved, annotations: { "kubectl-mesh/undo": undoText(record) } }] }, "1-20", "way-back", "warning", /not the one it was/],
  ["it was gone when the run began, and is there again", { namespaces: [{ name: "production", labels: moved, annotations: { "kubectl-mesh/undo": undoText({ ...record, from: { revision: "default", deploymentUid: undefined } }) } }] }, "1-20", "way-back", undefined],
  ["the labels were changed before, and nothing can be restarted", { namespaces: [{ name: "production", labels: moved }], workloads: [{ namespace: "production", name: "web", runs: ["default"], paused: true }] }, "1-20", "way-back", undefined],
  ["the labels were changed before, and one of two workloads is there", { namespaces: [{ name: "production", labels: moved }], workloads: [{ namespace: "production", name: "api", runs: ["1-20"] }, { namespace: "production", name: "web", runs: ["default"] }] }, "1-20", "way-back", "note", /what they said before is not known/],
  ["the labels were changed before, under sidecars that do not say their revision", { namespaces: [{ name: "production", labels: moved }], workloads: [{ namespace: "production", name: "web", runs: ["default"], proxy: { revision: undefined } }] }, "1-20", "way-back", undefined],
  ["the tag was moved before", { namespaces: [{ name: "production", labels: { "istio.io/rev": "prod" } }] }, "prod", "way-back", "note", /move tag prod back first/],
  ["the labels were changed before", { namespaces: [{ name: "production", labels: moved }] }, "1-20", "way-back", "note", /what they said before is not known/],
  ["only the label changes", { namespaces: [{ name: "production", labels: { "istio.io/rev": "prod" } }], workloads: [{ namespace: "production", name: "web", runs: ["1-20"] }] }, "1-20", "way-back", "note", /only its label changes/],
  ["one minor release", planes("1.19.0", "1.20.0"), "1-20", "version-skew", undefined],
  ["two minor releases", planes("1.18.5", "1.20.0"), "1-20", "version-skew", undefined],
  ["three minor releases", planes("1.17.1", "1.20.0"), "1-20", "version-skew", "warning", /more than Istio promises/],
  ["another product's versions, as OpenShift Service Mesh 2 has", planes("1.24.3", "2.6.5"), "1-20", "version-skew", "note", /versions of different products/],
  ["an older target", planes("1.21.0", "1.20.0"), "1-20", "version-skew", "warning", /1.20.0 is older than 1.21.0/],
  ["another patch", planes("1.20.8", "1.20.0"), "1-20", "version-skew", undefined],
  ["a target whose version nobody says", planes("1.19.0", undefined), "1-20", "version-skew", "note", /1-20 does not say its version/],
  ["the target alone, whose version nobody says", { ...planes("1.19.0", undefined), namespaces: [{ name: "production", labels: { "istio.io/rev": "prod" } }], workloads: [{ namespace: "production", name: "web", runs: ["1-20"] }] }, "1-20", "version-skew", undefined],
  ["a version that nobody says", planes(undefined, "1.20.0"), "1-20", "version-skew", "note", /default does not say its version/],
]; // biome-ignore format: a table

for (const [what, change, to, check, severity, message] of table) {
  test(`${check}: ${what}`, () => {
    const found = planOf(mission(change), { to }).findings.filter((finding) => finding.check === check);
    assert.deepEqual(
      found.map((finding) => [finding.severity, finding.object]),
      severity === undefined ? [] : [[severity, check === "way-back" ? "namespace/production" : "revision/default"]],
    );
    if (message) assert.match(found[0]?.message ?? "", message);
  });
}

test("pods of a revision that is gone altogether move, and there is no way back", () => {
  const plan = planOf(
    mission({
      injectors: [...ownInjector("1-20"), ...tagInjector("default", "default")],
      namespaces: [{ name: "production", labels: { "istio.io/rev": "1-18" } }],
      workloads: [{ namespace: "production", name: "web", runs: ["1-18", "1-18"] }],
    }),
  );
  assert.deepEqual(
    plan.findings.filter(({ severity }) => severity === "blocker" || severity === "unknown"),
    [],
  );
  const [relabel] = plan.steps;
  assert.ok(relabel?.kind === "relabel");
  assert.deepEqual(relabel.from, { revision: "1-18", deploymentUid: undefined });
});
