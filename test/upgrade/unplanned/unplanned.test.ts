/** `-A` says everything: what it moves, and what runs the old revision and is not moved. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Injector } from "../../../src/mesh/model.ts";
import { type MeshWords, ownInjector, plane, tagInjector, type WorkloadWords } from "../../fixtures/mesh.ts";
import { brief, mission, type Planned, planOf, restarted, type Wish } from "../../fixtures/plan.ts";
import { pod } from "../../fixtures/pods.ts";

const enabled = { "istio-injection": "enabled" };
const two = ["default", "default"];
const web = (namespace: string, change: Partial<WorkloadWords> = {}): WorkloadWords => ({
  ...{ namespace, name: "web", runs: two },
  ...change,
});
const asking = { podLabels: { "sidecar.istio.io/inject": "true" } };
const ingress: Partial<WorkloadWords> = { name: "ingress", gateway: true, proxy: { kind: "gateway" } };
const shop: MeshWords = { namespaces: [{ name: "shop", labels: enabled }], workloads: [web("shop")] };
const all: Wish = { namespaces: "all", from: "default" };

/** The mesh of namespace shop, and this beside it. */
const beside = ({ namespaces = [], workloads = [], ...rest }: MeshWords, wish: Wish = all): Planned =>
  planOf(
    mission({
      namespaces: [...(shop.namespaces ?? []), ...namespaces],
      workloads: [...(shop.workloads ?? []), ...workloads],
      ...rest,
    }),
    wish,
  );

const listing = ({ unplanned = [] }: Planned): readonly string[] =>
  unplanned.map(
    ({ namespace, objects, pods, revisions, open }) =>
      `${namespace}: ${objects.map(({ kind, name }) => `${kind}/${name}`).join(", ")}: ${pods} on ${revisions.join(",") || "?"}${open ? "" : " (said)"}`,
  );

test("each namespace with pods on the old revision is in the plan or listed (the four of istiod's own list apart)", () => {
  const plan = beside(
    {
      namespaces: [
        { name: "kube-logging", labels: enabled },
        { name: "istio-system", labels: enabled },
        { name: "legacy" },
      ],
      workloads: [
        web("kube-logging", { name: "fluentd" }),
        web("istio-system", ingress),
        { namespace: "istio-system", name: "istiod", runs: [null], podLabels: { "sidecar.istio.io/inject": "false" } },
        web("legacy", asking),
      ],
    },
    { ...all, allowDowntime: ["istio-system/deployment/ingress"] },
  );
  assert.deepEqual(plan.namespaces, ["istio-system", "kube-logging", "shop"]);
  assert.deepEqual(restarted(plan).toSorted(), ["Deployment/fluentd (canary)", "Deployment/ingress", "Deployment/web"]);
  assert.deepEqual(
    plan.notInjected.map(({ object }) => object.name),
    ["istiod"],
  );
  assert.deepEqual(listing(plan), ["legacy: Deployment/web: 2 on default"]);
  assert.deepEqual(brief(plan.findings), [
    "pods-unplanned warning namespace/legacy",
    "gateway-workloads warning istio-system/Deployment/ingress",
  ]);
  const [finding] = plan.findings;
  assert.equal(
    finding?.message,
    "2 pods on default (legacy/deployment/web) stay there: no label of the namespace injects them, but the labels of their own templates do",
  );
  assert.equal(
    finding.remedy,
    "set istio.io/rev: 1-20 in the pod templates of deployment/web in namespace legacy, where they are kept; to leave them and be done: --leave 'legacy/*/*'",
  );
});

test("the gateway of the Istio namespace is asked about like any other", () => {
  const plan = beside({
    namespaces: [{ name: "istio-system", labels: enabled }],
    workloads: [web("istio-system", ingress)],
  });
  assert.deepEqual(brief(plan.findings), ["gateway-workloads blocker istio-system/Deployment/ingress"]);
  const named = beside(
    { namespaces: [{ name: "istio-system", labels: enabled }], workloads: [web("istio-system", ingress)] },
    { namespaces: ["istio-system"], allowDowntime: ["deployment/ingress"] },
  );
  assert.deepEqual(
    [named.namespaces, restarted(named), named.unplanned],
    [["istio-system"], ["Deployment/ingress"], undefined],
  );
});

/** The chart's entry for namespaces without labels (`sidecarInjectorWebhook.enableNamespacesByDefault`). */
const auto = (revision: string): readonly Injector[] => {
  const [first] = ownInjector(revision);
  assert.ok(first);
  const absent = ["istio-injection", "istio.io/rev"].map((key) => ({ key, operator: "DoesNotExist" }));
  const unset = ["sidecar.istio.io/inject", "istio.io/rev"].map((key) => ({ key, operator: "DoesNotExist" }));
  const four = { key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["kube-system"] };
  const entry = {
    ...first.entry,
    name: "auto.sidecar-injector.istio.io",
    namespaceSelector: { matchExpressions: [...absent, four] },
    objectSelector: { matchExpressions: unset },
  };
  return [{ ...first, entry }];
};
const byDefault = (change: MeshWords): MeshWords => ({
  injectors: [...ownInjector("1-20"), ...tagInjector("default", "default"), ...auto("default")],
  ...change,
});

suite("enableNamespacesByDefault (istio/istio#36258, #36261, #39604)", () => {
  const bare = byDefault({ namespaces: [{ name: "bare" }], workloads: [web("bare")] });

  test("a namespace without labels gets the revision's, and goes back to none", () => {
    for (const namespaces of ["all", ["bare"]] as const) {
      const plan = planOf(mission(bare), { namespaces });
      const [relabel] = plan.steps;
      assert.ok(relabel?.kind === "relabel");
      assert.deepEqual(relabel.before, { "istio-injection": null, "istio.io/rev": null });
      assert.deepEqual(relabel.after, { "istio-injection": null, "istio.io/rev": "1-20" });
      assert.equal(relabel.from.revision, "default");
      assert.deepEqual([restarted(plan), plan.findings], [["Deployment/web (canary)"], []]);
    }
  });

  test("a namespace that opted out stays out", () => {
    const out = { name: "out", labels: { "istio-injection": "disabled" } };
    const plan = planOf(mission(byDefault({ namespaces: [out], workloads: [web("out", { runs: [null] })] })), {
      namespaces: "all",
    });
    assert.deepEqual([plan.namespaces, plan.unplanned], [[], []]);
  });

  test("the Istio namespace with nothing but a control plane, and the four, get no label", () => {
    const namespaces = ["istio-system", "kube-system", "local-path-storage"].map((name) => ({ name }));
    const workloads = [
      web("istio-system", { name: "istiod", runs: [null], podLabels: { "sidecar.istio.io/inject": "false" } }),
      web("kube-system", { name: "dns", runs: [null] }),
    ];
    const plan = planOf(mission(byDefault({ namespaces, workloads })), { namespaces: "all" });
    assert.deepEqual(
      [plan.namespaces, plan.unplanned, brief(plan.findings)],
      [[], [], ["namespaces-exist note namespaces"]],
    );
  });

  test("two revisions that both inject by default are told apart by the webhooks: refused", () => {
    const both = { injectors: [...auto("1-20"), ...auto("default"), ...ownInjector("1-20")] };
    const plan = planOf(mission({ ...bare, ...both }), { namespaces: ["bare"] });
    assert.deepEqual(restarted(plan), ["Deployment/web (canary)"]);
    assert.deepEqual(brief(plan.findings), [], "after the label only the target's entry injects");
  });

  test("what cannot be told is not read as none", () => {
    const injectors = [
      ...ownInjector("1-20"),
      ...auto("default").map((each) => ({
        ...each,
        entry: { ...each.entry, matchConditions: [{ name: "x", expression: "true" }] },
      })),
    ];
    const plan = planOf(mission({ ...bare, injectors }), { namespaces: ["bare"] });
    assert.deepEqual(brief(plan.findings), ["label-served unknown namespace/bare"]);
  });
});

const job = (namespace: string) =>
  pod(namespace, "nightly-x", "default", {
    owner: { group: "batch", kind: "Job", name: "nightly", controller: true, uid: "uid-of-nightly" },
  });
const rows: readonly (readonly [what: string, change: MeshWords, list: readonly string[], reason: RegExp | undefined])[] = [
  ["pods that name a revision themselves (istio/istio#48317)", { namespaces: [{ name: "b" }], workloads: [web("b", { podLabels: { "istio.io/rev": "default" } })] }, ["b: Deployment/web: 2 on default"], /labels of their own templates/],
  ["an injected gateway of the gateway chart", { namespaces: [{ name: "b" }], workloads: [web("b", { ...ingress, ...asking })] }, ["b: Deployment/ingress: 2 on default"], /labels of their own templates/],
  ["a gateway of an installer, in a namespace that moves (istio/istio#42331)", { namespaces: [{ name: "b", labels: enabled }], workloads: [web("b", { name: "edge", gateway: true, proxy: { kind: "static-gateway" }, podLabels: { "sidecar.istio.io/inject": "false" } })] }, ["b: Deployment/edge: 2 on default (said)"], /an installer deployed it/],
  ["a waypoint", { namespaces: [{ name: "b" }], workloads: [web("b", { name: "way", gateway: true, proxy: { kind: "waypoint" } })] }, ["b: Deployment/way: 2 on default (said)"], /istiod deployed it/],
  ["ztunnel, which is part of an installation", { namespaces: [{ name: "istio-system" }], workloads: [web("istio-system", { kind: "DaemonSet", name: "ztunnel", proxy: { kind: "ztunnel" } })] }, [], undefined],
  ["a label that was taken away above sidecars", { namespaces: [{ name: "b" }], workloads: [web("b")] }, ["b: Deployment/web: 2 on default"], /nothing injects there any more/],
  ["both in one namespace", { namespaces: [{ name: "b" }], workloads: [web("b"), web("b", { name: "api", ...asking })] }, ["b: Deployment/api: 2 on default", "b: Deployment/web: 2 on default"], undefined],
  ["disabled, with sidecars from before", { namespaces: [{ name: "b", labels: { "istio-injection": "disabled" } }], workloads: [web("b")] }, ["b: Deployment/web: 2 on default"], /istio-injection=disabled keeps every sidecar out/],
  ["ambient, with sidecars from before", { namespaces: [{ name: "b", labels: { "istio.io/dataplane-mode": "ambient" } }], workloads: [web("b")] }, ["b: Deployment/web: 2 on default"], /ambient mode/],
  ["one of the four, with a sidecar in its template", { namespaces: [{ name: "kube-public" }], workloads: [web("kube-public")] }, ["kube-public: Deployment/web: 2 on default"], /in their own template/],
  ["one that is being deleted", { namespaces: [{ name: "b", labels: enabled, terminating: true }], workloads: [web("b")] }, ["b: Deployment/web: 2 on default (said)"], /being deleted/],
  ["pods that nobody owns", { namespaces: [{ name: "b" }], pods: [pod("b", "lonely", "default")] }, ["b: Pod/lonely: 1 on default"], /nothing injects there any more/],
  ["a pod that does not say its revision", { namespaces: [{ name: "b" }], pods: [pod("b", "lonely", "default", { proxy: { revision: undefined } })] }, ["b: Pod/lonely: 1 on ?"], undefined],
  ["a bare pod in a namespace of another revision", { controlPlanes: [plane("1-20"), plane("1-18"), plane("default")], injectors: [...ownInjector("1-20"), ...ownInjector("1-18"), ...tagInjector("default", "default")], namespaces: [{ name: "b", labels: { "istio.io/rev": "1-18" } }], pods: [pod("b", "lonely", "default")] }, ["b: Pod/lonely: 1 on default"], /injected by 1-18, and not by default/],
  ["pods of another revision than --from", { namespaces: [{ name: "b" }], pods: [pod("b", "lonely", "1-18")] }, [], undefined],
  ["pods of the target", { namespaces: [{ name: "b" }], pods: [pod("b", "lonely", "1-20")] }, [], undefined],
  ["pods without a proxy", { namespaces: [{ name: "b" }], workloads: [web("b", { runs: [null] })] }, [], undefined],
  ["pods that go or have gone", { namespaces: [{ name: "b" }], pods: [pod("b", "going", "default", { terminating: true }), pod("b", "gone", "default", { phase: "Succeeded" })] }, [], undefined],
  ["a running Job", { namespaces: [{ name: "b" }], pods: [job("b")] }, [], undefined],
]; // biome-ignore format: a table

for (const [what, change, list, reason] of rows)
  test(`listed: ${what}`, () => {
    const plan = beside(change);
    assert.deepEqual(listing(plan), list);
    if (reason) assert.match(plan.unplanned?.[0]?.reason ?? "", reason);
    for (const { open, remedy } of plan.unplanned ?? []) assert.ok(!open || remedy);
    const open = (plan.unplanned ?? []).filter((each) => each.open);
    assert.deepEqual(
      plan.findings.filter(({ check }) => check === "pods-unplanned").map(({ severity }) => severity),
      open.map(() => "warning"),
    );
  });

suite("what is left by name is said as left, and no more", () => {
  const legacy: MeshWords = {
    namespaces: [{ name: "legacy" }],
    workloads: [web("legacy", asking)],
    pods: [job("legacy")],
  };
  const left = ({ left }: Planned) => left.map(({ object, by }) => `${object.kind}/${object.name} ${by}`);

  for (const name of ["legacy/*/*", "legacy/deployment/web", "deploy/w*"])
    test(name, () => {
      const plan = beside(legacy, { ...all, leave: [name], ...(name === "deploy/w*" && { from: undefined }) });
      assert.deepEqual(listing(plan), []);
      assert.ok(left(plan).includes("Deployment/web --leave") && left(plan).includes("Job/nightly job"));
      assert.deepEqual(brief(plan.findings), []);
    });

  test("a name that is nowhere is a typing error", () => {
    const plan = beside(legacy, { ...all, leave: ["legacy/deployment/wbe"] });
    assert.deepEqual(brief(plan.findings), [
      "names-exist blocker --leave legacy/deployment/wbe",
      "pods-unplanned warning namespace/legacy",
    ]);
    assert.match(plan.findings[0]?.message ?? "", /did you mean legacy\/deployment\/web\?/);
  });
});

test("where nothing else is to be done it is refused, and accepted by name", () => {
  const moved: MeshWords = {
    namespaces: [{ name: "shop", labels: { "istio.io/rev": "1-20" } }, { name: "legacy" }],
    workloads: [web("shop", { runs: ["1-20"] }), web("legacy", asking)],
  };
  const { findings, stages } = planOf(mission(moved), all);
  assert.deepEqual([brief(findings), stages], [["pods-unplanned blocker namespace/legacy"], []]);
  assert.deepEqual(findings[0]?.accept, { flag: "--leave", value: "legacy/*/*" });
  const named = planOf(mission(moved), { ...all, leave: ["legacy/*/*"] });
  assert.deepEqual([brief(named.findings), named.unplanned], [[], []]);
});

test("namespaces that are named say nothing of others", () => {
  const plan = beside(
    { namespaces: [{ name: "legacy" }], workloads: [web("legacy", asking)] },
    { namespaces: ["shop"] },
  );
  assert.deepEqual([plan.unplanned, plan.findings], [undefined, []]);
});

test("an istiod whose pods are injected all the same is not restarted", () => {
  const mesh = mission({
    namespaces: [{ name: "istio-system", labels: enabled }],
    workloads: [{ namespace: "istio-system", name: "istiod", uid: "uid-of-istiod", runs: two }],
  });
  const plan = planOf(mesh, { namespaces: "all" });
  assert.deepEqual(
    [restarted(plan), brief(plan.findings)],
    [[], ["workloads-restartable blocker istio-system/Deployment/istiod"]],
  );
});
