/** What a rollback refuses, and what it only warns of. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Injector } from "../../../../src/mesh/model.ts";
import { before, stamp } from "../../../fixtures/instants.ts";
import { ownInjector, plane, tag, tagInjector } from "../../../fixtures/mesh.ts";
import { assertAnnounced, brief } from "../../../fixtures/plan.ts";
import { pod } from "../../../fixtures/pods.ts";
import {
  doneRecord,
  journalOf,
  labelsWritten,
  movedWorkload,
  type RollbackWords,
  rollbackOf,
  rollbackRecords,
  runRecord,
} from "../../../fixtures/rollback.ts";
import { dead } from "../../../fixtures/sound-mesh.ts";

const of = "namespace/production";
const old = (change: object) => ({
  controlPlanes: [plane("1-20"), plane("default", { version: "1.19.0", ...change })],
});
const withInjectors = (change: Partial<Injector>) => ({
  injectors: [...ownInjector("1-20"), ...tagInjector("default", "default").map((each) => ({ ...each, ...change }))],
});
const tagged = doneRecord({
  before: { "istio-injection": null, "istio.io/rev": "prod" },
  from: { revision: "1-19", deploymentUid: "uid-of-istiod-1-19" },
});
/** Tag prod, which was on 1-19, was moved to 1-20; `--pin` needs the webhook of 1-19 itself. */
const movedTag = (own: boolean) => ({
  controlPlanes: [plane("1-20"), plane("1-19")],
  injectors: [...ownInjector("1-20"), ...tagInjector("prod", "1-20"), ...(own ? ownInjector("1-19") : [])],
  tags: [tag("prod", "1-20")],
});

const cases: readonly (readonly [what: string, RollbackWords, readonly string[]])[] = [
  ["a namespace that was migrated", {}, []],
  ["one that does not exist", { namespaces: ["nosuch"] }, ["places-exist blocker namespace/nosuch"]],
  ["no record", { record: null }, [`put-back note ${of}`]],
  ["no record anywhere", { record: null, namespaces: [] }, []],
  ["a record of a later release", { record: JSON.stringify({ ...doneRecord(), version: 2 }) }, [`undo-record blocker ${of}`]],
  ["a torn record", { record: '{"version":1' }, [`undo-record blocker ${of}`]],
  ["a record of another namespace", { record: doneRecord({ namespaceUid: "other" }) }, [`undo-record blocker ${of}`]],
  ["a record without a time", { record: doneRecord({ stamp: "soon" }) }, [`undo-record blocker ${of}`]],
  ["a torn journal", { journal: { kind: "malformed", reason: "it is not JSON" } }, [`journal blocker ${of}`]],
  ["a torn journal, and no record", { journal: { kind: "malformed", reason: "it is not JSON" }, record: null }, [`journal blocker ${of}`]],
  ["a journal of another cluster", { journal: { kind: "journal", journal: { version: 1, clusterUid: "other", namespaceUid: "uid-of-production", runs: [] } } }, [`journal blocker ${of}`]],
  ["a journal of another namespace", { journal: { kind: "journal", journal: { version: 1, clusterUid: "cluster", namespaceUid: "other", runs: [] } } }, [`journal blocker ${of}`]],
  ["a journal of another cluster, and no record", { record: null, journal: { kind: "journal", journal: { version: 1, clusterUid: "other", namespaceUid: "uid-of-production", runs: [] } } }, [`journal blocker ${of}`]],
  ["a journal of another namespace, and no record", { record: null, journal: { kind: "journal", journal: { version: 1, clusterUid: "cluster", namespaceUid: "other", runs: [] } } }, [`journal blocker ${of}`]],
  ["journals that cannot be listed", { journalsUnlisted: "forbidden" }, ["journal warning ConfigMap/kubectl-mesh"]],
  ["journals that cannot be read", { journalsUnread: "forbidden" }, ["journal unknown ConfigMap/kubectl-mesh"]],
  ["the record was removed, and its run was done", { record: null, journal: journalOf(runRecord()) }, [`undo-record-there blocker ${of}`]],
  ["the record was removed, and its run is open", { record: null, journal: journalOf(runRecord({ state: "open" })) }, [`undo-record-there blocker ${of}`]],
  ["no record, and an open run that changed nothing yet", { record: null, labels: { "istio-injection": "enabled" }, journal: journalOf(runRecord({ state: "open", workloads: [] })) }, [`put-back note ${of}`]],
  ["no record, and the run was undone", { record: null, journal: journalOf(runRecord({ state: "undone" })) }, [`put-back note ${of}`]],
  ["no record, and a rollback of the run came last", { record: null, journal: journalOf(runRecord(), runRecord({ run: "r2", verb: "rollback", undoes: "r1", state: "open" })) }, [`put-back note ${of}`]],
  ["the last run, by its id", { run: "r1" }, []],
  ["a run that another one followed", { run: "r0", journal: journalOf(runRecord({ run: "r0" }), runRecord()) }, [`last-run blocker ${of}`]],
  ["a run that was not here", { run: "r7" }, [`put-back note ${of}`]],
  ["a run that nobody knows", { run: "r7", runKnown: false, namespaces: "all" }, ["last-run blocker run/r7"]],
  ["a run that began before --to-before", { toBefore: "2026-11-03T04:05:07Z" }, [`put-back note ${of}`]],
  ["a run that began at --to-before", { toBefore: stamp }, []],
  ["labels that somebody changed", { labels: { "istio.io/rev": "theirs" } }, [`labels-unchanged blocker ${of}`]],
  ["a label beside those of the run", { labels: { "istio.io/rev": "1-20", "istio-injection": "disabled" } }, [`labels-unchanged blocker ${of}`]],
  ["labels that are back already", { labels: { "istio-injection": "enabled" } }, []],
  ["labels of a rollback with --pin that was begun", { labels: { "istio.io/rev": "default" }, journal: journalOf(runRecord(), runRecord({ run: "r2", verb: "rollback", undoes: "r1", after: { "istio-injection": null, "istio.io/rev": "default" } })) }, []],
  ["labels that the run wrote, as its journal has them", { labels: { "istio.io/rev": "odd" }, journal: journalOf(runRecord({ after: { ...labelsWritten, "istio.io/rev": "odd" } })) }, []],
  ["the old control plane was created again", { mesh: old({ deployment: { name: "istiod", uid: "new" } }) }, ["old-control-plane blocker revision/default"]],
  ["the old control plane came after the record", { record: doneRecord({ from: { revision: "default", deploymentUid: undefined } }) }, ["old-control-plane blocker revision/default"]],
  ["the old control plane has no istiod", { mesh: old(dead) }, ["target-ready blocker revision/default"]],
  ["the old control plane is not ready", { mesh: old({ readyReplicas: 0 }) }, ["target-ready blocker revision/default"]],
  ["the old control plane and its webhook are gone", { mesh: { controlPlanes: [plane("1-20")], injectors: ownInjector("1-20") } }, ["old-control-plane blocker revision/default", `labels-lead-back blocker ${of}`]],
  ["the webhook without a CA bundle", { mesh: withInjectors({ caBundle: false }) }, ["target-ca-bundle blocker MutatingWebhookConfiguration/istio-revision-tag-default"]],
  ["the webhook without endpoints", { mesh: withInjectors({ readyEndpoints: 0 }) }, ["target-endpoints blocker istio-system/Service/istiod"]],
  ["an istiod of the old revision that does not answer", { mesh: { silent: ["istio-system/istiod-7f-abc"] } }, ["istiods-answer unknown istiod istio-system/istiod-7f-abc"]],
  ["an istiod of the revision that is left: it may be what failed", { mesh: { silent: ["istio-system/istiod-1-20-7f-abc"] } }, []],
  ["the tag was moved", { record: tagged, mesh: movedTag(true) }, [`labels-lead-back blocker ${of}`]],
  ["the tag was moved, with --pin", { record: tagged, mesh: movedTag(true), pin: true }, []],
  ["Helm keeps the label", { mesh: { namespaces: [{ name: "production", labels: { "istio.io/rev": "1-20" }, annotations: { "kubectl-mesh/undo": JSON.stringify(doneRecord()) }, labelManagers: [{ manager: "helm", labels: ["istio.io/rev"] }] }] } }, [`label-owner blocker ${of}`]],
  ["unhealthy workloads go back first", { mesh: { workloads: [movedWorkload("web", { pod: { createdAt: "2026-11-03T04:06:06Z", ready: false } })] } }, []],
  ["a single replica", { mesh: { workloads: [movedWorkload("web", { runs: ["1-20"], strategy: { type: "Recreate" } })] } }, ["downtime blocker production/Deployment/web"]],
  ["a single replica that may be down", { mesh: { workloads: [movedWorkload("web", { runs: ["1-20"], strategy: { type: "Recreate" } })] }, allowDowntime: ["deployment/web"] }, ["downtime warning production/Deployment/web"]],
  ["a paused workload", { mesh: { workloads: [movedWorkload("web", { paused: true })] } }, ["workloads-restartable blocker production/Deployment/web"]],
  ["a pod that nobody creates again", { mesh: { pods: [pod("production", "lonely", "1-20", { createdAt: "2026-11-03T04:06:06Z" })] } }, ["pods-owned blocker production/Pod/lonely"]],
  ["such a pod of before the run", { mesh: { pods: [pod("production", "lonely", "1-20", { createdAt: before })] } }, []],
  ["--leave names nothing", { leave: ["deployment/wed"] }, ["names-exist blocker --leave deployment/wed"]],
  ["a policy that reads the label only warns", { surroundings: { readers: [{ kind: "NetworkPolicy", namespace: "shop", name: "from-new", where: "its ingress", selector: { matchLabels: { "istio.io/rev": "1-20" } } }] } }, ["network-policies warning shop/NetworkPolicy/from-new"]],
  ["the old revision would not see the namespace", { surroundings: { discovery: [{ revision: "default", configMap: "istio", selectors: [{ matchLabels: { "istio.io/rev": "1-20" } }] }] } }, ["discovery-selectors blocker istio"]],
  ["the revision that is left would not see it", { surroundings: { discovery: [{ revision: "1-20", configMap: "istio-1-20", selectors: [{ matchLabels: { "istio.io/rev": "1-20" } }] }] } }, []],
  ["quotas that cannot be read", { surroundings: { unknown: [{ check: "quota", subject: "quotas", reason: "forbidden", essential: true }] } }, ["quota unknown quotas"]],
  ["Services that cannot be read: who goes back waits for no probe", { surroundings: { unknown: [{ check: "readiness-probes", subject: "services", reason: "forbidden", essential: false }] } }, []],
  ["policies that cannot be read", { surroundings: { unknown: [{ check: "network-policies", subject: "networkpolicies", reason: "forbidden", essential: true }] } }, ["network-policies warning networkpolicies"]],
]; // biome-ignore format: a table

suite("a rollback finds", () => {
  for (const [what, words, expected] of cases)
    test(what, () => {
      const { findings } = rollbackOf(words);
      assert.deepEqual(brief(findings), expected);
      for (const finding of findings) {
        assert.notEqual(finding.accept?.flag, "--skip-check");
        const record = rollbackRecords.get(finding.check);
        if (record) assertAnnounced(finding, record);
      }
    });
});

test("a moved tag: the tag is to be moved back, or --pin, where that works", () => {
  const [offered] = rollbackOf({ record: tagged, mesh: movedTag(true) }).findings;
  assert.equal(
    offered?.remedy,
    "move the tag back: kubectl mesh-migrate --tag prod --to 1-19; or label the namespace with the revision itself: --pin",
  );
  assert.deepEqual(offered.accept, { flag: "--pin", value: "" });
  const [alone] = rollbackOf({ record: tagged, mesh: movedTag(false) }).findings;
  assert.deepEqual(
    [alone?.remedy, alone?.accept],
    ["move the tag back: kubectl mesh-migrate --tag prod --to 1-19", undefined],
  );
});

test("the labels that the journal has are told and not used", () => {
  const [lost] = rollbackOf({ record: null, journal: journalOf(runRecord()) }).findings;
  assert.match(lost?.message ?? "", /run r1 moved it from default to 1-20 .* they were istio-injection=enabled$/);
  assert.match(
    lost?.remedy ?? "",
    /kubectl label namespace production istio-injection=enabled istio\.io\/rev- --overwrite/,
  );
  assert.deepEqual(rollbackOf({ record: null, journal: journalOf(runRecord()) }).plan.stages, []);
});

test("what somebody changed stops nothing else", () => {
  const namespace = (name: string, rev: string) => ({
    name,
    labels: { "istio.io/rev": rev },
    annotations: { "kubectl-mesh/undo": JSON.stringify(doneRecord({ namespaceUid: `uid-of-${name}` })) },
  });
  const { findings, plan } = rollbackOf({
    namespaces: ["production", "shop"],
    mesh: { namespaces: [namespace("production", "1-20"), namespace("shop", "theirs")] },
  });
  assert.deepEqual(brief(findings), ["labels-unchanged warning namespace/shop"]);
  assert.deepEqual(plan.namespaces, ["production"]);
});
