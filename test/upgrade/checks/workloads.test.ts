import assert from "node:assert/strict";
import test from "node:test";
import type { PodTemplateSpec } from "../../../src/mesh/kubernetes.ts";
import type { Workload } from "../../../src/mesh/model.ts";
import { type MeshWords, ownInjector, pod, tagInjector, type WorkloadWords } from "../../mesh/mesh-scene.ts";
import { mission, planOf, restarted, said, stopping } from "../builders.ts";

const production = "production";
const web = (change: Partial<WorkloadWords>): MeshWords => ({
  workloads: [{ namespace: production, name: "web", runs: ["default", "default"], ...change }],
});
const template = (annotations: Readonly<Record<string, string>>, labels = {}, spec: Partial<PodTemplateSpec["spec"]> = {}): MeshWords =>
  web({ template: { metadata: { labels, annotations }, spec: { containers: [{ name: "app" }], ...spec } } });
const status = (change: Partial<Workload["status"]>): Workload["status"] => ({
  desired: 2, observedGeneration: 1, replicas: 2, updated: 2, ready: 2, available: 2, currentRevision: undefined, updateRevision: undefined, phase: undefined, restartedAt: undefined, conditions: [], ...change,
}); // biome-ignore format: one line of fields
const partitioned = { type: "RollingUpdate", maxSurge: 0, maxUnavailable: 1, partition: 1 } as const;

const table: readonly (readonly [what: string, change: MeshWords, check: string | undefined, severity?: string])[] = [
  ["a healthy Deployment", web({}), undefined],
  ["a paused Deployment", web({ paused: true }), "workloads-restartable"],
  ["an OnDelete StatefulSet", web({ kind: "StatefulSet", strategy: { type: "OnDelete" } }), "workloads-restartable"],
  ["an OnDelete DaemonSet", web({ kind: "DaemonSet", strategy: { type: "OnDelete" } }), "workloads-restartable"],
  ["a partitioned StatefulSet", web({ kind: "StatefulSet", strategy: partitioned }), "workloads-restartable"],
  ["a template made by kube-inject", template({ "sidecar.istio.io/status": "{}" }), "proxies-unpinned"],
  ["a pinned proxy image", template({ "sidecar.istio.io/proxyImage": "proxyv2:1.19.0" }), "proxies-unpinned"],
  ["a pinned discovery address", template({ "proxy.istio.io/config": "discoveryAddress: istiod.istio-system.svc:15012\n" }), "proxies-unpinned"],
  ["a pinned discovery address in JSON", template({ "proxy.istio.io/config": '{"discoveryAddress":"istiod.istio-system.svc:15012"}' }), "proxies-unpinned"],
  ["a discovery address of the target", template({ "proxy.istio.io/config": "discoveryAddress: istiod-1-20.istio-system.svc:15012" }), undefined],
  ["other proxy settings", template({ "proxy.istio.io/config": "holdApplicationUntilProxyStarts: true", "sidecar.istio.io/proxyCPU": "10m" }), undefined],
  ["pods with a sidecar whose template opts out now", template({}, { "sidecar.istio.io/inject": "false" }), "sidecars-kept"],
  ["pods with a sidecar whose template is on the host's network now", template({}, {}, { hostNetwork: true }), "sidecars-kept"],
  ["a template that is not known", web({ template: undefined }), "sidecars-kept", "unknown"],
  ["a pod that is not ready", web({ status: status({ ready: 1, available: 1 }) }), "workloads-healthy"],
  ["a rollout under way", web({ status: status({ updated: 1 }) }), "workloads-healthy"],
  ["a change that its controller has not seen", web({ generation: 2 }), "workloads-healthy"],
  ["a degraded Rollout", web({ kind: "Rollout", strategy: { type: "RolloutRestart", maxUnavailable: 1 }, status: status({ phase: "Degraded" }) }), "workloads-healthy"],
]; // biome-ignore format: a table

for (const [what, change, check, severity = "blocker"] of table) {
  test(`${what}: ${check ?? "restarted"}`, () => {
    const plan = planOf(mission(change));
    const kind = change.workloads?.[0]?.kind ?? "Deployment";
    assert.deepEqual(
      stopping(plan).map((finding) => [finding.check, finding.severity, finding.object]),
      check === undefined ? [] : [[check, severity, `production/${kind}/web`]],
    );
    if (check === undefined) assert.deepEqual(restarted(plan), ["Deployment/web (canary)"]);
    if (check !== undefined && check !== "workloads-healthy") assert.deepEqual(restarted(plan), []);
    const left = planOf(mission(change), { leave: [`${kind}/web`] });
    assert.deepEqual(
      [stopping(left), restarted(left), left.left.map(({ object, by }) => `${object.kind}/${object.name} ${by}`)],
      [[], [], [`${kind}/web --leave`]],
    );
  });
}

test("sidecars-kept: what another webhook, or a template that is not there, would make of a new pod", () => {
  const [any] = ownInjector("1-18");
  assert.ok(any);
  const grabbing = {
    ...any,
    configuration: "zz-by-hand",
    entry: { ...any.entry, namespaceSelector: {}, objectSelector: { matchLabels: { app: "web" } } },
  };
  const others = [
    ...tagInjector("default", "default"),
    ...ownInjector("1-20", { policy: { policy: "enabled", neverInject: [], alwaysInject: [], templates: ["sidecar"] } }),
  ];
  const message = (change: MeshWords): string | undefined =>
    planOf(mission({ injectors: others, ...change })).findings.find(({ check }) => check === "sidecars-kept")?.message;
  assert.equal(message(web({})), undefined);
  assert.match(
    message({ ...web({}), injectors: [...others, grabbing] }) ?? "",
    /revision 1-18 would inject its new pods \(webhook zz-by-hand\), not 1-20/,
  );
  assert.match(
    message(template({ "inject.istio.io/templates": "ours" })) ?? "",
    /its new pods would be refused: revision 1-20 has no injection template/,
  );
});

test("sidecars-kept: a target whose webhook cannot be called is the target's trouble, not each workload's", () => {
  const injectors = [...tagInjector("default", "default"), ...ownInjector("1-20", { readyEndpoints: 0 })];
  assert.deepEqual(
    stopping(planOf(mission({ injectors }))).map(({ check }) => check),
    ["target-endpoints"],
  );
});

test("proxies-unpinned: the un-revisioned istiod has no suffix", () => {
  const pinned = (address: string) =>
    planOf(
      mission({
        ...template({ "proxy.istio.io/config": `discoveryAddress: ${address}` }),
        namespaces: [{ name: production, labels: { "istio.io/rev": "1-20" } }],
        workloads:
          template({ "proxy.istio.io/config": `discoveryAddress: ${address}` }).workloads?.map((each) => ({
            ...each,
            runs: ["1-20", "1-20"],
          })) ?? [],
      }),
      { to: "default" },
    );
  assert.deepEqual(said(pinned("istiod.istio-system.svc:15012"), "proxies-unpinned"), []);
  assert.deepEqual(said(pinned("istiod-1-20.istio-system.svc:15012"), "proxies-unpinned"), [
    "proxies-unpinned blocker production/Deployment/web",
  ]);
});

test("what has nothing to move is not asked whether it could", () => {
  for (const change of [{ paused: true }, { status: status({ ready: 0 }) }, { strategy: { type: "OnDelete" } }] as const) {
    assert.deepEqual(stopping(planOf(mission(web({ runs: ["1-20"], ...change })))), []);
    assert.deepEqual(stopping(planOf(mission(web({ runs: [null], podLabels: { "sidecar.istio.io/inject": "false" }, ...change })))), []);
  }
});

const owner = (kind: string, name: string) => ({ kind, name, uid: `uid-of-${name}` });
const loose: readonly (readonly [what: string, owner: ReturnType<typeof owner> | undefined, finding: string | undefined, leave?: string])[] = [
  ["a bare pod", undefined, "pods-owned blocker production/Pod/it", "po/it"],
  ["a bare ReplicaSet", owner("ReplicaSet", "rs"), "pods-owned blocker production/ReplicaSet/rs", "replicaset/rs"],
  ["a custom resource", owner("CloneSet", "game"), "pods-owned blocker production/CloneSet/game", "cloneset/game"],
  ["a custom StatefulSet", owner("StatefulSet", "theirs"), "pods-owned blocker production/StatefulSet/theirs", "sts/theirs"],
  ["a Job", owner("Job", "batch"), undefined],
]; // biome-ignore format: a table

for (const [what, owner, finding, leave] of loose) {
  test(`pods-owned: ${what}`, () => {
    const mesh = mission({ pods: [pod(production, "it", "default", { owner })] });
    assert.deepEqual(said(planOf(mesh), "pods-owned"), finding === undefined ? [] : [finding]);
    if (leave !== undefined) assert.deepEqual(stopping(planOf(mesh, { leave: [leave] })), []);
    const there = mission({ pods: [pod(production, "it", "1-20", { owner }), pod(production, "plain", null, { owner })] });
    assert.deepEqual(said(planOf(there), "pods-owned"), []);
  });
}

test("pods of one owner are one finding", () => {
  const pods = ["a", "b"].map((name) => pod(production, name, "default", { owner: owner("CloneSet", "game") }));
  assert.deepEqual(said(planOf(mission({ pods })), "pods-owned"), ["pods-owned blocker production/CloneSet/game"]);
});

test("a namespace whose label says it already is judged by what cannot move there", () => {
  const namespaces = [{ name: production, labels: { "istio.io/rev": "1-20" } }];
  const paused = planOf(mission({ namespaces, ...web({ paused: true }) }));
  assert.deepEqual(
    stopping(paused).map(({ check }) => check),
    ["workloads-restartable"],
  );
  const bare = planOf(mission({ namespaces, workloads: [], pods: [pod(production, "it", "default")] }));
  assert.deepEqual(
    stopping(bare).map(({ check }) => check),
    ["pods-owned"],
  );
});

test("next-pods: what is scaled to zero, and CronJobs, are told", () => {
  const plan = planOf(
    mission({
      workloads: [
        { namespace: production, name: "web", runs: ["default"] },
        { namespace: production, name: "asleep", runs: [] },
      ],
    }),
    {
      surroundings: {
        cronJobs: [
          { namespace: production, name: "nightly" },
          { namespace: "shop", name: "other" },
        ],
      },
    },
  );
  const [finding] = plan.findings.filter(({ check }) => check === "next-pods");
  assert.match(finding?.message ?? "", /deployment\/asleep and cronjob\/nightly$/);
});

test("selection: how many workloads a selector leaves out is told", () => {
  const workloads = [
    { namespace: production, name: "web", runs: ["default"] },
    { namespace: production, name: "api", runs: ["default"] },
  ];
  const chosen = planOf(mission({ workloads }), { selector: "app=web", selected: new Set(["uid-of-web"]) });
  assert.match(
    chosen.findings.find(({ check }) => check === "selection")?.message ?? "",
    /^the label moves the whole namespace: 1 workload that -l app=web leaves out moves at its next pod/,
  );
});

test("selection: a selector that matches nothing is refused, for the label would move everything", () => {
  const workloads = [{ namespace: production, name: "web", runs: ["default"] }];
  const none = planOf(mission({ workloads }), { selector: "app=nothing", selected: new Set() });
  const finding = none.findings.find(({ check }) => check === "selection");
  assert.deepEqual([finding?.severity, finding?.object], ["blocker", "selector/app=nothing"]);
  const again = planOf(mission({ workloads: [...workloads, { namespace: production, name: "api", runs: ["1-20"] }] }), {
    selector: "app=api",
    selected: new Set(["uid-of-api"]),
  });
  assert.equal(again.findings.find(({ check }) => check === "selection")?.severity, "warning", "what it matches is there already");
});
