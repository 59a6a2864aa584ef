import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { certificatesIn, decodedBundle } from "../../../src/upgrade/preflight/certificates.ts";
import {
  type MeshSettings,
  mergedSettings,
  meshIdOf,
  providerNames,
} from "../../../src/upgrade/preflight/mesh-settings.ts";
import {
  kubernetesMinor,
  minorRelease,
  refusedBelow,
  supportedKubernetes,
} from "../../../src/upgrade/preflight/releases.ts";
import { settingsThatDiffer } from "../../../src/upgrade/preflight/settings-differences.ts";

const merges: readonly (readonly [what: string, shared: MeshSettings, own: MeshSettings, merged: MeshSettings])[] = [
  ["nothing", {}, {}, {}],
  ["own settings win", { accessLogFile: "a", ingressClass: "x" }, { accessLogFile: "b" }, { accessLogFile: "b", ingressClass: "x" }],
  ["a mapping of the first level is replaced", { outboundTrafficPolicy: { mode: "A" } }, { outboundTrafficPolicy: {} }, { outboundTrafficPolicy: {} }],
  ["defaultConfig is merged", { defaultConfig: { a: 1, b: 1 } }, { defaultConfig: { b: 2 } }, { defaultConfig: { a: 1, b: 2 } }],
  ["proxyMetadata is merged", { defaultConfig: { c: 1, proxyMetadata: { A: "1", B: "1" } } }, { defaultConfig: { proxyMetadata: { B: "2" } } }, { defaultConfig: { c: 1, proxyMetadata: { A: "1", B: "2" } } }],
  ["defaultProviders are merged", { defaultProviders: { metrics: ["a"], tracing: ["t"] } }, { defaultProviders: { metrics: ["b"] } }, { defaultProviders: { metrics: ["b"], tracing: ["t"] } }],
  ["providers by name", { extensionProviders: [{ name: "a", x: 1 }, { name: "b", x: 1 }] }, { extensionProviders: [{ name: "b", x: 2 }, { name: "c" }] }, { extensionProviders: [{ name: "a", x: 1 }, { name: "b", x: 2 }, { name: "c" }] }],
  ["aliases are added", { trustDomainAliases: ["a", "b"] }, { trustDomainAliases: ["b", "c"] }, { trustDomainAliases: ["a", "b", "c"] }],
  ["forms that are none", { defaultConfig: "x", extensionProviders: "y" }, { defaultConfig: { a: 1 } }, { defaultConfig: { a: 1 }, extensionProviders: "y" }],
]; // biome-ignore format: a table

for (const [what, shared, own, merged] of merges)
  test(`two mesh configs: ${what}`, () => assert.deepEqual(mergedSettings(shared, own), merged));

test("the mesh id is the trust domain where there is none", () => {
  assert.equal(meshIdOf({}), "cluster.local");
  assert.equal(meshIdOf({ trustDomain: "td" }), "td");
  assert.equal(meshIdOf({ trustDomain: "td", defaultConfig: { meshId: "m" } }), "m");
});

test("a provider without a name is none", () => {
  const settings = { extensionProviders: [{ zipkin: {} }, "x", null, { name: "z" }] };
  assert.deepEqual(providerNames(settings), ["prometheus", "stackdriver", "envoy", "z"]);
});

const values = fc.dictionary(
  fc.constantFrom("a", "b", "enableTracing", "defaultConfig", "trustDomain"),
  fc.jsonValue(),
);

test("a mesh config never differs from itself, whatever it contains", () => {
  fc.assert(
    fc.property(values, (settings) => assert.deepEqual(settingsThatDiffer(settings, structuredClone(settings)), [])),
  );
});

test("a difference is the same from both sides", () => {
  fc.assert(
    fc.property(values, values, (a, b) => assert.deepEqual(settingsThatDiffer(a, b), settingsThatDiffer(b, a))),
  );
});

test("a key that nobody knows and that has another value is a difference", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.integer(), (key, value) => {
      fc.pre(!["trustDomain", "trustDomainAliases", "discoverySelectors", "defaultConfig", "__proto__"].includes(key));
      assert.deepEqual(settingsThatDiffer({ [key]: value }, { [key]: value + 1 }), [key]);
    }),
  );
});

const bundles: readonly (readonly [what: string, text: string, certificates: readonly string[]])[] = [
  ["none", "", []],
  ["white space", " \n", []],
  ["one", "-----BEGIN CERTIFICATE-----\nAA\nBB\n-----END CERTIFICATE-----\n", ["AABB"]],
  ["one twice, with words around it", "# ca\n-----BEGIN CERTIFICATE-----\r\nAABB\r\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nAABB\n-----END CERTIFICATE-----", ["AABB"]],
  ["no PEM", "CA\n", ["CA"]],
]; // biome-ignore format: a table
for (const [what, text, certificates] of bundles)
  test(`certificates of a bundle: ${what}`, () => {
    assert.deepEqual(certificatesIn(text), certificates);
    assert.deepEqual(certificatesIn(decodedBundle(btoa(text))), certificates);
  });

test("what is not base64 has no certificates", () => assert.equal(decodedBundle("§§"), ""));

test("minor releases of Istio and of Kubernetes", () => {
  const istio = ["1.20.8", "1.31.0-rc.0", "1.29.1-distroless", "2.0.0", "latest", undefined].map(minorRelease);
  assert.deepEqual(istio, [20, 31, 29, undefined, undefined, undefined]);
  const kubernetes = ["v1.36.3", "v1.29.8-gke.1096000", "1.30.0+k3s1", "v1.31+", "v2.0.0", "x"].map(kubernetesMinor);
  assert.deepEqual(kubernetes, [36, 29, 30, 31, undefined, undefined]);
});

test("no release refuses a Kubernetes that it supports, and none goes back", () => {
  let before: readonly [number, number] = [0, 0];
  for (const [minor, [first, last]] of supportedKubernetes) {
    assert.ok(first < last && before[0] <= first && before[1] <= last, `1.${minor}`);
    assert.ok((refusedBelow.get(minor) ?? first) <= first, `1.${minor}`);
    before = [first, last];
  }
});
