import assert from "node:assert/strict";
import test from "node:test";
import type { Application } from "../../../../src/upgrade/preflight/evidence/config-evidence.ts";
import type { MeshWords, WorkloadWords } from "../../../fixtures/mesh.ts";
import { brief, mission } from "../../../fixtures/plan.ts";
import { configFindings } from "../../../fixtures/preflight-config.ts";

const app = (change: Partial<Application> = {}): Application => ({
  ...{ namespace: "argocd", name: "shop", automated: true, selfHeal: true, replaces: false },
  ...{ managed: undefined, owns: [] },
  ...change,
});
const web = { kind: "Deployment", namespace: "production", name: "web" };
const itsNamespace = { kind: "Namespace", namespace: "production", name: "production" };
const labelled = (labels: Record<string, string>, change: Partial<Application> = {}): Application =>
  app({ managed: { namespace: "production", labels }, ...change });
const of = (check: string, applications: readonly Application[], mesh: MeshWords = {}): readonly string[] =>
  brief(configFindings(mission(mesh), { config: { applications } }).filter((finding) => finding.check === check));

const injected = { "istio-injection": "enabled" };
const keptByArgo: MeshWords = {
  namespaces: [{ name: "production", labels: injected, labelManagers: [{ manager: "argocd-controller", labels: ["istio-injection"] }] }],
}; // biome-ignore format: one line
const moved: MeshWords = { namespaces: [{ name: "production", labels: { "istio.io/rev": "1-20" } }] };
const reverts = ["gitops-reverts warning argocd/Application/shop"];

const table: readonly (readonly [what: string, app: Application, findings: readonly string[], mesh?: MeshWords])[] = [
  ["an Application that heals itself and owns nothing here", app(), []],
  ["it declares the old label", labelled(injected), reverts],
  ["it declares another revision", labelled({ "istio.io/rev": "1-19" }, { selfHeal: false, automated: false }), reverts],
  ["it declares the new label already", labelled({ "istio.io/rev": "1-20" }), []],
  ["it declares other labels", labelled({ team: "shop" }), []],
  ["it declares the label of another namespace", app({ managed: { namespace: "shop", labels: injected } }), []],
  ["nothing is written", labelled(injected), [], moved],
  ["it owns the namespace and keeps its label", app({ owns: [itsNamespace] }), reverts, keptByArgo],
  ["it owns the namespace, whose label somebody else set", app({ owns: [itsNamespace] }), []],
  ["it keeps the label, without healing", app({ owns: [itsNamespace], selfHeal: false }), [], keptByArgo],
  ["it declares the label and keeps it: said once", labelled(injected, { owns: [itsNamespace] }), reverts, keptByArgo],
  ["it owns another namespace", app({ owns: [{ ...itsNamespace, name: "shop" }] }), [], keptByArgo],
  ["it owns what is restarted, and patches", app({ owns: [web] }), []],
  ["it replaces what is restarted", app({ owns: [web], replaces: true }), reverts],
  ["it replaces what is restarted, when told to", app({ owns: [web], replaces: true, automated: false, selfHeal: false }), []],
  ["it replaces what is not restarted", app({ owns: [{ ...web, name: "x" }], replaces: true }), []],
]; // biome-ignore format: a table

for (const [what, application, findings, mesh] of table) {
  test(`gitops-reverts: ${what}`, () => assert.deepEqual(of("gitops-reverts", [application], mesh), findings));
}

test("gitops-reverts says what to write instead, and when it would come back", () => {
  const [healing] = configFindings(mission(), { config: { applications: [labelled(injected)] } });
  assert.match(healing?.message ?? "", /says istio-injection=enabled for namespace production, .* by itself/);
  assert.match(healing?.remedy ?? "", /\(no istio-injection, istio\.io\/rev: 1-20\)/);
  const [told] = configFindings(mission(), { config: { applications: [labelled(injected, { selfHeal: false })] } });
  assert.match(told?.message ?? "", /at its next sync/);
});

const workload = (name: string, change: Partial<WorkloadWords> = {}): WorkloadWords => ({
  ...{ namespace: "production", name, runs: ["default", "default"] },
  ...change,
});
const flux = { "kustomize.toolkit.fluxcd.io/namespace": "flux", "kustomize.toolkit.fluxcd.io/name": "apps" };

test("template-owners: one note for each owner with the number of its workloads, the largest first", () => {
  const mesh = mission({
    workloads: [
      workload("web"),
      workload("a", { labels: flux }),
      workload("b", { labels: flux }),
      workload("c", { annotations: { "meta.helm.sh/release-namespace": "production", "meta.helm.sh/release-name": "c" } }),
      workload("d", { annotations: { "argocd.argoproj.io/tracking-id": "pay:apps/Deployment:production/d" } }),
      workload("e", { labels: { "app.kubernetes.io/instance": "e" } }),
      workload("there", { labels: flux, runs: ["1-20"] }),
    ],
  }); // biome-ignore format: a table
  const found = configFindings(mesh, { config: { applications: [app({ owns: [web] })] } });
  assert.deepEqual(brief(found), [
    "template-owners note Flux object flux/apps",
    "template-owners note Argo CD application pay",
    "template-owners note Argo CD application shop",
    "template-owners note Helm release production/c",
  ]);
  assert.match(found[0]?.message ?? "", /^it writes 2 workloads .*\(production\/a and production\/b\).* by 'kubectl rollout restart' back/);
  assert.match(found[3]?.message ?? "", /^it writes 1 workload .*; it leaves the restart of mesh-migrate alone$/);
  const replacing = configFindings(mesh, { config: { applications: [app({ owns: [web], replaces: true })] } });
  assert.match(replacing.find(({ object }) => object === "Argo CD application shop")?.message ?? "", /takes a restart back when it syncs/);
}); // biome-ignore format: long expressions

test("template-owners: very many owners are counted in one note", () => {
  const names = Array.from({ length: 30 }, (_, index) => `w${index}`);
  const workloads = names.map((name) => workload(name, { annotations: { "meta.helm.sh/release-name": name } }));
  const found = configFindings(mission({ workloads }));
  assert.equal(found.length, 11);
  assert.match(found.at(-1)?.message ?? "", /^20 more write 20 workloads .* and 17 more$/);
});
