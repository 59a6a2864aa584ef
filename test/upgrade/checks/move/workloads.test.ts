import assert from "node:assert/strict";
import test from "node:test";
import type { PodTemplateSpec } from "../../../../src/mesh/kubernetes.ts";
import type { Workload } from "../../../../src/mesh/model.ts";
import { undoText } from "../../../../src/upgrade/record/undo-record.ts";
import { type MeshWords, ownInjector, tagInjector, type WorkloadWords } from "../../../fixtures/mesh.ts";
import { mission, planOf, restarted, said, stopping } from "../../../fixtures/plan.ts";
import { ownedBy, pod } from "../../../fixtures/pods.ts";

const production = "production";
const web = (change: Partial<WorkloadWords>): MeshWords => ({
  workloads: [{ namespace: production, name: "web", runs: ["default", "default"], ...change }],
});
const template = (
  annotations: Readonly<Record<string, string>>,
  labels = {},
  spec: Partial<PodTemplateSpec["spec"]> = {},
): MeshWords =>
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
    const [stop] = stopping(plan);
    const look = kind === "Rollout" ? "describe rollout web" : "rollout status deployment/web";
    if (check === "workloads-healthy") assert.equal(stop?.remedy, `fix it first: kubectl -n production ${look}`);
    if (check !== undefined)
      assert.deepEqual(stop?.accept, { flag: "--leave", value: `production/${kind.toLowerCase()}/web` });
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
    ...ownInjector("1-20", {
      policy: { policy: "enabled", neverInject: [], alwaysInject: [], templates: ["sidecar"] },
    }),
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

const argo = { kind: "Rollout", strategy: { type: "RolloutRestart", maxUnavailable: 1 } } as const;
const config = (text: string) => template({ "proxy.istio.io/config": text });
const elsewhere = /^its template sends the proxy to istiod.istio-system.svc:15012 \(discoveryAddress\)/;
const blocked: readonly (readonly [what: string, change: MeshWords, message: RegExp, remedy: RegExp])[] = [
  ["a paused Deployment", web({ paused: true }), /it is paused/, /^kubectl rollout resume deployment\/web -n production$/],
  ["a paused Rollout", web({ ...argo, paused: true }), /it is paused/, /^kubectl argo rollouts promote web -n production$/],
  ["a discovery address by its own annotation", template({ "sidecar.istio.io/discoveryAddress": "istiod.istio-system.svc:15012" }), elsewhere, /./],
  ["a discovery address with a space before the colon", config("discoveryAddress : istiod.istio-system.svc:15012"), elsewhere, /./],
  ["a discovery address in quotes", config('"discoveryAddress": "istiod.istio-system.svc:15012"'), elsewhere, /./],
  ["a template that opts out", template({}, { "sidecar.istio.io/inject": "false" }), /new ones would have none \(the pod has sidecar.istio.io\/inject=false\)$/, /let its template ask/],
  ["a partition", web({ kind: "StatefulSet", strategy: partitioned }), /its partition 1 keeps web-0 on the old revision: only web-1 would move$/, /partition to 0/],
  ["a partition of all", web({ kind: "StatefulSet", strategy: { ...partitioned, partition: 9 } }), /its partition 9 keeps web-0 and web-1 on the old revision: no pod would move$/, /partition to 0/],
  ["a partition, with a pod missing", web({ kind: "StatefulSet", strategy: partitioned, status: status({ desired: 3 }) }), /its partition 1 keeps the pods below it on the old revision$/, /partition to 0/],
]; // biome-ignore format: a table

for (const [what, change, message, remedy] of blocked) {
  test(`what keeps a workload, in words: ${what}`, () => {
    const [finding, ...rest] = stopping(planOf(mission(change)));
    assert.match(finding?.message ?? "", message);
    assert.match(finding?.remedy ?? "", remedy);
    assert.deepEqual(rest, []);
  });
}

test("a template without annotations pins nothing", () => {
  assert.deepEqual(stopping(planOf(mission(web({ template: { spec: { containers: [{ name: "app" }] } } })))), []);
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
  for (const change of [
    { paused: true },
    { status: status({ ready: 0 }) },
    { strategy: { type: "OnDelete" } },
  ] as const) {
    assert.deepEqual(stopping(planOf(mission(web({ runs: ["1-20"], ...change })))), []);
    assert.deepEqual(
      stopping(planOf(mission(web({ runs: [null], podLabels: { "sidecar.istio.io/inject": "false" }, ...change })))),
      [],
    );
  }
});

const groups: Readonly<Record<string, string>> = { ReplicaSet: "apps", StatefulSet: "apps.kruise.io", Job: "batch" };
const owner = (kind: string, name: string) => ownedBy(groups[kind] ?? "apps.kruise.io", kind, name);
const podsWithoutWorkload: readonly (readonly [what: string, owner: ReturnType<typeof owner> | undefined, finding: string | undefined, leave?: string])[] = [
  ["a bare pod", undefined, "pods-owned blocker production/Pod/it", "po/it"],
  ["a bare ReplicaSet", owner("ReplicaSet", "rs"), "pods-owned blocker production/ReplicaSet/rs", "replicaset/rs"],
  ["a custom resource", owner("CloneSet", "game"), "pods-owned blocker production/CloneSet/game", "cloneset/game"],
  ["a custom StatefulSet", owner("StatefulSet", "theirs"), "pods-owned blocker production/StatefulSet/theirs", "sts/theirs"],
  ["a Job", owner("Job", "batch"), undefined],
  ["a Job of another group", ownedBy("example.org", "Job", "batch"), "pods-owned blocker production/Job/batch", "job/batch"],
  ["a Workflow", ownedBy("argoproj.io", "Workflow", "nightly"), undefined],
]; // biome-ignore format: a table

for (const [what, owner, finding, leave] of podsWithoutWorkload) {
  test(`pods-owned: ${what}`, () => {
    const mesh = mission({ pods: [pod(production, "it", "default", { owner })] });
    assert.deepEqual(said(planOf(mesh), "pods-owned"), finding === undefined ? [] : [finding]);
    if (leave !== undefined) assert.deepEqual(stopping(planOf(mesh, { leave: [leave] })), []);
    const there = mission({
      pods: [pod(production, "it", "1-20", { owner }), pod(production, "plain", null, { owner })],
    });
    assert.deepEqual(said(planOf(there), "pods-owned"), []);
  });
}

test("pods of one owner are one finding, which says what they run and what to do", () => {
  const told = (...pods: readonly ReturnType<typeof pod>[]) =>
    planOf(mission({ pods })).findings.filter(({ check }) => check === "pods-owned").map(({ object, message, remedy, accept }) => [object, message, remedy, accept?.value]);
  const game = owner("GameSet", "game");
  const unsaid = pod(production, "c", "default", { owner: game, proxy: { revision: undefined } });
  assert.deepEqual(told(pod(production, "a", "default", { owner: game }), pod(production, "b", "1-18", { owner: game }), unsaid), [[
    "production/GameSet/game",
    "3 pods on default, 1-18 and an unknown revision belong to it, and how a GameSet is restarted is not known",
    "leave it and, after the move, have its own controller replace its pods; or say how with --owners",
    "production/gameset/game",
  ]]);
  const [[, unread, grant] = []] = told(pod(production, "a", "default", { owner: owner("CloneSet", "game") }));
  assert.match(`${unread}: ${grant}`, /could not be read: grant get, list and patch on CloneSet of group apps.kruise.io .*; or leave it and, after the move, set annotation kubectl.kruise.io/);
  const named = ["CloneSet", "GameSet"].map((kind) => pod(production, kind, "default", { owner: owner(kind, "game") }));
  assert.deepEqual(told(...named).map(([object]) => object), ["production/CloneSet/game", "production/GameSet/game"]);
  assert.deepEqual(told(pod(production, "a", "default")), [[
    "production/Pod/a",
    "nothing would create this pod again, so it stays on default",
    "leave it, or delete it and create it again after the move",
    "production/pod/a",
  ]]);
}); // biome-ignore format: a table

const opened = {
  version: 1, run: "r1", target: { label: "1-20", revision: "1-20", tag: undefined }, stamp: "2026-11-03T04:05:06Z", namespaceUid: "uid-of-production",
  before: { "istio-injection": "enabled", "istio.io/rev": null }, from: { revision: "default", deploymentUid: "uid-of-istiod" }, state: "open",
} as const; // biome-ignore format: one line of fields

test("workloads-healthy: only the rollout that the unfinished run began is no illness", () => {
  const namespaces = [
    { name: production, labels: { "istio.io/rev": "1-20" }, annotations: { "kubectl-mesh/undo": undoText(opened) } },
  ];
  const told = (restartedAt: string | undefined) =>
    said(planOf(mission({ namespaces, ...web({ restartedAt, status: status({ updated: 1 }) }) })), "workloads-healthy");
  assert.deepEqual(told(opened.stamp), []);
  for (const other of [undefined, "2026-11-02T00:00:00Z"])
    assert.deepEqual(told(other), ["workloads-healthy blocker production/Deployment/web"]);
});

const lacking: readonly (readonly [what: string, change: Partial<WorkloadWords>, message: RegExp | undefined])[] = [
  ["no pod has one", { runs: [null, null] }, /^2 pods run without the sidecar that is due; it is not restarted/],
  ["one of two has none", { runs: ["1-20", null] }, /^1 pod runs without/],
  ["one of two has none, the other is moved", { runs: ["default", null] }, undefined],
  ["every pod has one", { runs: ["1-20"] }, undefined],
  ["none is due", { runs: [null], podLabels: { "sidecar.istio.io/inject": "false" } }, undefined],
  ["what is due is not known", { runs: [null], template: undefined }, undefined],
  ["a gateway", { runs: [null], gateway: true }, undefined],
  ["it is on its way out", { runs: [null], pod: { terminating: true } }, undefined],
  ["a gateway that is managed, among pods of its own", { runs: ["1-20"], proxy: { kind: "managed-gateway" } }, undefined],
]; // biome-ignore format: a table

for (const [what, change, message] of lacking) {
  test(`sidecars-present: ${what}`, () => {
    const workloads = [{ namespace: production, name: "api", runs: ["default", "default"] }, ...(web(change).workloads ?? [])];
    const found = planOf(mission({ workloads })).findings.filter(({ check }) => check === "sidecars-present");
    assert.deepEqual(found.map(({ severity, object }) => [severity, object]), message === undefined ? [] : [["warning", "production/Deployment/web"]]);
    if (message) assert.match(found[0]?.message ?? "", message);
  });
} // biome-ignore format: one line of words

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
  assert.deepEqual([finding?.severity, finding?.object], ["note", "namespace/production"]);
  assert.match(finding?.message ?? "", /deployment\/asleep and cronjob\/nightly$/);
});

test("selection: how many workloads a selector leaves out is told", () => {
  const workloads = [
    { namespace: production, name: "web", runs: ["default"] },
    { namespace: production, name: "api", runs: ["default"] },
  ];
  const told = (chosen: readonly string[], ...more: MeshWords["workloads"] & {}) => {
    const namespaces = [{ name: "zone", labels: { "istio-injection": "enabled" } }, { name: production, labels: { "istio-injection": "enabled" } }];
    const all = [...workloads, ...more, { namespace: "zone", name: "edge", runs: ["default"] }];
    const wish = { namespaces: [production, "zone"], selector: "app=web", selected: new Set(chosen.map((name) => `uid-of-${name}`)) };
    return planOf(mission({ namespaces, workloads: all }), wish).findings.filter(({ check }) => check === "selection").map(({ severity, object, message }) => [severity, object, message.split(": ")[1]?.split(",")[0]]);
  }; // biome-ignore format: one line of fields
  assert.deepEqual(told(["web", "api", "edge"]), []);
  assert.deepEqual(told(["edge", "db"], { namespace: production, name: "db", runs: ["default"] }), [
    ["warning", "namespace/production", "2 workloads that -l app=web leaves out move at their next pods"],
  ]);
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
  assert.equal(
    again.findings.find(({ check }) => check === "selection")?.severity,
    "warning",
    "what it matches is there already",
  );
  const left = planOf(
    mission({ workloads: [...workloads, { namespace: production, name: "api", runs: ["default"] }] }),
    {
      selector: "app=api",
      selected: new Set(["uid-of-api"]),
      leave: ["deploy/api"],
    },
  );
  assert.equal(
    left.findings.find(({ check }) => check === "selection")?.severity,
    "warning",
    "what it matches is left",
  );
});
