import assert from "node:assert/strict";
import test from "node:test";
import type { ContainerSpec, Labels } from "../../../../src/mesh/kubernetes.ts";
import { preflightInjectionChecks } from "../../../../src/upgrade/checks/preflight/preflight-injection.ts";
import { type MeshWords, ownInjector, plane, tagInjector, type WorkloadWords } from "../../../fixtures/mesh.ts";
import { mission } from "../../../fixtures/plan.ts";
import { pod } from "../../../fixtures/pods.ts";
import { type Around, findings, found, healthy, node } from "./node-facts.ts";

const web: WorkloadWords = { namespace: "production", name: "web", runs: ["default", "default"] };
const template = (
  containers: readonly ContainerSpec[],
  { annotations = {}, labels = {}, ...spec }: { annotations?: Labels; labels?: Labels; hostNetwork?: boolean } = {},
): WorkloadWords => ({
  ...web,
  template: { metadata: { labels: { app: "web", ...labels }, annotations }, spec: { containers, ...spec } },
});
const app: ContainerSpec = { name: "app", image: "shop/web:7" };
const proxy = (change: Partial<ContainerSpec>): WorkloadWords =>
  template([app, { name: "istio-proxy", image: "auto", ...change }]);
const variable = (name: string, value: string) => proxy({ env: [{ name, value }] });
const olds = {
  controlPlanes: [plane("1-20"), plane("default", { version: "1.19.0" }), plane("1-18", { version: "1.18.7" })],
};
const third: WorkloadWords = { namespace: "production", name: "old", runs: ["1-18"] };

const noted = ["native-sidecars note revision/1-20"];
const kept = ["own-proxy-settings warning production/Deployment/web"];
const target = (version: string, setting?: string): Pick<Around, "nodes"> & MeshWords => ({
  controlPlanes: [
    plane("1-20", { version, ...(setting === undefined ? {} : { nativeSidecars: setting }) }),
    plane("default", { version: "1.19.0" }),
  ],
  nodes: healthy,
});
const kubelets = (...versions: readonly string[]) =>
  versions.map((kubelet, index) => node(`node-${index}`, { kubelet }));
const native = (
  { nodes, ...words }: Pick<Around, "nodes"> & MeshWords,
  versions: readonly string[],
  workload: WorkloadWords = web,
): readonly [MeshWords, Around] => [
  { ...words, workloads: [workload] },
  { nodes: { ...nodes, nodes: kubelets(...versions) } },
];

const table: readonly (readonly [what: string, mesh: MeshWords, around: Around, findings: readonly string[]])[] = [
  ["a healthy mesh", {}, {}, []],
  ["no mesh to move", { workloads: [] }, {}, []],

  ["an own webhook that a later install activated beside the default tag", { injectors: [...ownInjector("1-20"), ...tagInjector("default", "default"), ...ownInjector("default")] }, {}, ["overlapping-injectors warning MutatingWebhookConfiguration/istio-revision-tag-default"]],
  ["a tag of a revision's name", { injectors: [...tagInjector("1-20", "1-20"), ...ownInjector("1-20"), ...ownInjector("default")] }, {}, ["overlapping-injectors warning MutatingWebhookConfiguration/istio-revision-tag-1-20"]],
  ["several webhooks that select different pods", { injectors: [...ownInjector("1-20"), ...tagInjector("prod", "1-20"), ...tagInjector("default", "default")] }, {}, []],

  ["three revisions among the pods", { ...olds, workloads: [web, third, { namespace: "production", name: "new", runs: ["1-20"] }] }, {}, ["revisions-gathered warning revision/1-20"]],
  ["three revisions, one of them of a namespace only", { ...olds, workloads: [web, third], namespaces: [{ name: "production", labels: { "istio-injection": "enabled" } }, { name: "shop", labels: { "istio.io/rev": "1-20" } }] }, {}, ["revisions-gathered warning revision/1-20"]],
  ["a third revision of a pod that has ended", { workloads: [web], pods: [pod("shop", "job", "1-18", { phase: "Succeeded" }), pod("shop", "new", "1-20")] }, {}, []],
  ["a third revision of a pod that is going", { workloads: [web], pods: [pod("shop", "gone", "1-18", { terminating: true }), pod("shop", "new", "1-20")] }, {}, []],
  ["a ztunnel of its own revision", { workloads: [web], pods: [pod("istio-system", "ztunnel", "1-18", { proxy: { kind: "ztunnel" } }), pod("shop", "new", "1-20")] }, {}, []],

  ["a template that names the old revision", { workloads: [template([app], { labels: { "istio.io/rev": "default" } })] }, {}, ["pod-labels note label/istio.io/rev"]],
  ["a template that names the target", { workloads: [template([app], { labels: { "istio.io/rev": "1-20" } })] }, {}, []],
  ["a template that names the target by its tag", { workloads: [template([app], { labels: { "istio.io/rev": "prod" } })] }, { to: "prod" }, []],

  ["a template with an image of the proxy", { workloads: [proxy({ image: "docker.io/istio/proxyv2:1.19.0" })] }, {}, kept],
  ["a template with the target's own image", { workloads: [proxy({ image: "docker.io/istio/proxyv2:1.20.0" })] }, {}, []],
  ["a template with an image by its digest", { workloads: [proxy({ image: "docker.io/istio/proxyv2@sha256:00" })] }, {}, kept],
  ["a template that sets the resources of the proxy only", { workloads: [proxy({})] }, {}, []],
  ["a template with the old certificate authority", { workloads: [variable("CA_ADDR", "istiod.istio-system.svc:15012")] }, {}, kept],
  ["a template with the target's certificate authority", { workloads: [variable("CA_ADDR", "istiod-1-20.istio-system.svc:15012")] }, {}, []],
  ["a template with the old istiod", { workloads: [variable("PROXY_CONFIG", '{"discoveryAddress":"istiod.istio-system.svc:15012"}')] }, {}, kept],
  ["a template with a setting of the proxy", { workloads: [variable("PROXY_CONFIG", '{"concurrency":2}')] }, {}, []],
  ["a native proxy in the template", { workloads: [{ ...web, template: { spec: { containers: [app], initContainers: [{ name: "istio-proxy", image: "proxyv2:1.19.0", restartPolicy: "Always" }] } } }] }, {}, kept],

  ["a target that uses native sidecars where it can", ...native(target("1.28.2"), ["v1.33.1", "v1.34.0-eks-1"]), noted],
  ["a target that would, and an old kubelet", ...native(target("1.28.2"), ["v1.33.1", "v1.32.9"]), []],
  ["a target that would, and nodes that are not known", ...native(target("1.28.2"), []), []],
  ["a target that would, and a kubelet that says nothing", ...native(target("1.28.2"), ["v1.33.1", ""]), []],
  ["a target that is told not to", ...native(target("1.28.2", "false"), ["v1.33.1"]), []],
  ["a target that is told something else", ...native(target("1.28.2", "maybe"), ["v1.33.1"]), []],
  ["a target of before", ...native(target("1.26.4"), ["v1.33.1"]), []],
  ["a target of before that is told to", ...native(target("1.26.4", "true"), ["v1.29.0"]), noted],
  ["a target of before that is told something else", ...native(target("1.26.4", "auto"), ["v1.33.0"]), []],
  ["a target whose version is not known", ...native(target(""), ["v1.33.1"]), []],
  ["nodes that cannot", ...native(target("1.20.0", "true"), ["v1.29.0", "v1.28.9"]), ["native-sidecars warning node/node-1", ...noted]],
  ["nodes that cannot, and no native sidecars", ...native(target("1.20.0"), ["v1.28.9"]), []],
  ["a workload that asks for it", ...native(target("1.28.2"), ["v1.32.0"], template([app], { annotations: { "sidecar.istio.io/nativeSidecar": "true" } })), noted],
  ["a workload that asks for it, of a target that does not look", ...native(target("1.20.0"), ["v1.32.0"], template([app], { annotations: { "sidecar.istio.io/nativeSidecar": "true" } })), []],
  ["a workload that refuses it", ...native(target("1.28.2"), ["v1.33.0"], template([app], { annotations: { "sidecar.istio.io/nativeSidecar": "false" } })), []],
  ["a gateway, which has another template", ...native(target("1.28.2"), ["v1.33.0"], { ...web, gateway: true }), []],
  ["native sidecars that stay", ...native(target("1.28.2"), ["v1.33.0"], { ...web, proxy: { native: true } }), []],
  ["native sidecars that go", ...native(target("1.20.0"), ["v1.33.0"], { ...web, proxy: { native: true } }), noted],

  ["a pod on the network of its node", { workloads: [web, { ...template([app], { hostNetwork: true }), name: "agent", kind: "DaemonSet", runs: [null], injection: { kind: "none", reason: "hostNetwork" } }] }, {}, ["host-network note hostNetwork"]],
]; // biome-ignore format: a table

for (const [what, mesh, around, said] of table)
  test(`injection: ${what}`, () => {
    assert.deepEqual(found(preflightInjectionChecks, mission(mesh), { nodes: healthy, ...around }), said);
  });

test("native sidecars of a target that is not installed, or whose istiod is elsewhere, are not judged", () => {
  const [mesh, around] = native(target("1.28.2"), ["v1.33.1"]);
  assert.deepEqual(found(preflightInjectionChecks, mission(mesh), { ...around, installed: false }), []);
  const elsewhere = [plane("1-20", { deployment: undefined }), plane("default", { version: "1.19.0" })];
  assert.deepEqual(found(preflightInjectionChecks, mission({ ...mesh, controlPlanes: elsewhere }), around), []);
});

const remedy = (mesh: MeshWords): string | undefined =>
  findings(preflightInjectionChecks, mission(mesh), { nodes: healthy })[0]?.remedy;

test("of two webhooks that overlap, the remedy keeps the one that has the last word today", () => {
  const own = ownInjector("default");
  assert.match(
    remedy({ injectors: [...ownInjector("1-20"), ...tagInjector("default", "1-20"), ...own] }) ?? "",
    /^istioctl tag set default --revision default --overwrite/,
  );
  const tag = tagInjector("1-20", "1-20");
  assert.match(remedy({ injectors: [...tag, ...ownInjector("1-20"), ...own] }) ?? "", /^istioctl tag remove 1-20 /);
  const copy = ownInjector("1-20").map((each) => ({ ...each, configuration: "zz-copy" }));
  assert.match(
    remedy({ injectors: [...ownInjector("1-20"), ...own, ...copy] }) ?? "",
    /^kubectl delete mutatingwebhookconfiguration istio-sidecar-injector-1-20 \(zz-copy selects all its pods/,
  );
  assert.match(
    remedy({ injectors: [...ownInjector("1-20"), ...own, ...copy.slice(0, 1)] }) ?? "",
    /^take away the installation that is no longer used/,
  );
});

test("selectors that say the same in another order select the same pods", () => {
  const turned = ownInjector("1-20").map((each) => ({
    ...each,
    configuration: "zz-copy",
    entry: {
      ...each.entry,
      namespaceSelector: { matchExpressions: each.entry.namespaceSelector?.matchExpressions?.toReversed() ?? [] },
    },
  }));
  assert.deepEqual(
    found(
      preflightInjectionChecks,
      mission({ injectors: [...ownInjector("1-20"), ...ownInjector("default"), ...turned] }),
    ),
    ["overlapping-injectors warning MutatingWebhookConfiguration/istio-sidecar-injector-1-20"],
  );
});

test("pods are gathered on the newest old revision that runs", () => {
  const three = { workloads: [web, third, { namespace: "production", name: "new", runs: ["1-20"] }] };
  assert.equal(
    remedy({ ...olds, ...three }),
    "gather first, then start: kubectl mesh-migrate -A --from 1-18 --to default",
  );
  const dead = plane("default", { version: "1.19.0", readyReplicas: 0 });
  assert.equal(
    remedy({ ...three, controlPlanes: [plane("1-20"), dead, plane("1-18", { version: "1.18.7" })] }),
    "gather first, then start: kubectl mesh-migrate -A --from default --to 1-18",
  );
  assert.equal(
    remedy({ ...three, controlPlanes: [plane("1-20")] }),
    "gather the pods on one of the old revisions first, then start",
  );
});
