import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Injectable, injectableFrom, injectionOf } from "../../src/mesh/injection.ts";
import type { Labels, WebhookEntry } from "../../src/mesh/kubernetes.ts";
import type { Injection, Injector } from "../../src/mesh/model.ts";
import { deactivated, injectorsOf, live, releases, rendered, revisionOfRelease } from "./rendered.ts";

const outcome = (injection: Injection): string =>
  injection.kind === "injected" || injection.kind === "refused"
    ? `${injection.kind} ${injection.revision}`
    : injection.kind;
const decide = (injectors: readonly Injector[], labels: Labels, pod: Injectable = {}, name = "production"): Injection =>
  injectionOf(injectors, { name, labels }, pod);

/**
 * REV is the revision of the release. The two results: with an installation without a revision beside it, and with the
 * revision as default tag.
 */
const precedence: readonly (readonly [
  namespace: Labels,
  pod: Labels,
  besideUnrevisioned: string,
  asDefaultTag: string,
])[] = [
  [{}, {}, "none", "injected REV"], // the default tag of the fixtures enables namespaces by default
  [{ "istio-injection": "enabled" }, {}, "injected default", "injected REV"],
  [{ "istio-injection": "disabled" }, {}, "none", "none"],
  [{ "istio-injection": "" }, {}, "none", "none"],
  [{ "istio.io/rev": "REV" }, {}, "injected REV", "injected REV"],
  [{ "istio.io/rev": "default" }, {}, "injected default", "injected REV"],
  [{ "istio.io/rev": "prod-stable" }, {}, "injected REV", "injected REV"],
  [{ "istio.io/rev": "typo" }, {}, "none", "none"],
  [{ "istio.io/rev": "constructor" }, {}, "none", "none"],
  [{ "istio-injection": "enabled", "istio.io/rev": "REV" }, {}, "injected default", "injected REV"],
  [{ "istio-injection": "disabled", "istio.io/rev": "REV" }, {}, "none", "none"],
  [{ "istio-injection": "disabled" }, { "istio.io/rev": "REV", "sidecar.istio.io/inject": "true" }, "none", "none"],
  [{ "istio-injection": "enabled" }, { "istio.io/rev": "REV" }, "injected default", "injected REV"],
  [{ "istio-injection": "enabled" }, { "sidecar.istio.io/inject": "false" }, "none", "none"],
  [{ "istio.io/rev": "REV" }, { "istio.io/rev": "default" }, "injected REV", "injected REV"],
  [{ "istio.io/rev": "default" }, { "istio.io/rev": "REV" }, "injected default", "injected REV"],
  [{ "istio.io/rev": "REV" }, { "sidecar.istio.io/inject": "false" }, "none", "none"],
  [{ "istio.io/rev": "REV" }, { "sidecar.istio.io/inject": "true" }, "injected REV", "injected REV"],
  [{}, { "istio.io/rev": "REV" }, "injected REV", "injected REV"],
  [{}, { "istio.io/rev": "prod-stable" }, "injected REV", "injected REV"],
  [{}, { "istio.io/rev": "default" }, "injected default", "injected REV"],
  [{}, { "istio.io/rev": "REV", "sidecar.istio.io/inject": "false" }, "none", "none"],
  [{}, { "istio.io/rev": "typo" }, "none", "none"],
  [{}, { "istio.io/rev": "typo", "sidecar.istio.io/inject": "true" }, "none", "none"],
  [{}, { "sidecar.istio.io/inject": "true" }, "injected default", "injected REV"],
  [{}, { "sidecar.istio.io/inject": "false" }, "none", "none"],
  [{ "istio.io/rev": "typo" }, { "istio.io/rev": "REV" }, "none", "none"],
];

for (const release of releases) {
  const { unrevisioned, revisioned, defaultTag, prodStable } = rendered(release);
  const revision = revisionOfRelease(release);
  const named = (labels: Labels): Labels =>
    Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, value.replace("REV", revision)]));
  const beside = injectorsOf(release, live(unrevisioned), live(revisioned), live(prodStable));
  const tagged = injectorsOf(
    release,
    live(deactivated(unrevisioned)),
    live(revisioned),
    live(defaultTag),
    live(prodStable),
  );

  test(`precedence of the labels, webhooks of ${release}`, () => {
    for (const [namespace, pod, besideUnrevisioned, asDefaultTag] of precedence) {
      const title = JSON.stringify({ namespace, pod });
      assert.equal(
        outcome(decide(beside, named(namespace), { labels: named(pod) })),
        besideUnrevisioned.replace("REV", revision),
        title,
      );
      assert.equal(
        outcome(decide(tagged, named(namespace), { labels: named(pod) })),
        asDefaultTag.replace("REV", revision),
        title,
      );
    }
  });

  test(`without default revision and default tag, istio-injection=enabled injects nothing, ${release}`, () => {
    const injection = decide(injectorsOf(release, live(revisioned)), { "istio-injection": "enabled" });
    assert.deepEqual(injection, {
      kind: "none",
      reason: "no injector serves istio-injection=enabled (there is no default revision and no default tag)",
    });
  });

  test(`two injectors that match: both are named, the last called by name wins, ${release}`, () => {
    const twice = injectorsOf(release, live(defaultTag), live(unrevisioned), live(revisioned));
    const by = "istio-sidecar-injector";
    const expected = { kind: "injected", revision: "default", by, also: ["istio-revision-tag-default"] };
    assert.deepEqual(decide(twice, { "istio-injection": "enabled" }), expected);
  });
}

const { unrevisioned, revisioned } = rendered("1.20.0");
const revisionLabels = { "istio.io/rev": "1-20" };
const injectors = injectorsOf("1.20.0", live(revisioned));
const changed = (change: Partial<Injector>, entry: Partial<WebhookEntry> = {}): Injector[] =>
  injectors.map((injector) => ({ ...injector, ...change, entry: { ...injector.entry, ...entry } }));

for (const [title, pod, namespace, expected] of [
  ["hostNetwork", { hostNetwork: true }, "production", "none"],
  ["namespace kube-system", {}, "kube-system", "none"],
  ["namespace kube-public", {}, "kube-public", "none"],
  ["namespace kube-node-lease", {}, "kube-node-lease", "none"],
  ["namespace local-path-storage", {}, "local-path-storage", "none"],
  ["the older annotation, false", { annotations: { "sidecar.istio.io/inject": "false" } }, "production", "none"],
  [
    "the label wins over the annotation",
    { labels: { "sidecar.istio.io/inject": "true" }, annotations: { "sidecar.istio.io/inject": "false" } },
    "production",
    "injected 1-20",
  ],
  [
    "a template of the release",
    { annotations: { "inject.istio.io/templates": "gateway" } },
    "production",
    "injected 1-20",
  ],
  [
    "two templates of the release, with a space",
    { annotations: { "inject.istio.io/templates": "sidecar, gateway" } },
    "production",
    "injected 1-20",
  ],
  [
    "an unknown template",
    { annotations: { "inject.istio.io/templates": "sidecar, custom" } },
    "production",
    "refused 1-20",
  ],
] as const satisfies readonly (readonly [string, Injectable, string, string])[])
  test(`what istiod does with a pod: ${title}`, () =>
    assert.equal(outcome(decide(injectors, revisionLabels, pod, namespace)), expected));

for (const [title, altered, expected] of [
  ["no CA bundle", changed({ caBundle: false }), "refused 1-20"],
  ["no ready endpoints", changed({ readyEndpoints: 0 }), "refused 1-20"],
  ["no CA bundle, failures ignored", changed({ caBundle: false }, { failurePolicy: "Ignore" }), "none"],
  ["endpoints that could not be read", changed({ readyEndpoints: undefined }), "injected 1-20"],
  [
    "a webhook with a URL, without a CA bundle",
    changed({ caBundle: false, readyEndpoints: undefined }, { clientConfig: { url: "https://istiod.example" } }),
    "injected 1-20",
  ],
  ["match conditions", changed({}, { matchConditions: [{ name: "mine", expression: "true" }] }), "unknown"],
  [
    "an unknown selector operator",
    changed({}, { objectSelector: { matchExpressions: [{ key: "a", operator: "Gt" }] } }),
    "unknown",
  ],
  ["no rules", changed({}, { rules: [] }), "none"],
  [
    "rules for updates",
    changed({}, { rules: [{ operations: ["UPDATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] }] }),
    "none",
  ],
  [
    "rules for services",
    changed({}, { rules: [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["services"] }] }),
    "none",
  ],
  [
    "rules for the apps group",
    changed({}, { rules: [{ operations: ["CREATE"], apiGroups: ["apps"], apiVersions: ["v1"], resources: ["pods"] }] }),
    "none",
  ],
  [
    "rules for cluster objects",
    changed(
      {},
      { rules: [{ operations: ["*"], apiGroups: ["*"], apiVersions: ["*"], resources: ["*"], scope: "Cluster" }] },
    ),
    "none",
  ],
  [
    "rules for everything",
    changed(
      {},
      { rules: [{ operations: ["*"], apiGroups: ["*"], apiVersions: ["*"], resources: ["*/*"], scope: "*" }] },
    ),
    "injected 1-20",
  ],
  [
    "rules for every resource of the group",
    changed({}, { rules: [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["*"] }] }),
    "injected 1-20",
  ],
  [
    "rules for pods and their subresources",
    changed({}, { rules: [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods/*"] }] }),
    "injected 1-20",
  ],
  ["an empty rule", changed({}, { rules: [{}] }), "none"],
  ["an injector ConfigMap that could not be read", changed({ policy: "unknown" }), "unknown"],
  [
    "policy disabled",
    changed({ policy: { policy: "disabled", neverInject: [], alwaysInject: [], templates: [] } }),
    "none",
  ],
] as const satisfies readonly (readonly [string, readonly Injector[], string])[])
  test(`the result of the call: ${title}`, () => assert.equal(outcome(decide(altered, revisionLabels)), expected));

test("a refusal is certain, whatever the other injectors do", () => {
  const [first, second] = [
    changed({}, { matchConditions: [{ name: "mine", expression: "true" }] }),
    changed({ caBundle: false }),
  ];
  assert.equal(outcome(decide([...first, ...second], revisionLabels)), "refused 1-20");
});

test("unknown wins over injected, and injected wins over not injected", () => {
  const conditional = changed({}, { matchConditions: [{ name: "mine", expression: "true" }] });
  const ignored = changed({ caBundle: false }, { failurePolicy: "Ignore" });
  assert.deepEqual(decide([...injectors, ...conditional], revisionLabels), {
    kind: "unknown",
    reason: "webhook istio-sidecar-injector-1-20 has matchConditions (mine), which are not evaluated here",
  });
  assert.equal(outcome(decide([...injectors, ...ignored], revisionLabels)), "injected 1-20");
});

test("of three injectors that match, the last one called wins, and the others are listed in their order", () => {
  const three = ["a", "b", "c"].flatMap((configuration) => changed({ configuration }));
  assert.deepEqual(decide(three, revisionLabels), { kind: "injected", revision: "1-20", by: "c", also: ["a", "b"] });
});

const excluded = "the injector ConfigMap of revision 1-20 excludes this pod";
const off = (policy: string) => changed({ policy: { policy, neverInject: [], alwaysInject: [], templates: [] } });
const inject = (value: string): Injectable => ({ annotations: { "sidecar.istio.io/inject": value } });
const reasons: readonly (readonly [what: string, injectors: readonly Injector[], namespace: Labels, pod: Injectable, reason: string])[] = [
  ["the policy", off("disabled"), revisionLabels, {}, excluded],
  ["an unknown policy", off("off"), revisionLabels, inject("true"), excluded],
  ["the value no", injectors, revisionLabels, inject("no"), "the pod has sidecar.istio.io/inject=no"],
  ["the value false, where the policy could not be read", changed({ policy: "unknown" }), revisionLabels, inject("false"), "the pod has sidecar.istio.io/inject=false"],
  ["the value false of the label", injectors, revisionLabels, { labels: { "sidecar.istio.io/inject": "false" } }, "the pod has sidecar.istio.io/inject=false"],
  ["the namespace", injectors, { "istio-injection": "disabled" }, {}, "the namespace has istio-injection=disabled"],
  ["the namespace's revision", injectors, { "istio.io/rev": "typo" }, { labels: { "istio.io/rev": "1-20" } }, "no injector serves istio.io/rev=typo"],
  ["the pod's revision", injectors, {}, { labels: { "istio.io/rev": "typo" } }, "no injector serves the pod's istio.io/rev=typo"],
  ["the pod's inject label without an injector for it", injectors, {}, { labels: { "sidecar.istio.io/inject": "true" } }, "no injector serves the pod's sidecar.istio.io/inject=true"],
  ["no label", injectors, {}, {}, "neither the namespace nor the pod has an injection label"],
]; // biome-ignore format: a table

for (const [what, which, namespace, pod, reason] of reasons)
  test(`why a pod is not injected: ${what}`, () =>
    assert.deepEqual(decide(which, namespace, pod), { kind: "none", reason }));

test("a value whose meaning depends on the version is unknown while the version is unknown", () => {
  const { version: _, ...rest } = injectors[0] as Injector;
  const injection = decide([rest], revisionLabels, inject("no"));
  assert.match(
    injection.kind === "unknown" ? injection.reason : injection.kind,
    /inject=no depends on Istio.s version, and that of revision 1-20 is unknown/,
  );
});

test("a pod with inject=true does not depend on the policy", () => {
  assert.equal(
    outcome(decide(changed({ policy: "unknown" }), revisionLabels, { labels: { "sidecar.istio.io/inject": "true" } })),
    "injected 1-20",
  );
});

test("labels that no selector names have no effect", () => {
  const all = injectorsOf("1.20.0", live(unrevisioned), live(revisioned));
  const named = ["istio-injection", "istio.io/rev", "sidecar.istio.io/inject", "kubernetes.io/metadata.name"];
  const values = fc.constantFrom("enabled", "disabled", "true", "false", "1-20", "default");
  const labels = fc.dictionary(fc.constantFrom("istio-injection", "istio.io/rev", "sidecar.istio.io/inject"), values);
  const others = fc.dictionary(
    fc.string().filter((key) => !named.includes(key)),
    fc.string(),
  );
  fc.assert(
    fc.property(labels, labels, others, others, (namespace, pod, more, most) => {
      assert.deepEqual(
        decide(all, { ...more, ...namespace }, { labels: { ...most, ...pod } }),
        decide(all, namespace, { labels: pod }),
      );
    }),
  );
});

test("labels, annotations and host network of a pod template decide its injection", () => {
  const metadata = { labels: { a: "b" }, annotations: { c: "d" } };
  assert.deepEqual(injectableFrom({ metadata, spec: { containers: [], hostNetwork: true } }), {
    ...metadata,
    hostNetwork: true,
  });
  assert.deepEqual(injectableFrom({ spec: { containers: [] } }), { labels: {}, annotations: {}, hostNetwork: false });
});
