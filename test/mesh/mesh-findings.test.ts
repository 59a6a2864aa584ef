import assert from "node:assert/strict";
import { test } from "node:test";
import { meshFindings } from "../../src/mesh/mesh-findings.ts";
import { undoAnnotation } from "../../src/mesh/model.ts";
import {
  connection,
  halfMoved,
  type MeshWords,
  mesh,
  type NamespaceWords,
  ownInjector,
  plane,
  pod,
  tag,
  tagInjector,
} from "./mesh-scene.ts";

const sound: MeshWords = {
  controlPlanes: [plane("1-20"), plane("default", { version: "1.19.0" })],
  injectors: [...ownInjector("1-20"), ...tagInjector("default", "default"), ...ownInjector("default", { deactivated: true })],
  tags: [tag("default", "default")],
  defaultValidator: { name: "istiod-default-validator", revision: "default" },
  namespaces: [
    { name: "production", labels: { "istio.io/rev": "1-20" } },
    { name: "shop", labels: { "istio-injection": "enabled" } },
    { name: "kube-system" },
  ],
  workloads: [
    { namespace: "production", name: "web", runs: ["1-20", "1-20"] },
    { namespace: "production", name: "batch", podLabels: { "sidecar.istio.io/inject": "false" }, runs: [null] },
    { namespace: "shop", name: "cart", runs: ["default"] },
    { namespace: "kube-system", name: "dns", runs: [null] },
  ],
};

const production = (labels: Record<string, string>, rest: object = {}): readonly NamespaceWords[] => [
  { name: "production", labels, ...rest },
];
const dead = { deployment: undefined, istiods: [], readyReplicas: 0, desiredReplicas: 0 };
const undo = (text: string) => production({ "istio.io/rev": "1-20" }, { annotations: { [undoAnnotation]: text } });

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
  "istio-injection=disabled asks for nothing": [{ namespaces: production({ "istio-injection": "disabled" }), workloads: [] }, []],
  "istio-injection=enabled without a default": [
    { injectors: ownInjector("1-20"), tags: [], controlPlanes: [plane("1-20")], defaultValidator: undefined, workloads: [] },
    ["label-unserved namespace/shop"],
  ],
  "a tag to a missing revision": [{ tags: [tag("prod", "1-18"), tag("default", "default")] }, ["tag-to-missing-revision tag/prod"]],
  "a tag that is only a Service": [
    { tags: [tag("prod", "1-20", { injects: false, webhook: undefined }), tag("default", "default")] },
    ["tag-without-webhook tag/prod"],
  ],
  "a tag whose webhook and Service disagree": [
    {
      tags: [tag("prod", "1-20"), tag("prod", "default", { injects: false, webhook: undefined }), tag("default", "default")],
      injectors: [...(sound.injectors ?? []), ...tagInjector("prod", "1-20")],
    },
    ["tag-disagrees tag/prod"],
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
  "a proxy connected to another revision": [{ connected: { "web-0": "default" } }, ["connected-elsewhere namespace/production"]],
  "a proxy connected nowhere may be reconnecting": [{ connected: { "web-0": null } }, []],
  "an open migration": [
    { namespaces: undo('{"version":1,"state":"open","target":{"label":"1-20"}}') },
    ["migration-open namespace/production"],
  ],
  "a migration that ended": [{ namespaces: undo('{"version":1,"state":"done","target":{"label":"1-20"}}') }, []],
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

test("every finding has a remedy, except where evidence is missing", () => {
  for (const [change] of Object.values(cases)) {
    for (const finding of meshFindings(mesh({ ...sound, ...change })))
      assert.ok(finding.remedy !== undefined || finding.severity === "unknown", finding.check);
  }
});

test("a configuration that a proxy rejects is told in the proxy's words", () => {
  const answered = mesh(sound);
  const rejected = connection("production", "web-0", {
    lds: "rejected",
    rejected: [{ type: "LDS", message: "duplicate listener 0.0.0.0_80" }],
  });
  const [finding, ...rest] = meshFindings({
    ...answered,
    answers: answered.answers.map((answer) =>
      answer.kind === "answered" && answer.revision === "1-20" ? { ...answer, proxies: [rejected] } : answer,
    ),
  });
  assert.equal(finding?.check, "configuration-rejected");
  assert.match(finding?.message ?? "", /web-0 rejects configuration: LDS: duplicate listener/);
  assert.deepEqual(rest, []);
});

test("the remedy for stale pods follows the label: a migration where istio.io/rev says it, a restart where the default does", () => {
  const findings = meshFindings(
    mesh({
      ...sound,
      workloads: [
        { namespace: "production", name: "web", runs: ["default"] },
        { namespace: "shop", name: "cart", runs: ["1-20"] },
      ],
    }),
  );
  assert.deepEqual(
    findings.map((finding) => finding.remedy),
    ["kubectl mesh-migrate -n production --to 1-20", "kubectl rollout restart -n shop deployment/cart"],
  );
});

test("one finding a namespace, however many workloads are stale", () => {
  const workloads = Array.from({ length: 30 }, (_, index) => ({ namespace: "production", name: `w${index}`, runs: ["default"] }));
  const [finding, ...rest] = meshFindings(mesh({ ...sound, workloads }));
  assert.equal(
    finding?.message,
    "30 pods of deployment/w0, deployment/w1, deployment/w2 and 27 more run default; 1-20 would inject them today",
  );
  assert.deepEqual(rest, []);
});

test("a half-moved mesh", () => {
  assert.deepEqual(
    meshFindings(halfMoved).map(({ check, message }) => `${check}: ${message}`),
    ["stale-workloads: 3 pods of deployment/api and statefulset/db run default; 1-20 would inject them today"],
  );
});
