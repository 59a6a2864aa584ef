import assert from "node:assert/strict";
import { test } from "node:test";
import type { PodTemplateSpec } from "../../../src/mesh/kubernetes.ts";
import {
  dueVersion,
  injectedImageFrom,
  injectedVersion,
  isOutdated,
  knownVersions,
} from "../../../src/mesh/proxy/proxy-version.ts";
import { ownInjector, plane } from "../../fixtures/mesh.ts";
import { connection, webPod } from "../../fixtures/pods.ts";

const config = 'templates:\n  sidecar: |\n    image: "{{ .ProxyImage }}"\n';
const global = (values: object) => ({ global: { hub: "docker.io/istio", proxy: { image: "proxyv2" }, ...values } });

for (const [what, values, image, text] of [
  ["hub and tag", global({ tag: "1.22.6" }), "docker.io/istio/proxyv2:1.22.6", config],
  ["a tag that is a number", global({ tag: 7 }), "docker.io/istio/proxyv2:7", config],
  ["a whole image", global({ tag: "1.22.6", proxy: { image: "corp/proxy:1.22.5" } }), "corp/proxy:1.22.5", config],
  ["no tag", global({}), undefined, config],
  ["nothing", undefined, undefined, config],
  [
    "templates that are not Istio's",
    global({ tag: "1.22.6" }),
    undefined,
    "templates:\n  sidecar: |\n    image: own\n",
  ],
  [
    "a template of the user's own with an image for the proxy",
    {
      ...global({ tag: "1.22.6" }),
      sidecarInjectorWebhook: { templates: { own: "spec:\n  containers:\n  - name: istio-proxy\n    image: corp" } },
    },
    undefined,
    config,
  ],
  [
    "a template of the user's own without an image",
    {
      ...global({ tag: "1.22.6" }),
      sidecarInjectorWebhook: { templates: { own: "spec:\n  containers:\n  - name: istio-proxy\n    lifecycle: {}" } },
    },
    "docker.io/istio/proxyv2:1.22.6",
    config,
  ],
] as const)
  test(`the image that an injector injects, by values with ${what}`, () =>
    assert.equal(injectedImageFrom(values, text), image));

const policy = { policy: "enabled", neverInject: [], alwaysInject: [], templates: [] };
const injecting = (image?: string) =>
  ownInjector("1-22", { policy: { ...policy, ...(image === undefined ? {} : { image }) } });

const istioNamespace = "istio-system";

for (const [what, injectors, version] of [
  ["a tag", injecting("docker.io/istio/proxyv2:1.22.6"), "1.22.6"],
  ["a vendor's tag", injecting("corp/proxyv2:1.22.6-solo-distroless"), "1.22.6-solo"],
  ["a digest", injecting("corp/proxyv2@sha256:0a1b"), undefined],
  [":latest", injecting("corp/proxyv2:latest"), undefined],
  ["nothing known", injecting(), undefined],
  ["a ConfigMap that could not be read", ownInjector("1-22", { policy: "unknown" }), undefined],
] as const)
  test(`the version that a revision injects: ${what}`, () =>
    assert.equal(injectedVersion({ injectors, controlPlanes: [plane("1-22")], istioNamespace }, "1-22"), version));

test("what an istiod outside the cluster injects is not known from here", () => {
  const [first, ...rest] = injecting("docker.io/istio/proxyv2:1.22.6");
  assert.ok(first);
  const outside = { ...first, entry: { ...first.entry, clientConfig: { url: "https://istiod.example/inject" } } };
  const planes = [plane("1-22", { deployment: undefined, istiods: [] })];
  assert.equal(
    injectedVersion({ injectors: [outside, ...rest], controlPlanes: planes, istioNamespace }, "1-22"),
    undefined,
  );
});

const template = (annotations: Record<string, string>, image?: string): PodTemplateSpec => ({
  metadata: { annotations },
  spec: { containers: [{ name: "app" }, ...(image === undefined ? [] : [{ name: "istio-proxy", image }])] },
});

// istio/istio#8842: "Operator may not realize that a proxy version is pinned to an older proxy"
for (const [what, pod, version] of [
  ["nothing of its own", template({}), "1.22.6"],
  ["another type of image", template({ "sidecar.istio.io/proxyImageType": "distroless" }), "1.22.6"],
  ["a pinned image", template({ "sidecar.istio.io/proxyImage": "docker.io/istio/proxyv2:1.22.0" }), "1.22.0"],
  ["a pinned image without a slash, which has no effect", template({ "sidecar.istio.io/proxyImage": "x" }), "1.22.6"],
  ["a pinned digest", template({ "sidecar.istio.io/proxyImage": "corp/proxyv2@sha256:0a1b" }), undefined],
  ["a proxy of its own with image auto", template({}, "auto"), "1.22.6"],
  ["a proxy of its own with another image", template({}, "corp/proxyv2:1.21.0"), "1.21.0"],
  ["a sidecar made by kube-inject", template({ "sidecar.istio.io/status": "{}" }), undefined],
  ["a template of Istio's", template({ "inject.istio.io/templates": "gateway" }), "1.22.6"],
  ["a template that is not Istio's", template({ "inject.istio.io/templates": "sidecar, own" }), undefined],
  ["no template", undefined, undefined],
] as const)
  test(`the version of a new pod of a template with ${what}`, () => assert.equal(dueVersion(pod, "1.22.6"), version));

for (const [running, due, outdated] of [
  [["1.22.0"], "1.22.6", true],
  [["1.22.6"], "1.22.6", false],
  [["1.22.7"], "1.22.6", false],
  [["latest", "1.22.0"], "1.22.6", true],
  [["1.22.6-corp", "1.22.0"], "1.22.6", undefined],
  [["latest"], "1.22.6", undefined],
  [[], "1.22.6", undefined],
  [["1.22.0"], undefined, undefined],
] as const)
  test(`is one that runs ${running.join(" or ") || "nothing known"} older than ${due}`, () =>
    assert.equal(isOutdated(running, due), outdated));

test("the connection of an earlier pod of the same name says nothing of this one", () => {
  const pod = webPod("web-1", { proxy: { version: undefined }, createdAt: "2026-11-03T05:00:00Z" });
  const old = connection("web-1", { version: "1.22.0", connectedAt: "2026-11-03T04:59:00Z" });
  const own = connection("web-1", { version: "1.22.6", connectedAt: "2026-11-03T05:00:01Z" });
  assert.deepEqual([knownVersions(pod, [old]), knownVersions(pod, [old, own])], [[], ["1.22.6"]]);
});
