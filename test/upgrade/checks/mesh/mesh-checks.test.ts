import assert from "node:assert/strict";
import { test } from "node:test";
import { meshFindings } from "../../../../src/upgrade/checks/mesh/mesh-checks.ts";
import { type MeshWords, mesh, ownInjector, plane, tag, tagInjector } from "../../../fixtures/mesh.ts";
import { pod } from "../../../fixtures/pods.ts";
import { dead, production, sound, undo, undoRecord } from "../../../fixtures/sound-mesh.ts";

/** Each a change to a sound mesh, and the findings that it makes: `check object`. */
const cases: Record<string, [change: MeshWords, findings: string[]]> = {
  "a sound mesh": [{}, []],
  "both labels at once": [
    { namespaces: production({ "istio-injection": "enabled", "istio.io/rev": "default" }), workloads: [] },
    ["both-labels namespace/production"],
  ],
  "both labels, one of them empty": [
    { namespaces: production({ "istio-injection": "", "istio.io/rev": "1-20" }), workloads: [] },
    ["both-labels namespace/production"],
  ],
  "a label nobody serves": [
    { namespaces: production({ "istio.io/rev": "1-2O" }) },
    ["label-unserved namespace/production", "sidecar-lost-at-restart namespace/production"],
  ],
  "a label that is the name of a property of every object": [
    { namespaces: production({ "istio.io/rev": "constructor" }), workloads: [] },
    ["label-unserved namespace/production"],
  ],
  "istio-injection=disabled asks for nothing": [
    { namespaces: production({ "istio-injection": "disabled" }), workloads: [] },
    [],
  ],
  "istio-injection=enabled without a default": [
    {
      injectors: ownInjector("1-20"),
      tags: [],
      controlPlanes: [plane("1-20")],
      defaultValidator: undefined,
      workloads: [],
    },
    ["label-unserved namespace/shop"],
  ],
  "a tag to a missing revision": [
    { tags: [tag("prod", "1-18"), tag("default", "default")] },
    ["tag-to-missing-revision tag/prod"],
  ],
  "a tag that is only a Service": [
    { tags: [tag("prod", "1-20", { injects: false, webhook: undefined }), tag("default", "default")] },
    ["tag-without-webhook tag/prod"],
  ],
  "a tag whose webhook and Service disagree": [
    {
      tags: [
        tag("prod", "1-20"),
        tag("prod", "default", { injects: false, webhook: undefined }),
        tag("default", "default"),
      ],
      injectors: [...(sound.injectors ?? []), ...tagInjector("prod", "1-20")],
    },
    ["tag-disagrees tag/prod"],
  ],
  "a tag whose webhook calls another revision than its label names": [
    {
      tags: [tag("prod", "1-20"), tag("default", "default")],
      injectors: [...(sound.injectors ?? []), ...tagInjector("prod", "1-20", { labelled: "prod" })],
    },
    ["webhook-label-disagrees MutatingWebhookConfiguration/istio-revision-tag-prod"],
  ],
  "a deactivated webhook calls nobody": [
    {
      tags: [tag("prod", "1-20", { injects: false }), tag("default", "default")],
      injectors: [...(sound.injectors ?? []), ...tagInjector("prod", "1-20", { labelled: "prod", deactivated: true })],
    },
    ["tag-without-webhook tag/prod"],
  ],
  "default tag and default validator that disagree": [
    { defaultValidator: { name: "istiod-default-validator", revision: "1-20" } },
    ["defaults-disagree ValidatingWebhookConfiguration/istiod-default-validator"],
  ],
  "a default validator of a removed revision": [
    { defaultValidator: { name: "istiod-default-validator", revision: "1-18" } },
    ["default-validator-missing-revision ValidatingWebhookConfiguration/istiod-default-validator"],
  ],
  "pods without a sidecar where one is due": [
    { workloads: [{ namespace: "production", name: "web", runs: ["1-20", null, null] }] },
    ["sidecar-missing namespace/production"],
  ],
  "finished pods of a Job are history": [
    { workloads: [{ namespace: "production", name: "web", runs: [null, "1-18"], pod: { phase: "Succeeded" } }] },
    [],
  ],
  "stale workloads": [
    { workloads: [{ namespace: "production", name: "web", runs: ["default", "1-20"] }] },
    ["stale-workloads namespace/production"],
  ],
  "a stale bare pod": [{ pods: [pod("production", "lonely", "default")] }, ["stale-workloads namespace/production"]],
  "a pod that does not say its revision is neither stale nor right": [
    { workloads: [{ namespace: "production", name: "web", runs: ["1-20"], proxy: { revision: undefined } }] },
    [],
  ],
  "a managed gateway follows istiod, not a webhook": [
    {
      workloads: [
        {
          namespace: "production",
          name: "gw-istio",
          podLabels: { "sidecar.istio.io/inject": "false" },
          runs: ["default"],
          proxy: { kind: "managed-gateway" },
        },
      ],
    },
    [],
  ],
  "pods on a revision without a control plane": [
    { workloads: [{ namespace: "production", name: "web", runs: ["1-18"] }] },
    ["stale-workloads namespace/production", "control-plane-missing namespace/production"],
  ],
  "a webhook without istiod": [
    {
      controlPlanes: [...(sound.controlPlanes ?? []), plane("1-18", dead)],
      injectors: [...(sound.injectors ?? []), ...ownInjector("1-18")],
    },
    ["webhook-without-deployment revision/1-18"],
  ],
  "a webhook of an istiod outside the cluster": [
    {
      controlPlanes: [...(sound.controlPlanes ?? []), plane("1-18", dead)],
      injectors: [
        ...(sound.injectors ?? []),
        ...ownInjector("1-18").map((injector) => ({
          ...injector,
          entry: { ...injector.entry, clientConfig: { url: "https://istiod.example.com/inject" } },
        })),
      ],
    },
    [],
  ],
  "istiod without a webhook": [
    { controlPlanes: [...(sound.controlPlanes ?? []), plane("1-18")] },
    ["deployment-without-webhook revision/1-18"],
  ],
  "an own webhook deactivated with no tag behind it": [
    {
      controlPlanes: [...(sound.controlPlanes ?? []), plane("1-18")],
      injectors: [...(sound.injectors ?? []), ...ownInjector("1-18", { deactivated: true })],
    },
    ["webhook-deactivated revision/1-18"],
  ],
  "a revision of which only pods are left": [
    { controlPlanes: [...(sound.controlPlanes ?? []), plane("1-18", dead)] },
    [],
  ],
  "a tag of a revision whose Deployment was removed under its pods": [
    {
      controlPlanes: [...(sound.controlPlanes ?? []), plane("1-18", { deployment: undefined })],
      tags: [tag("prod", "1-18"), tag("default", "default")],
    },
    [],
  ],
  "istiod of which only a tag's webhook is left": [
    {
      controlPlanes: [...(sound.controlPlanes ?? []), plane("1-18")],
      injectors: [...(sound.injectors ?? []), ...tagInjector("prod", "1-18")],
    },
    ["deployment-without-webhook revision/1-18"],
  ],
  "an own webhook of which one entry is deactivated": [
    {
      controlPlanes: [...(sound.controlPlanes ?? []), plane("1-18")],
      injectors: [
        ...(sound.injectors ?? []),
        ...ownInjector("1-18").map((injector, at) => ({ ...injector, deactivated: at === 0 })),
      ],
    },
    [],
  ],
  "an own webhook deactivated with a deactivated tag behind it": [
    {
      controlPlanes: [...(sound.controlPlanes ?? []), plane("1-18")],
      injectors: [
        ...(sound.injectors ?? []),
        ...ownInjector("1-18", { deactivated: true }),
        ...tagInjector("prod", "1-18", { deactivated: true }),
      ],
    },
    ["webhook-deactivated revision/1-18"],
  ],
  "a webhook by URL needs no CA bundle": [
    {
      injectors: [
        ...(sound.injectors ?? []),
        ...ownInjector("1-20", { caBundle: false }).map((injector) => ({
          ...injector,
          configuration: "by-url",
          entry: {
            ...injector.entry,
            namespaceSelector: { matchLabels: { team: "x" } },
            clientConfig: { url: "https://istiod.example.com/inject" },
          },
        })),
      ],
    },
    [],
  ],
  "an un-revisioned install that injects by default, and a validator of another revision": [
    {
      tags: [],
      injectors: [...ownInjector("1-20"), ...ownInjector("default")],
      defaultValidator: { name: "istiod-default-validator", revision: "1-20" },
    },
    ["defaults-disagree ValidatingWebhookConfiguration/istiod-default-validator"],
  ],
  "nothing that injects by default, and a validator": [
    {
      tags: [],
      injectors: [...ownInjector("1-20"), ...ownInjector("default", { deactivated: true })],
      namespaces: [],
      workloads: [],
    },
    ["webhook-deactivated revision/default"],
  ],
  "a tag's webhook of the un-revisioned install is no default": [
    {
      tags: [tag("old", "default")],
      injectors: [
        ...ownInjector("1-20"),
        ...ownInjector("default", { deactivated: true }),
        ...tagInjector("old", "default"),
      ],
      defaultValidator: { name: "istiod-default-validator", revision: "1-20" },
      namespaces: [],
      workloads: [],
    },
    [],
  ],
  "a webhook that refuses the pods of one workload": [
    {
      injectors: [
        ...ownInjector("1-20", { readyEndpoints: 0 }),
        ...tagInjector("default", "default"),
        ...ownInjector("default", { deactivated: true }),
      ],
      namespaces: [{ name: "plain" }],
      workloads: [{ namespace: "plain", name: "web", podLabels: { "istio.io/rev": "1-20" }, runs: [] }],
    },
    ["pods-refused namespace/plain"],
  ],
  "a webhook that cannot be told": [
    {
      injectors: [
        ...ownInjector("1-20", { policy: "unknown" }),
        ...tagInjector("default", "default"),
        ...ownInjector("default", { deactivated: true }),
      ],
      workloads: [],
    },
    ["injection-unknown namespace/production"],
  ],
  "an istiod of which nothing is said, beside one that is silent for the same reason": [
    {
      silent: ["istio-system/istiod-1-20-7f-abc"],
      unknown: [{ subject: "istiod istio-system/istiod-1-20-7f-new", reason: "no answer within 5s" }],
    },
    ["istiod-silent revision/1-20", "unread istiod istio-system/istiod-1-20-7f-new"],
  ],
  "a read of no namespace that failed for the reason of a silence": [
    { silent: ["istio-system/istiod-1-20-7f-abc"], unknown: [{ subject: "gateways", reason: "no answer within 5s" }] },
    ["istiod-silent revision/1-20", "unread gateways"],
  ],
  "a revision without a ready istiod": [
    { controlPlanes: [plane("1-20", { readyReplicas: 0 }), plane("default")] },
    ["revision-not-ready revision/1-20"],
  ],
  "a revision scaled to 0": [
    { controlPlanes: [plane("1-20", { readyReplicas: 0, desiredReplicas: 0, istiods: [] }), plane("default")] },
    ["revision-not-ready revision/1-20"],
  ],
  "a webhook without a CA bundle": [
    {
      injectors: [
        ...ownInjector("1-20", { caBundle: false }),
        ...(sound.injectors ?? []).filter((injector) => injector.revision !== "1-20"),
      ],
    },
    ["webhook-without-ca revision/1-20", "pods-refused namespace/production"],
  ],
  "a webhook whose Service has no endpoints": [
    {
      injectors: [
        ...ownInjector("1-20", { readyEndpoints: 0 }),
        ...(sound.injectors ?? []).filter((injector) => injector.revision !== "1-20"),
      ],
    },
    ["pods-refused namespace/production"],
  ],
  "several injectors for one pod": [
    { injectors: [...(sound.injectors ?? []), ...ownInjector("default")] },
    ["several-injectors namespace/shop"],
  ],
  "an istiod that does not answer": [{ silent: ["istio-system/istiod-1-20-7f-abc"] }, ["istiod-silent revision/1-20"]],
  "told once, though the snapshot names it too": [
    {
      silent: ["istio-system/istiod-1-20-7f-abc"],
      unknown: [{ subject: "istiod istio-system/istiod-1-20-7f-abc", reason: "no answer within 5s" }],
    },
    ["istiod-silent revision/1-20"],
  ],
  "a read that failed": [
    { unknown: [{ subject: "pods in namespace production", reason: "pods is forbidden", namespace: "production" }] },
    ["unread namespace/production"],
  ],
  "a proxy connected to another revision": [
    { connected: { "web-0": "default" } },
    ["connected-elsewhere namespace/production"],
  ],
  "a proxy that does not say its revision is no stranger anywhere": [
    {
      workloads: [{ namespace: "production", name: "web", runs: ["1-20"], proxy: { revision: undefined } }],
      connected: { "web-0": "default" },
    },
    [],
  ],
  "a proxy connected nowhere may be reconnecting": [{ connected: { "web-0": null } }, []],
  "an open migration to nowhere": [
    { namespaces: undo('{"version":1,"state":"open"}') },
    ["migration-open namespace/production"],
  ],
  "a record in no JSON": [{ namespaces: undo("{") }, ["migration-open namespace/production"]],
  "an open migration": [{ namespaces: undo(undoRecord()) }, ["migration-open namespace/production"]],
  "a migration that ended": [{ namespaces: undo(undoRecord({ state: "done" })) }, []],
  "a record that nobody can read": [{ namespaces: undo("null") }, ["migration-open namespace/production"]],
};

for (const [name, [change, expected]] of Object.entries(cases)) {
  test(name, () => {
    const findings = meshFindings(mesh({ ...sound, ...change }));
    assert.deepEqual(
      findings.map(({ check, object }) => `${check} ${object}`),
      expected,
    );
  });
}

test("the un-revisioned injector is expected to be deactivated while the default tag leads to another revision", () => {
  const injectors = [...ownInjector("1-20"), ...ownInjector("default", { deactivated: true })];
  const severities = [[], tagInjector("default", "1-20")].map((tags) =>
    meshFindings(mesh({ ...sound, tags: [], namespaces: [], workloads: [], injectors: [...injectors, ...tags] }))
      .filter(({ check }) => check === "webhook-deactivated")
      .map(({ severity }) => severity),
  );
  assert.deepEqual(severities, [["warning"], ["note"]]);
});

test("every finding has a remedy, except where evidence is missing", () => {
  for (const [change] of Object.values(cases)) {
    for (const finding of meshFindings(mesh({ ...sound, ...change })))
      assert.ok(finding.remedy !== undefined || finding.severity === "unknown", finding.check);
  }
});
