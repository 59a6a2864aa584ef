/** Each route of the proof of disuse: a mesh in which it alone speaks, and meshes in which it must not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cleanupChecks } from "../../../../src/upgrade/checks/cleanup/cleanup-checks.ts";
import { proveDisuse } from "../../../../src/upgrade/cleanup/prove-disuse.ts";
import {
  type CleanupWords,
  calling,
  cleanupFacts,
  provedOf,
  service,
  speaking,
  webhook,
} from "../../../fixtures/cleanup.ts";
import { ownInjector, plane, tag, tagInjector } from "../../../fixtures/mesh.ts";
import { answered, connection, pod, unanswered } from "../../../fixtures/pods.ts";
import { runJournal, runRecord } from "../../../fixtures/runs.ts";
import { dead, undoRecord } from "../../../fixtures/sound-mesh.ts";
import { workload } from "../../../fixtures/workload.ts";

const container = (env: Readonly<Record<string, string>>) => ({
  name: "app",
  env: Object.entries(env).map(([name, value]) => ({ name, value })),
});
const withTemplate = (
  labels: Record<string, string>,
  annotations: Record<string, string> = {},
  env: Record<string, string> = {},
) => ({
  metadata: { labels, annotations },
  spec: { containers: [container(env)] },
});
const none = { kind: "none", reason: "" } as const;
const istiod19 = "istiod-1-19.istio-system.svc:15012";
/** Of namespace production, whose undo record and journal these are. */
const history = (record: string | undefined, runs: Parameters<typeof runJournal>[0] = []): CleanupWords => {
  const { history: clean } = cleanupFacts();
  assert.ok(clean);
  const journal = runJournal(runs, { namespaceUid: "uid-of-production", clusterUid: "uid-of-kube-system" });
  return {
    history: {
      ...clean,
      namespaces: [
        {
          name: "production",
          uid: "uid-of-production",
          labels: {},
          annotations: record === undefined ? {} : { "kubectl-mesh/undo": record },
        },
      ],
      journals: {
        clusterUid: "uid-of-kube-system",
        byNamespace: new Map(runs.length === 0 ? [] : [["production", { kind: "journal", journal } as const]]),
      },
    },
  };
};

/** What makes just one route speak. */
const inUse: readonly (readonly [what: string, words: CleanupWords, says: readonly string[]])[] = [
  [
    "a namespace with its name, whose webhook is deactivated",
    {
      mesh: {
        injectors: [
          ...ownInjector("1-19", { deactivated: true }),
          ...ownInjector("1-20"),
          ...tagInjector("default", "1-20"),
        ],
        namespaces: [{ name: "left", labels: { "istio.io/rev": "1-19" } }],
      },
    },
    ["cleanup-namespaces: namespace/left"],
  ],
  [
    "a namespace with its name, whose webhook is gone",
    {
      mesh: {
        injectors: [...ownInjector("1-20"), ...tagInjector("default", "1-20")],
        namespaces: [{ name: "left", labels: { "istio.io/rev": "1-19" } }],
      },
    },
    ["cleanup-namespaces: namespace/left"],
  ],
  [
    "istio-injection=enabled without a default tag, of an install without a revision",
    {
      revision: "default",
      mesh: {
        controlPlanes: [plane("default"), plane("1-20")],
        injectors: [...ownInjector("default", { deactivated: true }), ...ownInjector("1-20")],
        tags: [tag("prod", "1-20")],
        workloads: [],
      },
    },
    ["cleanup-namespaces: namespace/shop"],
  ],
  [
    "a template with its name, scaled to 0",
    { mesh: { workloads: [{ namespace: "plain", name: "off", runs: [], podLabels: { "istio.io/rev": "1-19" } }] } },
    ["cleanup-templates: plain/Deployment/off"],
  ],
  [
    "an Argo Rollout at 0",
    {
      mesh: {
        workloads: [
          { namespace: "plain", kind: "Rollout", name: "off", runs: [], podLabels: { "istio.io/rev": "1-19" } },
        ],
      },
    },
    ["cleanup-templates: plain/Rollout/off"],
  ],
  [
    "a CronJob",
    {
      templates: [
        { kind: "CronJob", namespace: "plain", name: "nightly", template: withTemplate({ "istio.io/rev": "1-19" }) },
      ],
    },
    ["cleanup-templates: plain/CronJob/nightly"],
  ],
  [
    "a proxy in a template, as istioctl kube-inject writes it",
    {
      more: [
        workload({
          namespace: "plain",
          name: "by-hand",
          template: withTemplate({}, { "sidecar.istio.io/status": '{"revision":"1-19"}' }),
        }),
      ],
    },
    ["cleanup-templates: plain/Deployment/by-hand"],
  ],
  [
    "an address in a template",
    { more: [workload({ namespace: "plain", name: "agent", template: withTemplate({}, {}, { XDS: istiod19 }) })] },
    ["cleanup-templates: plain/Deployment/agent"],
  ],
  [
    "a tag",
    {
      mesh: {
        injectors: [
          ...ownInjector("1-19"),
          ...ownInjector("1-20"),
          ...tagInjector("default", "1-20"),
          ...tagInjector("old", "1-19"),
        ],
        tags: [tag("default", "1-20"), tag("old", "1-19")],
      },
    },
    ["cleanup-tags: tag/old"],
  ],
  [
    "the Service of a tag, whatever its label is",
    {
      services: [
        service(
          "istiod-revision-tag-old",
          { app: "istiod", "istio.io/rev": "1-19" },
          {},
          { "istio.io/tag": "old", "istio.io/rev": "1-20" },
        ),
      ],
    },
    ["cleanup-tags: tag/old"],
  ],
  [
    "the default tag",
    { mesh: { tags: [tag("default", "1-19", { injects: false })], namespaces: [{ name: "shop" }] } },
    ["cleanup-default-tag: tag/default"],
  ],
  [
    "the default validator",
    {
      webhooks: [webhook("Validating", "istiod-default-validator", calling("istiod-1-19"), { "istio.io/rev": "1-20" })],
    },
    ["cleanup-default-validator: ValidatingWebhookConfiguration/istiod-default-validator"],
  ],
  [
    "a webhook of somebody else, labelled for another revision",
    { webhooks: [webhook("Mutating", "theirs", calling("istiod-1-19"), { "istio.io/rev": "1-20" })] },
    ["cleanup-webhooks: MutatingWebhookConfiguration/theirs"],
  ],
  [
    "a webhook by URL",
    { webhooks: [webhook("Validating", "theirs", { url: "https://istiod-1-19.istio-system.svc:443/validate" })] },
    ["cleanup-webhooks: ValidatingWebhookConfiguration/theirs"],
  ],
  [
    "its own injector with the label of another revision",
    {
      webhooks: [
        webhook("Mutating", "istio-sidecar-injector-1-19", calling("istiod-1-19"), { "istio.io/rev": "1-20" }),
      ],
    },
    ["cleanup-webhooks: MutatingWebhookConfiguration/istio-sidecar-injector-1-19"],
  ],
  [
    "a terminating pod whose istiod has let it go",
    { mesh: { pods: [pod("plain", "going", "1-19", { terminating: true })], connected: { going: null } } },
    ["cleanup-pods: plain/Pod/going"],
  ],
  [
    "a pod that gets its certificates there",
    { mesh: { pods: [pod("plain", "mixed", "1-20", { proxy: { caAddress: istiod19 } })] } },
    ["cleanup-pods: plain/Pod/mixed"],
  ],
  [
    "a proxy without a pod",
    { mesh: { pods: [pod("plain", "vm", "1-20")], connected: { vm: "1-19" } } },
    ["cleanup-connections: plain/Pod/vm"],
  ],
  [
    "a Gateway by its own label",
    { gateways: [{ namespace: "plain", name: "gw", className: "istio", labels: { "istio.io/rev": "1-19" } }] },
    ["cleanup-gateways: plain/Gateway/gw"],
  ],
  [
    "a waypoint without a label, while the default is this revision by the validator alone",
    {
      mesh: {
        defaultValidator: { name: "istiod-default-validator", revision: "1-19" },
        tags: [],
        injectors: [...ownInjector("1-19"), ...ownInjector("1-20")],
      },
      gateways: [{ namespace: "plain", name: "way", className: "istio-waypoint", labels: {} }],
    },
    ["cleanup-gateways: plain/Gateway/way"],
  ],
  [
    "a static gateway at 0",
    {
      more: [
        workload({
          namespace: "production",
          name: "ingress",
          gateway: true,
          template: withTemplate({ "istio.io/rev": "1-19", "sidecar.istio.io/inject": "false" }),
          status: { desired: 0 },
        }),
      ],
    },
    ["cleanup-gateways: production/Deployment/ingress"],
  ],
  [
    "ztunnel's XDS_ADDRESS",
    {
      more: [
        workload({
          kind: "DaemonSet",
          namespace: "istio-system",
          name: "ztunnel",
          labels: { app: "ztunnel" },
          injection: none,
          template: withTemplate({ app: "ztunnel" }, {}, { XDS_ADDRESS: istiod19 }),
        }),
      ],
    },
    ["cleanup-node-agents: istio-system/DaemonSet/ztunnel"],
  ],
  [
    "a ztunnel without an address, of an install without a revision",
    {
      revision: "default",
      mesh: { controlPlanes: [plane("default"), plane("1-20")], workloads: [] },
      more: [
        workload({
          kind: "DaemonSet",
          namespace: "istio-system",
          name: "ztunnel",
          labels: { app: "ztunnel" },
          injection: none,
          template: withTemplate({ app: "ztunnel" }),
        }),
      ],
    },
    ["cleanup-node-agents: istio-system/DaemonSet/ztunnel"],
  ],
  [
    "a labelled HTTPRoute",
    {
      labelled: [
        {
          kind: "HTTPRoute",
          group: "gateway.networking.k8s.io",
          namespace: "plain",
          name: "r",
          labels: { "istio.io/rev": "1-19" },
        },
      ],
    },
    ["cleanup-objects: plain/HTTPRoute/r"],
  ],
  [
    "an EnvoyFilter of the user's own in the Istio namespace",
    {
      labelled: [
        { kind: "EnvoyFilter", group: "networking.istio.io", namespace: "istio-system", name: "mine", labels: {} },
      ],
    },
    ["cleanup-objects: istio-system/EnvoyFilter/mine"],
  ],
  [
    "the multicluster istiod-vs",
    {
      callers: [
        {
          kind: "VirtualService",
          namespace: "istio-system",
          name: "istiod-vs",
          address: "istiod-1-19.istio-system.svc.cluster.local",
        },
      ],
    },
    ["cleanup-callers: istio-system/VirtualService/istiod-vs"],
  ],
  [
    "the mesh config of another revision",
    {
      addresses: [{ revision: "1-20", configMap: "istio-system/istio-1-20", discoveryAddress: "x", texts: [istiod19] }],
    },
    ["cleanup-mesh-config: ConfigMap/istio-system/istio-1-20"],
  ],
  [
    "an open migration from it",
    history(undoRecord({ from: { revision: "1-19", deploymentUid: undefined } })),
    ["cleanup-undo: namespace/production"],
  ],
  [
    "a migration to it that was stopped",
    history(undefined, [runRecord({ from: "1-20", to: "1-19", state: "open", stoppedAt: "2026-11-03T04:05:06Z" })]),
    ["cleanup-undo: namespace/production"],
  ],
];

for (const [what, words, says] of inUse)
  test(`in use: ${what}`, () => {
    const proof = proveDisuse(cleanupFacts(words));
    assert.deepEqual(speaking(proof), says);
    assert.equal(proof.state, "in use");
    for (const { severity, remedy } of proof.routes.flatMap(({ findings }) => findings))
      if (severity === "blocker") assert.ok(remedy);
  });

const [silent, clusters] = [
  "istio-system/istiod-1-19-7f-abc",
  { kind: "answered", istiod: "istio-system/x", clusters: ["east"] } as const,
];

/** What cannot be seen is not unused. */
const unknown: readonly (readonly [what: string, words: CleanupWords, says: readonly string[]])[] = [
  ["an istiod that does not answer", { mesh: { silent: [silent] } }, [`cleanup-connections?: istiod/${silent}`]],
  [
    "an istiod pod that was not asked",
    { mesh: { pods: [pod("istio-system", "second", null, { labels: { app: "istiod", "istio.io/rev": "1-19" } })] } },
    ["cleanup-connections?: istiod/istio-system/second"],
  ],
  [
    "a Deployment that wants pods and has none",
    { mesh: { controlPlanes: [plane("1-19", { istiods: [], readyReplicas: 0 }), plane("1-20")] } },
    ["cleanup-connections?: istio-system/Deployment/istiod-1-19"],
  ],
  [
    "remote clusters, and a Service that is open to them",
    {
      remoteClusters: [clusters],
      services: [service("istiod-open", { app: "istiod", "istio.io/rev": "1-19" }, { type: "LoadBalancer" })],
    },
    ["cleanup-remote-clusters?: cluster/east"],
  ],
  [
    "an istiod that does not list its clusters",
    { remoteClusters: [{ kind: "unanswered", istiod: silent, reason: "404" }] },
    [`cleanup-remote-clusters?: istiod/${silent}`],
  ],
  [
    "a proxy of which nothing is known",
    { mesh: { pods: [pod("plain", "odd", "x", { proxy: { revision: undefined } })], connected: { odd: null } } },
    ["cleanup-pods?: plain/Pod/odd"],
  ],
  [
    "a template that was not read",
    { templates: [{ kind: "Job", namespace: "plain", name: "j", template: undefined }] },
    ["cleanup-templates?: plain/Job/j"],
  ],
  ["a damaged undo record", history("{"), ["cleanup-undo?: namespace/production"]],
];

for (const [what, words, says] of unknown)
  test(`unknown: ${what}`, () => {
    const proof = proveDisuse(cleanupFacts(words));
    assert.deepEqual(speaking(proof), says);
    assert.equal(proof.state, says.length === 0 ? "unused" : "unknown");
  });

test("every route is unknown where what it needs could not be read", () => {
  for (const { id } of cleanupChecks) {
    const missing = [{ check: id, subject: "things", reason: "forbidden", essential: true }];
    assert.deepEqual(provedOf({ missing }), [`${id}?: things`]);
    const proof = proveDisuse(cleanupFacts({ missing }));
    assert.equal(proof.state, "unknown");
    assert.ok(proof.routes.every(({ findings }) => findings.every(({ accept }) => accept === undefined)));
  }
});

test("a read that no route is named for is not lost", () => {
  const missing = [{ check: "no-such-route", subject: "things", reason: "forbidden", essential: true }];
  assert.deepEqual(provedOf({ missing }), ["cleanup-namespaces?: things"]);
});

test("unknown: an istiod outside the cluster, behind a Service without a selector or a URL", () => {
  const gone = cleanupFacts({ mesh: { controlPlanes: [plane("1-19", dead), plane("1-20")] } });
  const services = gone.services.map((each) => ({ ...each, elsewhere: true }));
  assert.deepEqual(speaking(proveDisuse({ ...gone, services })), ["cleanup-connections?: revision/1-19"]);
  const byUrl = ownInjector("1-19").map((each) => ({
    ...each,
    entry: { ...each.entry, clientConfig: { url: "https://istiod.example.com/inject" } },
  }));
  const mesh = { ...gone.mesh, injectors: [...byUrl, ...ownInjector("1-20"), ...tagInjector("default", "1-20")] };
  assert.deepEqual(speaking(proveDisuse({ ...gone, mesh })), ["cleanup-connections?: revision/1-19"]);
});

/** What is no use. */
const unused: readonly (readonly [what: string, words: CleanupWords])[] = [
  ["nothing at all", {}],
  [
    "labels istio.io/rev=default, which now mean the tag",
    {
      revision: "default",
      mesh: {
        controlPlanes: [plane("default"), plane("1-20")],
        injectors: [
          ...ownInjector("default", { deactivated: true }),
          ...ownInjector("1-20"),
          ...tagInjector("default", "1-20"),
        ],
        namespaces: [{ name: "by-tag", labels: { "istio.io/rev": "default" } }],
      },
      gateways: [{ namespace: "by-tag", name: "gw", className: "istio", labels: {} }],
    },
  ],
  [
    "a template label that the label of the namespace overrides",
    {
      mesh: {
        workloads: [
          { namespace: "production", name: "old-label", runs: ["1-20"], podLabels: { "istio.io/rev": "1-19" } },
        ],
      },
    },
  ],
  [
    "a Service of a longer name",
    {
      more: [
        workload({
          namespace: "plain",
          template: withTemplate({}, {}, { A: "istiod-1-19.istio-system-2.svc", B: "my-istiod-1-19.istio-system.svc" }),
        }),
      ],
    },
  ],
  [
    "a pod that has ended",
    { mesh: { pods: [pod("plain", "over", "1-19", { phase: "Succeeded" })], connected: { over: null } } },
  ],
  [
    "filters that its installer created",
    {
      labelled: [
        {
          kind: "EnvoyFilter",
          group: "networking.istio.io",
          namespace: "istio-system",
          name: "stats-filter-1.19-1-19",
          labels: {},
        },
      ],
    },
  ],
  ["remote clusters that nothing leads here", { remoteClusters: [clusters] }],
  [
    "a migration that is finished",
    history(undoRecord({ from: { revision: "1-19", deploymentUid: undefined }, state: "done" })),
  ],
  ["an open migration between others", history(undoRecord({ from: { revision: "1-18", deploymentUid: undefined } }))],
  ["no istiod any more", { mesh: { controlPlanes: [plane("1-19", dead), plane("1-20")] } }],
];

for (const [what, words] of unused)
  test(`unused: ${what}`, () => {
    const proof = proveDisuse(cleanupFacts(words));
    assert.deepEqual(speaking(proof), []);
    assert.equal(proof.state, "unused");
    assert.deepEqual(
      proof.routes.map(({ id }) => id),
      cleanupChecks.map(({ id }) => id),
    );
    assert.ok(proof.routes.every(({ evidence }) => evidence !== ""));
  });

test("a finished migration has a note that there is no way back", () => {
  const words = history(undoRecord({ from: { revision: "1-19", deploymentUid: undefined }, state: "done" }));
  const findings = proveDisuse(cleanupFacts(words)).routes.flatMap((route) => route.findings);
  assert.deepEqual(
    findings.map(({ severity, message }) => [severity, message]),
    [["note", "afterwards there is no way back any more from run r1, which moved it from 1-19 to 1-20"]],
  );
});

test("the default tag and validator are moved to the one other revision", () => {
  const remedy = (words: CleanupWords) =>
    proveDisuse(cleanupFacts(words))
      .routes.find(({ id }) => id === "cleanup-default-tag")
      ?.findings.map((finding) => finding.remedy);
  const tags = [tag("default", "1-19")];
  assert.deepEqual(remedy({ mesh: { tags } }), ["kubectl mesh-migrate --tag default --to 1-20"]);
  const controlPlanes = [plane("1-19"), plane("1-20"), plane("1-21")];
  assert.deepEqual(remedy({ mesh: { tags, controlPlanes } }), ["kubectl mesh-migrate --tag default --to REVISION"]);
});

test("a tag whose label names it and that calls another revision is a warning", () => {
  const injectors = [
    ...ownInjector("1-19"),
    ...ownInjector("1-20"),
    ...tagInjector("prod", "1-20", { labelled: "1-19" }),
  ];
  const proof = proveDisuse(cleanupFacts({ mesh: { injectors, namespaces: [{ name: "shop" }] } }));
  assert.equal(proof.state, "unused");
  assert.deepEqual(
    proof.routes.flatMap(({ findings }) => findings.map(({ severity, object }) => `${severity} ${object}`)),
    ["warning tag/prod"],
  );
});

test("proxies of several istiods are told once, and those of other revisions not at all", () => {
  const facts = cleanupFacts();
  const mesh = {
    ...facts.mesh,
    answers: [
      answered("1-19", [connection("vm")], "istio-system/a"),
      answered("1-19", [connection("vm")], "istio-system/istiod-1-19-7f-abc"),
      unanswered("1-20"),
    ],
  };
  assert.deepEqual(speaking(proveDisuse({ ...facts, mesh })), ["cleanup-connections: production/Pod/vm"]);
});
