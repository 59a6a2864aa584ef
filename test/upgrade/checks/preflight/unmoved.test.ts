import assert from "node:assert/strict";
import test from "node:test";
import type { Pod } from "../../../../src/mesh/model.ts";
import type { ConfigEvidence } from "../../../../src/upgrade/preflight/evidence/config-evidence.ts";
import { brief, mission } from "../../../fixtures/plan.ts";
import { ownedBy, pod } from "../../../fixtures/pods.ts";
import { configFindings } from "../../../fixtures/preflight-config.ts";

const found = (config: Partial<ConfigEvidence>) => configFindings(mission(), { config });

const jobPod = (name: string, job: string, change: Partial<Omit<Pod, "proxy">> = {}): Pod =>
  pod("production", name, "default", { owner: ownedBy("batch", "Job", job), ...change });

test("jobs-running: one note for all running Jobs", () => {
  const [finding, ...others] = configFindings(
    mission({ pods: [jobPod("a-1", "a"), jobPod("a-2", "a"), jobPod("b-1", "b")] }),
  );
  assert.deepEqual(others, []);
  assert.deepEqual(brief(finding ? [finding] : []), ["jobs-running note jobs"]);
  assert.match(
    finding?.message ?? "",
    /^2 Jobs with 3 running pods \(production\/a and production\/b\) stay on default/,
  );
  const run = pod("production", "run-x", "default", { owner: ownedBy("tekton.dev", "TaskRun", "run") });
  const [mixed] = configFindings(mission({ pods: [jobPod("a-1", "a"), run] }));
  assert.match(mixed?.message ?? "", /^2 objects that end by themselves with 2 running pods/);
  const [alone] = configFindings(mission({ pods: [run] }));
  assert.match(alone?.message ?? "", /^1 TaskRun with 1 running pod \(production\/run\) stay/);
  assert.deepEqual(configFindings(mission({ pods: [jobPod("a-1", "a", { phase: "Succeeded" })] })), []);
});

const entry = (name: string, group?: string, namespace = "production") => ({ namespace, name, group });

test("virtual-machines: proxies that registered themselves are a warning, addresses and groups are notes", () => {
  const registered = found({ workloadEntries: [entry("a", "vms"), entry("b", "vms")], workloadGroups: [entry("vms")] });
  assert.deepEqual(brief(registered), ["virtual-machines warning workloadentries"]);
  assert.match(registered[0]?.message ?? "", /^2 proxies on machines .*\(production\/a and production\/b\)/);
  assert.match(registered[0]?.remedy ?? "", /--revision 1-20/);
  const byHand = found({ workloadEntries: [entry("a")] });
  assert.deepEqual(brief(byHand), ["virtual-machines note workloadentries"]);
  assert.match(byHand[0]?.message ?? "", /^1 WorkloadEntry made by hand/);
  assert.deepEqual(brief(found({ workloadGroups: [entry("vms")] })), ["virtual-machines note workloadgroups"]);
  const elsewhere = { workloadEntries: [entry("a", "vms", "shop")], workloadGroups: [entry("vms", undefined, "shop")] };
  assert.deepEqual(found(elsewhere), []);
});

test("remote-clusters: each cluster is named once", () => {
  const remoteClusters = [
    { revision: "default", clusters: ["east", "west"] },
    { revision: "1-20", clusters: ["east"] },
  ];
  const [finding, ...others] = found({ remoteClusters });
  assert.deepEqual(others, []);
  assert.equal(finding?.severity, "note");
  assert.match(finding?.message ?? "", /^the mesh has 2 clusters beside this one \(east and west\)/);
});

test("config-labelled: one warning for each kind of what the old control plane alone reads", () => {
  const object = (kind: string, name: string, revision: string) => ({ kind, namespace: "shop", name, revision });
  const labelled = [
    object("VirtualService", "a", "default"),
    object("VirtualService", "b", "default"),
    object("PeerAuthentication", "a", "default"),
    object("VirtualService", "c", "1-20"),
    object("VirtualService", "d", "prod"),
  ];
  const findings = found({ labelled });
  assert.deepEqual(brief(findings), [
    "config-labelled warning VirtualService",
    "config-labelled warning PeerAuthentication",
  ]);
  assert.match(findings[0]?.message ?? "", /^2 objects with label istio\.io\/rev=default \(shop\/a and shop\/b\)/);
  const moved = mission({
    namespaces: [{ name: "production", labels: { "istio.io/rev": "1-20" } }],
    workloads: [{ namespace: "production", name: "web", runs: ["1-20"] }],
  });
  assert.deepEqual(configFindings(moved, { config: { labelled } }), []);
});

test("leftovers: the revisions and the command that looks at them", () => {
  const [finding, ...others] = found({ leftovers: [{ revision: "1-18", objects: 7 }] });
  assert.deepEqual(others, []);
  assert.equal(finding?.severity, "note");
  assert.match(finding?.message ?? "", /of 1 revision without an istiod are still there: 1-18 \(7 objects\)$/);
  assert.match(finding?.remedy ?? "", /kubectl mesh-cleanup --leftovers --check-only$/);
  assert.deepEqual(found({ leftovers: [{ revision: "1-20", objects: 1 }] }), []);
});
