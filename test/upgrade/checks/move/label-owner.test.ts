import assert from "node:assert/strict";
import test from "node:test";
import { type NamespaceWords, ownInjector, tagInjector } from "../../../fixtures/mesh.ts";
import { mission, planOf, said } from "../../../fixtures/plan.ts";

type Change = Partial<NamespaceWords>;
const written = (...managers: readonly string[]): Change => ({
  labelManagers: managers.map((manager) => ({ manager, labels: ["istio-injection"] })),
});
const applied = {
  "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify({
    metadata: { labels: { "istio-injection": "enabled" } },
  }),
};
const tracking = { "argocd.argoproj.io/tracking-id": "shop:/Namespace:default/production" };
const flux = { "kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system" };
const helm = { "meta.helm.sh/release-name": "base", "meta.helm.sh/release-namespace": "ops" };
const labels = { "istio-injection": "enabled" };
const profile = { group: "kubeflow.org", kind: "Profile", name: "alice", controller: true };

const table: readonly (readonly [what: string, change: Change, severity: string | undefined, words?: RegExp])[] = [
  ["nobody", {}, undefined],
  ["kubectl label", written("kubectl-label"), undefined],
  ["kubectl create", written("kubectl-create"), undefined],
  ["an earlier migration", written("mesh-migrate"), undefined],
  ["Argo CD", { ...written("argocd-controller"), annotations: tracking }, "blocker", /Argo CD application shop .*no istio-injection, and istio.io\/rev: 1-20/],
  ["Argo CD of earlier days, tracking by label", { ...written("argocd-application-controller"), labels: { ...labels, "app.kubernetes.io/instance": "shop" } }, "blocker", /application shop /],
  ["Argo CD's mark above what kubectl applied for it", { ...written("kubectl-client-side-apply"), annotations: { ...tracking, ...applied } }, "blocker", /application shop /],
  ["Argo CD's mark on a namespace whose label somebody set by hand", { ...written("kubectl-label"), annotations: tracking }, undefined],
  ["Argo CD's mark where the server does not say who wrote the label", { annotations: tracking }, "blocker", /application shop /],
  ["Flux", { ...written("kustomize-controller"), labels: { ...labels, ...flux } }, "blocker", /Flux object flux-system\/apps/],
  ["Flux's Helm controller", { ...written("helm-controller"), labels: { ...labels, "helm.toolkit.fluxcd.io/name": "base", "helm.toolkit.fluxcd.io/namespace": "flux-system" } }, "blocker", /Flux object flux-system\/base/],
  ["Flux's Helm controller without its marks", written("helm-controller"), "blocker", /Flux object that keeps this namespace/],
  ["Flux's mark without a namespace", { ...written("kustomize-controller"), labels: { ...labels, "kustomize.toolkit.fluxcd.io/name": "apps" } }, "blocker", /Flux object apps and let/],
  ["half of Flux's mark", { ...written("kustomize-controller"), labels: { ...labels, "kustomize.toolkit.fluxcd.io/namespace": "flux-system" } }, "blocker", /Flux object that keeps this namespace/],
  ["Flux without its marks", written("kustomize-controller"), "blocker", /Flux object that keeps this namespace/],
  ["Helm", { ...written("helm"), annotations: helm }, "blocker", /Helm release ops\/base/],
  ["Helm by another name of its binary", { ...written("helm3"), annotations: helm }, "blocker", /Helm release ops\/base/],
  ["Helm within another program", { ...written("terraform-provider-helm_v2.12.1_x5"), annotations: helm }, "blocker", /Helm release ops\/base/],
  ["Helm that made the namespace and said nothing on the label", { ...written("kubectl-label"), annotations: helm }, undefined],
  ["Argo CD by its own label for the name", { ...written("argocd-controller"), labels: { ...labels, "argocd.argoproj.io/instance": "shop", "app.kubernetes.io/instance": "base" } }, "blocker", /application shop /],
  ["Argo CD by its short name", written("argocd"), "blocker", /application that keeps this namespace/],
  ["a tool that has Argo CD's name in its own", written("my-argocd-sync"), "warning", /does not put them back/],
  ["a tool that has Helm's name in its own", written("myhelm"), "warning", /does not put them back/],
  ["a tool that has a person's program in its name", written("not-kubectl"), "warning", /does not put them back/],
  ["another's controller that is named almost like Flux's", written("kustomize-controller-2"), "warning", /does not put them back/],
  ["another's controller that ends like Flux's", written("my-kustomize-controller"), "warning", /does not put them back/],
  ["Argo CD's mark, where a program and a person wrote the label", { ...written("kubectl-label", "terraform"), annotations: tracking }, "blocker", /application shop /],
  ["one of several", { ...written("kubectl-label", "argocd-controller"), annotations: tracking }, "blocker", /application shop /],
  ["kubectl apply", { ...written("kubectl-client-side-apply"), annotations: applied }, "warning", /change the manifest/],
  ["Config Sync", written("configsync.gke.io"), "blocker", /^change the labels in the source that Config Sync syncs \(no istio-injection, and istio.io\/rev: 1-20\)/],
  ["Capsule", written("projectcapsule.dev/controller"), "blocker", /Tenant of Capsule/],
  ["a composite of Crossplane", written("apiextensions.crossplane.io/composed/ef08"), "blocker", /Crossplane/],
  ["Crossplane's provider for Kubernetes", written("crossplane-kubernetes-provider"), "blocker", /Crossplane/],
  // rancher/fleet#5460: the agent deletes every label of the namespace that its bundle does not have
  ["Fleet's agent", written("fleetagent"), "blocker", /bundle of Fleet/],
  ["Fleet's agent by server-side apply", written("fleet-agent-namespace-metadata"), "blocker", /bundle of Fleet/],
  ["the work agent of Open Cluster Management", written("work-agent"), "blocker", /ManifestWork/],
  ["a controller under the name of controller-runtime's projects", written("manager"), "blocker", /takes the labels/],
  ["a controller, where a person wrote the label too", written("kubectl-label", "manager"), "blocker", /takes the labels/],
  ["another's manager", written("case-manager"), "warning", /does not put them back/],
  ["kapp, which is also a person's tool", written("kapp"), "warning", /does not put them back/],
  // cybozu-go/accurate#84: a controller without a name of its own; who it is cannot be told
  ["a Go client without a name", written("Go-http-client"), "warning", /does not put them back/],
  ["pulumi", written("pulumi-kubernetes-31df3088"), "warning", /does not put them back/],
  ["a Profile of Kubeflow", { ...written("manager"), owner: profile }, "blocker", /takes the labels/],
  ["a Profile of Kubeflow, where the server does not say who wrote the label", { owner: profile }, "blocker", /^have the controller of Profile\/alice of kubeflow.org write the new labels \(no istio-injection/],
  ["a Profile of Kubeflow by another name of its controller", { ...written("profile-controller"), owner: profile }, "blocker", /Profile\/alice/],
  ["a Profile of Kubeflow whose label a person set since", { ...written("kubectl-label"), owner: profile }, "warning", /does not put them back/],
  ["an owner that is no controller", { ...written("kubectl-label"), owner: { ...profile, controller: false } }, undefined],
  ["another tool", written("Terraform"), "warning", /does not put them back/],
  ["an application's label alone", { ...written("kubectl-label"), labels: { ...labels, "app.kubernetes.io/instance": "shop" } }, undefined],
  ["a manifest that is none", { ...written("kubectl-label"), annotations: { ...tracking, "kubectl.kubernetes.io/last-applied-configuration": "{" } }, undefined],
]; // biome-ignore format: a table

for (const [what, change, severity, words] of table) {
  test(`label-owner: ${what}: ${severity ?? "nothing"}`, () => {
    const mesh = mission({ namespaces: [{ name: "production", labels, ...change }] });
    const found = planOf(mesh).findings.filter(({ check }) => check === "label-owner");
    assert.deepEqual(
      found.map((finding) => [finding.severity, finding.object]),
      severity === undefined ? [] : [[severity, "namespace/production"]],
    );
    if (words) assert.match(found[0]?.remedy ?? "", words);
    if (severity === "blocker") assert.deepEqual(found[0]?.accept, { flag: "--skip-check", value: "label-owner" });
  });
}

test("label-owner: who owns a label that is not written does not matter", () => {
  const moved = { "istio.io/rev": "1-20" };
  const labelManagers = [{ manager: "argocd-controller", labels: ["istio.io/rev"] }];
  const mesh = mission({ namespaces: [{ name: "production", labels: moved, labelManagers }] });
  assert.deepEqual(said(planOf(mesh), "label-owner"), []);
});

const both = { "istio-injection": "enabled", "istio.io/rev": "1-19" };
const owned = (mine: Readonly<Record<string, string>>, change: Change) =>
  planOf(
    mission({
      injectors: [...ownInjector("1-20"), ...ownInjector("1-19"), ...tagInjector("default", "default")],
      namespaces: [{ name: "production", labels: mine, ...change }],
    }),
  ).findings.find(({ check }) => check === "label-owner");
const helmOn = (...keys: readonly string[]): Change => ({ labelManagers: [{ manager: "helm", labels: keys }] });
const manifest = (mine: object | undefined): Change => ({
  ...written("kubectl-client-side-apply"),
  annotations: { "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify({ metadata: mine }) },
});
const inWords: readonly (readonly [what: string, labels: Readonly<Record<string, string>>, change: Change, message: RegExp | undefined, remedy?: RegExp])[] = [
  ["both labels", both, helmOn("istio-injection", "istio.io/rev"), /^Helm keeps istio-injection and istio.io\/rev of this namespace and would put them back$/, /\(no istio-injection, and istio.io\/rev: 1-20\)/],
  ["Flux", labels, written("kustomize-controller"), /^Flux keeps istio-injection of this namespace/],
  ["the revision label, which is kept as it is", { ...both, "istio.io/rev": "1-20" }, helmOn("istio.io/rev"), /injection labels were written by helm/],
  ["a label that is not there", labels, helmOn("istio.io/rev"), /injection labels were written by helm/],
  ["one of the two that it wrote", labels, helmOn("istio.io/rev", "istio-injection"), /^Helm keeps istio-injection of this namespace and would put it back$/],
  ["the one of the two labels that changes", both, { ...helmOn("istio.io/rev"), annotations: helm }, /^Helm keeps istio-injection and istio.io\/rev of/],
  ["a manifest with the label", labels, manifest({ labels }), /^istio-injection stands in the manifest .* put it back$/],
  ["a manifest with both labels", both, manifest({ labels: both }), /^istio-injection and istio.io\/rev stand in the manifest/],
  ["a manifest with one of two labels, under a keeper's mark", both, { ...manifest({ labels }), annotations: { ...manifest({ labels }).annotations, ...tracking } }, /^Argo CD keeps istio-injection and istio.io\/rev/],
  ["a manifest with a label that is not there", labels, manifest({ labels: { "istio.io/rev": "1-19" } }), undefined],
  ["a manifest without labels", labels, manifest({}), undefined],
  ["a manifest of nothing", labels, manifest(undefined), undefined],
]; // biome-ignore format: a table

for (const [what, mine, change, message, remedy] of inWords) {
  test(`label-owner, in words: ${what}`, () => {
    const finding = owned(mine, change);
    if (message === undefined) assert.equal(finding, undefined);
    else assert.match(finding?.message ?? "", message);
    if (remedy) assert.match(finding?.remedy ?? "", remedy);
  });
}

test("label-owner: the revision label is owned like the other", () => {
  const labelManagers = [{ manager: "helm", labels: ["istio.io/rev"] }];
  const mesh = mission({
    namespaces: [{ name: "production", labels: { "istio.io/rev": "1-19" }, labelManagers }],
    injectors: [...ownInjector("1-20"), ...ownInjector("1-19"), ...tagInjector("default", "default")],
  });
  const [finding] = planOf(mesh).findings.filter(({ check }) => check === "label-owner");
  assert.match(finding?.message ?? "", /Helm keeps istio.io\/rev of this namespace/);
  assert.match(finding?.remedy ?? "", /\(istio.io\/rev: 1-20\)/);
});
