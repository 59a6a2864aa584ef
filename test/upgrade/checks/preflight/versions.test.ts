import assert from "node:assert/strict";
import test from "node:test";
import { istiodVersion } from "../../../../src/upgrade/checks/preflight/proxy-versions.ts";
import type { RevisionConfig } from "../../../../src/upgrade/preflight/evidence/control-plane-evidence.ts";
import {
  config,
  deployment,
  type FactWords,
  foundIn,
  pair,
  preflightFacts,
} from "../../../fixtures/control-plane-facts.ts";
import { brief } from "../../../fixtures/plan.ts";

const planes = (
  old: string | undefined,
  to: string | undefined,
  more: readonly [string, string][] = [],
): FactWords => ({
  mesh: {
    controlPlanes: [
      pair("1-20", { version: to }),
      pair("default", { version: old }),
      ...more.map(([revision, version]) => pair(revision, { version })),
    ],
  },
  around: { kubernetes: undefined, versions: [] },
});
/** Of two releases, with these mesh configs. */
const settings = (old: string, to: string, meshConfigs: readonly RevisionConfig[], env = {}): FactWords => ({
  ...planes(old, to),
  around: {
    meshConfigs,
    deployments: [deployment("default", env), deployment("1-20")],
    kubernetes: undefined,
    versions: [],
  },
});
const on = (kubernetes: string | undefined, to: string): FactWords => ({
  ...planes(to, to),
  around: { kubernetes, versions: [] },
});
const all = (version: string | undefined) => ({ "web-0": version, "web-1": version, "web-2": version });
const notes = "release-notes note revision/1-20";
const skew = "proxy-skew warning";
const connected = "proxy-istiod-skew warning revision/default";
const kubernetes = (severity: string, version: string) => `kubernetes-version ${severity} Kubernetes ${version}`;
const removed = (severity: string) => `removed-settings ${severity} ConfigMap istio-system/istio`;
const differs = "mesh-config-differences note ConfigMap istio-system/istio-1-20";
const otel = { extensionProviders: [{ name: "otel", opentelemetry: { service: "otel", port: 4317 } }] };
const chartTracing = { defaultConfig: { tracing: { zipkin: { address: "zipkin.istio-system:9411" } } } };

const table: readonly (readonly [what: string, words: FactWords, found: readonly string[], message?: RegExp])[] = [
  ["another patch release", {}, []],
  ["one minor release", planes("1.19.0", "1.20.0"), [notes], /1\.20\.x\/announcing-1\.20\/upgrade-notes\/$/m],
  ["proxies two minor releases older", planes("1.18.7", "1.20.0"), [`${skew} proxies of Istio 1.18`, notes], /two minor releases newer than 3 proxies \(production\/web-0, production\/web-1 and production\/web-2\)/],
  ["proxies four minor releases older", planes("1.16.7", "1.20.0"), [`${skew} proxies of Istio 1.16`, notes], /4 minor releases newer than 3 proxies .* far more/],
  ["proxies three minor releases older", planes("1.17.7", "1.20.0"), [`${skew} proxies of Istio 1.17`, notes], /3 minor releases newer than 3 proxies/],
  ["proxies newer than the target", planes("1.21.0", "1.20.0"), [`${skew} proxies of Istio 1.21`], /is older than 3 proxies/],
  ["proxies of no known version", { proxies: all(undefined) }, ["proxy-skew note proxies of an unknown version"], /the version of 3 proxies/],
  ["proxies of a version of their own", { proxies: all("my-build") }, ["proxy-skew note proxies of an unknown version"]],
  ["pods that no istiod lists, by their image", { mesh: { ...planes("1.20.0", "1.20.0").mesh, connected: { "web-0": null } }, proxies: { "web-0": "1.18.0" }, around: { versions: [] } }, [`${skew} proxies of Istio 1.18`], /than 1 proxy \(production\/web-0\)/],
  ["a pod that has ended", { ...planes("1.20.0", "1.20.0"), mesh: { ...planes("1.20.0", "1.20.0").mesh, workloads: [{ namespace: "production", name: "web", runs: ["default"], pod: { phase: "Succeeded" } }], connected: { "web-0": null } }, proxies: { "web-0": "1.16.0" } }, []],
  ["a target of no known version", planes("1.19.0", undefined), []],
  ["an istiod that was upgraded in place", { ...planes("1.20.0", "1.20.8"), proxies: all("1.19.4") }, ["proxy-istiod-skew note revision/default"], /istiod of Istio 1\.20\.0 serves 3 proxies .* of Istio 1\.19: it was upgraded in place/],
  ["an istiod that is older than its proxies", { ...planes("1.19.0", "1.20.8"), proxies: all("1.20.0") }, [connected, notes], /serves 3 proxies .* of Istio 1\.20: Istio does not support this, and a policy may not be enforced/],
  ["an istiod two minor releases newer than its proxies", { ...planes("1.20.0", "1.20.8"), proxies: all("1.18.0") }, [`${skew} proxies of Istio 1.18`, connected]],
  ["an istiod whose answer names another release than its image", { ...planes("1.20.0", "1.20.8"), around: { kubernetes: undefined, versions: ["0", "1"].map((at) => ({ istiod: `istio-system/istiod-7f-${at}`, text: "1.22.1-abc-Clean" })) } }, [connected]],
  ["a third control plane within reach", planes("1.20.0", "1.20.8", [["1-18", "1.18.1"]]), []],
  ["a third control plane that is far away", planes("1.20.0", "1.20.8", [["1-17", "1.17.1"]]), ["control-planes-apart warning revision/1-20", "control-planes-apart warning revision/default"], /Istio 1\.20\.8 of revision 1-20 and Istio 1\.17\.1 of revision 1-17/],
  ["old and target far apart are told by version-skew alone", { ...planes("1.16.0", "1.20.8"), proxies: all("1.16.0") }, [`${skew} proxies of Istio 1.16`, notes]],
  ["a supported Kubernetes", on("v1.25.0", "1.20.0"), []],
  ["the last that is supported", on("v1.29.8-gke.1096000", "1.20.0"), []],
  ["a Kubernetes that precheck refuses", on("v1.24.17", "1.20.0"), [kubernetes("blocker", "v1.24.17")], /supports Kubernetes 1\.25 to 1\.29, and its 'istioctl x precheck' refuses every version below 1\.25/],
  ["one that is too old, and precheck lets it pass", on("v1.30.2", "1.29.1"), [kubernetes("warning", "v1.30.2")], /^Istio 1\.29 supports Kubernetes 1\.31 to 1\.35$/m],
  ["one that is too old for a release whose precheck was not read", on("v1.25.2", "1.24.0"), [kubernetes("warning", "v1.25.2")]],
  ["a newer one than was tested", on("v1.36.3", "1.29.1"), [kubernetes("note", "v1.36.3"), "old-release-installable note istio-system/Deployment/istiod"]],
  ["a release that is not in the table", on("v1.36.3", "1.99.0"), [kubernetes("note", "v1.36.3")], /not known here/],
  ["a version that is none", on("unknown", "1.29.1"), [kubernetes("unknown", "unknown")]],
  ["a Kubernetes that could not be read is told by the engine", on(undefined, "1.29.1"), []],
  ["five releases between", { ...planes("1.24.0", "1.29.0"), proxies: all("1.28.0") }, [connected, notes], /from Istio 1\.24 on: \S+1\.25\S+ \S+1\.26\S+ \S+1\.27\S+ \S+1\.28\S+ \S+1\.29\.x\/announcing-1\.29\/upgrade-notes\/$/m],
  ["the default tracer, written down by the chart", settings("1.21.0", "1.22.0", [config("default", chartTracing), config("1-20")]), [notes, removed("note"), differs], /Istio 1\.22 removed this/],
  ["the default tracer, not written down", settings("1.21.0", "1.22.0", [config("default"), config("1-20")]), [notes, removed("note")]],
  ["the target names a tracer", settings("1.21.0", "1.22.0", [config("default", chartTracing), config("1-20", otel)]), [notes, "mesh-config-differences note ConfigMap istio-system/istio-1-20"]],
  ["tracing is off", settings("1.21.0", "1.22.0", [config("default", { enableTracing: false }), config("1-20", { enableTracing: false })]), [notes]],
  ["another tracer", settings("1.21.0", "1.22.0", [config("default", { defaultConfig: { tracing: { datadog: { address: "x:1" } } } }), config("1-20", { defaultConfig: { tracing: { datadog: { address: "x:1" } } } })]), [notes]],
  ["OpenCensus", settings("1.24.0", "1.25.0", [config("default", { extensionProviders: [{ name: "oc", opencensus: {} }] }), config("1-20", { extensionProviders: [{ name: "oc", opencensus: {} }] })]), [notes, removed("warning")], /by OpenCensus \(provider oc\); Istio 1\.25 removed this/],
  ["OpenCensus before its end", settings("1.23.0", "1.24.0", [config("default", { extensionProviders: [{ name: "oc", opencensus: {} }] }), config("1-20", { extensionProviders: [{ name: "oc", opencensus: {} }] })]), [notes]],
  ["OpenCensus after its end", settings("1.25.0", "1.26.0", [config("default", { defaultConfig: { tracing: { openCensusAgent: {} } } }), config("1-20", { defaultConfig: { tracing: { openCensusAgent: {} } } })]), [notes]],
  ["Lightstep", settings("1.26.0", "1.27.0", [config("default", { extensionProviders: [{ name: "ls", lightstep: {} }] }), config("1-20", { extensionProviders: [{ name: "ls", lightstep: {} }] })]), [notes, removed("warning")], /Lightstep/],
  ["metrics that are rotated", settings("1.27.0", "1.28.0", [config("default"), config("1-20")], { METRIC_ROTATION_INTERVAL: "30m" }), [notes, removed("warning")], /METRIC_ROTATION_INTERVAL of istiod/],
  ["a mesh config that could not be read", settings("1.21.0", "1.25.0", [config("1-20")]), [`${skew} proxies of Istio 1.21`, notes]],
]; // biome-ignore format: a table

for (const [what, words, expected, message] of table)
  test(what, () => {
    const found = foundIn(preflightFacts(words));
    assert.deepEqual(brief(found), expected);
    if (message) assert.match(found.map((finding) => finding.message).join("\n"), message);
  });

test("only a refused Kubernetes is a blocker, and it can be left out", () => {
  const facts = preflightFacts(on("v1.24.17", "1.20.0"));
  assert.deepEqual(
    foundIn(facts).map(({ accept }) => accept),
    [{ flag: "--skip", value: "kubernetes-version" }],
  );
});

test("ztunnel has a chart of its own: its release is not judged here", () => {
  const { mesh, ...facts } = preflightFacts(planes("1.20.0", "1.20.8"));
  const ztunnel = { type: "ztunnel", version: "1.16.0" };
  const answers = mesh.answers.map((answer) =>
    answer.kind === "answered"
      ? { ...answer, proxies: answer.proxies.map((each) => ({ ...each, ...ztunnel })) }
      : answer,
  );
  const pods = mesh.pods.map((pod) => ({
    ...pod,
    proxy: pod.proxy && { ...pod.proxy, kind: "ztunnel" as const, version: "1.16.0" },
  }));
  assert.deepEqual(brief(foundIn({ ...facts, mesh: { ...mesh, answers, pods } })), []);
});

const texts: readonly (readonly [text: string, version: string | undefined])[] = [
  ["1.20.8-8e297d015674-Clean", "1.20.8"],
  ["1.20.0-unknown-Clean", "1.20.0"],
  ["1.31.0-rc.0-423f108b-Modified", "1.31.0-rc.0"],
  ["1.20.0-423f108b-dirty-Modified", "1.20.0"],
  ["1.20.0-423f108b-", "1.20.0"],
  ["my-build-423f108b-Clean", undefined],
  ["1.20.0", undefined],
  ["", undefined],
];
for (const [text, version] of texts)
  test(`the release in an istiod's answer: ${text}`, () => assert.equal(istiodVersion(text), version));
