import assert from "node:assert/strict";
import test from "node:test";
import type { Injector } from "../../../../src/mesh/model.ts";
import { targetConfigChecks } from "../../../../src/upgrade/checks/preflight/target-config.ts";
import type {
  ControlPlaneEvidence,
  NamedProvider,
} from "../../../../src/upgrade/preflight/evidence/control-plane-evidence.ts";
import type { MeshSettings } from "../../../../src/upgrade/preflight/mesh-settings.ts";
import {
  autoscaler,
  budget,
  config,
  deployment,
  type FactWords,
  foundIn,
  pair,
  preflightFacts,
} from "../../../fixtures/control-plane-facts.ts";
import { type MeshWords, ownInjector, tagInjector } from "../../../fixtures/mesh.ts";
import { brief } from "../../../fixtures/plan.ts";

const one: MeshWords = {
  controlPlanes: [pair("1-20", { version: "1.20.8", desiredReplicas: 1, readyReplicas: 1 }), pair("default")],
};
const around = (change: Partial<ControlPlaneEvidence>): FactWords => ({ around: change });
const scaled = (change: Parameters<typeof autoscaler>[1]): FactWords =>
  around({ autoscalers: [autoscaler("default"), autoscaler("1-20", change)] });
const noMetrics = { failing: [{ type: "ScalingActive", reason: "FailedGetResourceMetric" }] };
const settings = (old: MeshSettings, target: MeshSettings): FactWords =>
  around({ meshConfigs: [config("default", old), config("1-20", target)] });

/** Base64, as a webhook has it. */
const bundle = (...certificates: readonly string[]): string =>
  btoa(certificates.map((body) => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`).join(""));
const withBundle = (injectors: readonly Injector[], caBundle: string): readonly Injector[] =>
  injectors.map((injector) => ({
    ...injector,
    entry: { ...injector.entry, clientConfig: { ...injector.entry.clientConfig, caBundle } },
  }));
const roots = (old: string, target: string, rootCertificates?: string): FactWords => ({
  mesh: {
    injectors: [
      ...withBundle(ownInjector("1-20"), target),
      ...withBundle(tagInjector("default", "default"), old),
      ...withBundle(ownInjector("default", { deactivated: true }), old),
    ],
  },
  around: { rootCertificates },
});
const ignoring: MeshWords = {
  injectors: [
    ...ownInjector("1-20").map((each) => ({ ...each, entry: { ...each.entry, failurePolicy: "Ignore" } })),
    ...tagInjector("default", "default"),
  ],
};

const named = (kind: NamedProvider["kind"], provider: string, change: Partial<NamedProvider> = {}): NamedProvider => ({
  ...{ kind, namespace: "production", name: "it", provider, revision: undefined },
  ...change,
});
const providers = (
  old: readonly string[],
  target: readonly string[],
  ...names: readonly NamedProvider[]
): FactWords => {
  const having = (all: readonly string[]) => ({
    extensionProviders: all.map((name) => ({ name, envoyExtAuthzGrpc: {} })),
  });
  return around({ meshConfigs: [config("default", having(old)), config("1-20", having(target))], providers: names });
};

const hpa = "target-autoscaler warning istio-system/HorizontalPodAutoscaler/istiod-1-20";
const root = (severity: string) => `root-of-trust ${severity} MutatingWebhookConfiguration/istio-sidecar-injector-1-20`;
const inConfig = (check: string, severity: string) => `${check} ${severity} ConfigMap istio-system/istio-1-20`;
const differs = inConfig("mesh-config-differences", "note");
const lost = inConfig("mesh-config-differences", "warning");
const missing = inConfig("providers-exist", "blocker");

const table: readonly (readonly [what: string, words: FactWords, found: readonly string[], message?: RegExp])[] = [
  ["two replicas, the same settings", {}, []],
  ["its autoscaler is at its maximum", scaled({ current: 5 }), [hpa], /at its maximum of 5/],
  ["a fixed number of replicas by an autoscaler", scaled({ min: 2, max: 2, current: 2 }), []],
  ["its autoscaler has no metrics", scaled(noMetrics), [hpa], /ScalingActive is False: FailedGetResourceMetric.*stays at 2/],
  ["its autoscaler selects the pods of another", scaled({ failing: [{ type: "ScalingActive", reason: "AmbiguousSelector" }] }), [hpa]],
  ["its autoscaler is limited, which is no fault", scaled({ failing: [{ type: "ScalingLimited", reason: "DesiredWithinRange" }] }), []],
  ["a new autoscaler has no metrics yet", around({ autoscalers: [autoscaler("1-20", noMetrics)], deployments: [{ ...deployment("1-20"), createdAt: "2026-11-03T04:03:00Z" }] }), []],
  ["the autoscaler of another istiod", around({ autoscalers: [autoscaler("default", noMetrics), autoscaler("1-20")] }), []],
  ["a budget that allows nothing", around({ disruptionBudgets: [budget("default"), budget("1-20", 0)] }), ["target-disruption-budget note istio-system/PodDisruptionBudget/istiod-1-20"]],
  ["the budget of another istiod allows nothing", around({ disruptionBudgets: [budget("default", 0), budget("1-20")] }), []],
  ["one replica", { mesh: one, around: { autoscalers: [autoscaler("1-20", { min: 1, current: 1 })] } }, ["target-replicas note istio-system/Deployment/istiod-1-20"], /one replica/],
  ["one replica without an autoscaler", { mesh: one, around: { autoscalers: [] } }, ["target-replicas note istio-system/Deployment/istiod-1-20"]],
  ["one replica, and an autoscaler that wants two", { mesh: one }, []],
  ["a webhook that is ignored when it fails", { mesh: ignoring }, ["target-webhook-policy warning MutatingWebhookConfiguration/istio-sidecar-injector-1-20"], /failurePolicy is Ignore/],
  ["an istiod of another release than its image", around({ versions: [{ istiod: "istio-system/istiod-1-20-7f-0", text: "1.20.7-abc-Clean" }] }), ["target-version warning istiod istio-system/istiod-1-20-7f-0"], /runs Istio 1\.20\.7, and its Deployment has the image of 1\.20\.8/],
  ["another istiod's release", around({ versions: [{ istiod: "istio-system/istiod-7f-0", text: "1.20.7-abc-Clean" }] }), []],
  ["an answer that is no release", around({ versions: [{ istiod: "istio-system/istiod-1-20-7f-0", text: "<html>" }] }), []],
  ["the same root certificate", roots(bundle("AAA"), bundle("AAA"), atob(bundle("AAA"))), []],
  ["the same in another order and form", roots(bundle("AAA", "BBB"), btoa(`# one\n${atob(bundle("BB\nB", "AAA", "AAA"))}`)), []],
  ["other root certificates", roots(bundle("AAA"), bundle("BBB")), [root("blocker")], /not those of revision default/],
  ["a part of them is the same", roots(bundle("AAA"), bundle("AAA", "BBB")), [root("warning")], /only a part/],
  ["a tag that nobody has renewed", { mesh: { injectors: [...withBundle(ownInjector("1-20"), bundle("AAA")), ...withBundle(tagInjector("prod", "1-20"), bundle("OLD")), ...withBundle(tagInjector("default", "default"), bundle("AAA"))] } }, []],
  ["a tag alone is left of the old one's webhooks", { mesh: { injectors: [...withBundle(ownInjector("1-20"), bundle("AAA")), ...withBundle(tagInjector("default", "default"), bundle("BBB"))] } }, [root("blocker")]],
  ["the target has no bundle", roots(bundle("AAA"), ""), [root("unknown")], /cannot be told/],
  ["the old one has no bundle", roots("", bundle("AAA")), [root("unknown")]],
  ["a bundle that is not base64", roots("§", bundle("AAA")), [root("unknown")]],
  ["the namespaces have another root certificate", roots(bundle("AAA"), bundle("AAA"), atob(bundle("CCC"))), ["root-of-trust blocker istio-system/ConfigMap/istio-ca-root-cert"], /none of the target's root certificates/],
  ["the namespaces have it among others", roots(bundle("AAA"), bundle("AAA"), atob(bundle("CCC", "AAA"))), []],
  ["the old webhook is gone", { mesh: { injectors: ownInjector("1-20"), namespaces: [{ name: "production", labels: { "istio.io/rev": "default" } }] } }, []],
  ["another trust domain", settings({}, { trustDomain: "td" }), [inConfig("trust-domain", "blocker")], /trustDomain is td, and that of revision default is cluster\.local; the target does not list cluster\.local/],
  ["another trust domain, known to the target alone", settings({}, { trustDomain: "td", trustDomainAliases: ["cluster.local"] }), [inConfig("trust-domain", "blocker")], /revision default does not list td/],
  ["another trust domain, known to both", settings({ trustDomainAliases: ["td"] }, { trustDomain: "td", trustDomainAliases: ["cluster.local"] }), []],
  ["the default trust domain, written down or not", settings({ trustDomain: undefined }, {}), []],
  ["another mesh id", settings({ defaultConfig: { meshId: "one" } }, { defaultConfig: { meshId: "two" } }), [inConfig("mesh-id", "warning")], /global\.meshID|is two, and that of revision default is one/],
  ["a mesh id that the target lacks", settings({ defaultConfig: { meshId: "one" } }, {}), [inConfig("mesh-id", "warning")]],
  ["a mesh id that is the trust domain", settings({ defaultConfig: { meshId: "cluster.local" } }, {}), []],
  ["other settings", settings({ accessLogFile: "/dev/stdout", defaultConfig: { holdApplicationUntilProxyStarts: true } }, { outboundTrafficPolicy: { mode: "REGISTRY_ONLY" } }), [differs], /in accessLogFile, defaultConfig\.holdApplicationUntilProxyStarts and outboundTrafficPolicy$/],
  ["defaults that are written down", settings({ enablePrometheusMerge: true, defaultConfig: { tracing: {}, proxyMetadata: {} }, rootNamespace: undefined, extensionProviders: [] }, {}), []],
  ["the same in another order", settings({ outboundTrafficPolicy: { mode: "ALLOW_ANY", x: [1] } }, { outboundTrafficPolicy: { x: [1], mode: "ALLOW_ANY" } }), []],
  ["discoverySelectors are told by a check of their own", settings({ discoverySelectors: [{ matchLabels: { a: "b" } }] }, {}), []],
  ["a second ConfigMap that the target lacks", around({ meshConfigs: [config("default", { accessLogFile: "/dev/stdout" }, ["shared-old", true]), config("1-20", {}, ["shared-new", false])] }), [lost], /shared-new does not exist, which its istiod reads too: these settings differ: accessLogFile/],
  ["a second ConfigMap that the target does not name", around({ meshConfigs: [config("default", { accessLogFile: "/dev/stdout" }, ["shared-old", true]), config("1-20")] }), [lost], /reads no second one/],
  ["a second ConfigMap that nobody has", around({ meshConfigs: [config("default", {}, ["shared-old", false]), config("1-20", {}, ["shared-new", false])] }), []],
  ["a mesh config that could not be read", around({ meshConfigs: [config("1-20", { trustDomain: "td" })] }), []],
  ["a provider of a CUSTOM policy that the target lacks", providers(["authz"], [], named("AuthorizationPolicy", "authz")), [differs, missing], /no extensionProvider authz, which AuthorizationPolicy production\/it uses: every request/],
  ["two policies, one provider", providers(["authz"], [], named("AuthorizationPolicy", "authz"), named("AuthorizationPolicy", "authz", { namespace: "istio-system", name: "all" })), [differs, missing], /production\/it and istio-system\/all/],
  ["a provider of a Telemetry that the target lacks", providers(["otel"], [], named("Telemetry", "otel")), [differs, missing], /what it should send is lost/],
  ["a provider that neither has", providers([], [], named("AuthorizationPolicy", "authz")), [inConfig("providers-exist", "warning")], /the old control plane does not have it either/],
  ["providers that the target has", providers(["authz", "otel"], ["authz", "otel"], named("AuthorizationPolicy", "authz"), named("Telemetry", "OTel")), []],
  ["the name of a CUSTOM policy's provider has to be the same to the letter", providers(["authz"], ["Authz"], named("AuthorizationPolicy", "authz")), [differs, missing]],
  ["Istio's own providers", providers([], [], named("Telemetry", "prometheus"), named("Telemetry", "envoy"), named("Telemetry", "stackdriver")), []],
  ["a policy of a namespace that stays", providers(["authz"], ["x"], named("AuthorizationPolicy", "authz", { namespace: "shop" })), [differs]],
  ["a policy of another revision", providers(["authz"], ["x"], named("AuthorizationPolicy", "authz", { revision: "default" })), [differs]],
]; // biome-ignore format: a table

const own = new Set(targetConfigChecks.map(({ id }) => id));
const speaking = (words: FactWords) => foundIn(preflightFacts(words)).filter(({ check }) => own.has(check));

for (const [what, words, expected, message] of table)
  test(what, () => {
    const found = speaking(words);
    assert.deepEqual(brief(found), expected);
    if (message) assert.match(found.map((finding) => `${finding.message}`).join("\n"), message);
  });

for (const [what, words, , message] of table)
  test(`not installed: ${what}`, () => {
    if (message === undefined) return;
    const { mesh, around: read = {} } = words;
    const planes = [pair("default")];
    const found = speaking({
      mesh: { ...mesh, controlPlanes: planes },
      around: { ...read, meshConfigs: [config("default")], deployments: [deployment("default")] },
      installed: false,
    });
    assert.deepEqual(brief(found), []);
  });

test("what breaks the mesh for certain is left out by name", () => {
  const words = { ...roots(bundle("AAA"), bundle("BBB")), ...settings({}, { trustDomain: "td" }) };
  for (const { check, accept } of speaking(words)) assert.deepEqual(accept, { flag: "--skip", value: check });
});
