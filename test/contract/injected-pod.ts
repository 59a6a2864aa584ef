/**
 * What an injected pod carries, of what somebody reads (istio-facts.md §3): pods, and what becomes of them in each
 * release.
 */
import assert from "node:assert/strict";
import type { Injectable } from "../../src/mesh/injection.ts";
import type { Release } from "../mesh/rendered.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";

export interface Pod extends Injectable {
  readonly metadata?: object;
  readonly spec?: object;
}

/** The pod as it would be created. */
export const dryRun = (
  mesh: MeshUnderTest,
  namespace: string,
  { labels = {}, annotations = {}, hostNetwork = false, metadata, spec }: Pod,
): Promise<Json> =>
  mesh.api.post(`/api/v1/namespaces/${namespace}/pods?dryRun=All`, {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "web", labels, annotations, ...metadata } },
    spec: { hostNetwork, containers: [{ name: "app", image: "app:1" }], ...spec },
  });

export const isModern = (release: Release): boolean => release === "1.28.2" || release === "1.29.1";
const isProxy = ({ name }: Json): boolean => name === "istio-proxy";

/** What of an injected pod is read by somebody. */
export function pictureOf({ metadata, spec }: Json) {
  const { "istio.io/rev": rev, "sidecar.istio.io/status": text, ...annotations } = metadata.annotations;
  const { initContainers, containers, volumes, revision, imagePullSecrets } = JSON.parse(text);
  assert.deepEqual([revision, imagePullSecrets], [rev, null]);
  for (const name of volumes) assert.ok(spec.volumes.some((each: Json) => each.name === name));
  const inits = spec.initContainers ?? [];
  const proxy = [...spec.containers, ...inits].find(isProxy);
  const value = (name: string): string | undefined => proxy.env.find((each: Json) => each.name === name)?.value;
  const config = JSON.parse(value("PROXY_CONFIG") ?? "");
  const { limits = {}, requests = {} } = proxy.resources;
  return {
    ...{
      labels: metadata.labels,
      revision,
      injected: { initContainers, containers },
      crl: volumes.includes("istio-ca-crl"),
    },
    defaults: ["container", "logs-container"].map((key) => annotations[`kubectl.kubernetes.io/default-${key}`]),
    scrape: ["scrape", "port", "path"].map((key) => annotations[`prometheus.io/${key}`]).join(" "),
    native: inits.some((each: Json) => isProxy(each) && each.restartPolicy === "Always"),
    names: [inits, spec.containers].map((each) => each.map(({ name }: Json) => name)),
    ...{ image: proxy.image, type: proxy.args.slice(0, 2).join(" "), caAddress: value("CA_ADDR") },
    workload: value("ISTIO_META_WORKLOAD_NAME"),
    resources: [limits.cpu, limits.memory, requests.cpu, requests.memory],
    ...(config.discoveryAddress && { discoveryAddress: config.discoveryAddress }),
    ...(config.concurrency && { concurrency: config.concurrency }),
  };
}

const mesh = (name: string, revision: string) => ({
  "security.istio.io/tlsMode": "istio",
  "service.istio.io/canonical-name": name,
  "service.istio.io/canonical-revision": revision,
});
const ordinary = {
  ...{ native: false, injected: { initContainers: ["istio-init"], containers: ["istio-proxy"] } },
  names: [["istio-init"], ["app", "istio-proxy"]],
};
const native = {
  ...{ native: true, injected: { initContainers: ["istio-init", "istio-proxy"], containers: null } },
  names: [["istio-init", "istio-proxy"], ["app"]],
};

/** A pod that says nothing. */
export const plain = (release: Release) => ({
  ...{
    labels: mesh("web", "latest"),
    image: `docker.io/istio/proxyv2:${release}`,
    type: "proxy sidecar",
    workload: "web",
  },
  ...{ scrape: "true 15020 /stats/prometheus", defaults: ["app", "app"], crl: isModern(release) },
  resources: ["2", "1Gi", "100m", "128Mi"],
  ...(isModern(release) ? native : ordinary),
});

/** Pods, and what of them is not as of one that says nothing. */
export const carried = (release: Release): readonly (readonly [string, Pod, object])[] => [
  ["nothing is asked for", {}, {}],
  [
    "app and version",
    { labels: { app: "shop", version: "v2" } },
    { labels: { app: "shop", version: "v2", ...mesh("shop", "v2") } },
  ],
  [
    "the recommended labels, a revision that is ignored",
    {
      labels: {
        app: "shop",
        "app.kubernetes.io/name": "k8s",
        "app.kubernetes.io/version": "v3",
        "istio.io/rev": "typo",
      },
    },
    {
      labels: {
        ...{ app: "shop", "app.kubernetes.io/name": "k8s", "app.kubernetes.io/version": "v3", "istio.io/rev": "typo" },
        ...mesh("k8s", "v3"),
      },
    },
  ],
  [
    "labels that are there already",
    { labels: { ...mesh("own", "r"), "security.istio.io/tlsMode": "disabled" } },
    { labels: { ...mesh("own", "r"), "security.istio.io/tlsMode": "disabled" } },
  ],
  [
    "a ReplicaSet's",
    {
      labels: { "pod-template-hash": "5d5f5c5b5" },
      metadata: {
        ...{ name: undefined, generateName: "shop-5d5f5c5b5-" },
        ownerReferences: [
          { apiVersion: "apps/v1", kind: "ReplicaSet", name: "shop-5d5f5c5b5", uid: "1-2-3", controller: true },
        ],
      },
    },
    { labels: { "pod-template-hash": "5d5f5c5b5", ...mesh("shop", "latest") }, workload: "shop" },
  ],
  [
    "two containers and one before them",
    {
      annotations: { "kubectl.kubernetes.io/default-container": "side" },
      spec: {
        containers: ["app", "side"].map((name) => ({ name, image: "app:1" })),
        initContainers: [{ name: "mine", image: "app:1" }],
      },
    },
    {
      defaults: ["side", "app"],
      names: isModern(release)
        ? [
            ["istio-init", "istio-proxy", "mine"],
            ["app", "side"],
          ]
        : [
            ["mine", "istio-init"],
            ["app", "side", "istio-proxy"],
          ],
    },
  ],
  ["a native sidecar is asked for", { annotations: { "sidecar.istio.io/nativeSidecar": "true" } }, {}],
  ["no native sidecar is asked for", { annotations: { "sidecar.istio.io/nativeSidecar": "false" } }, ordinary],
  [
    "an image and a configuration of its own",
    {
      annotations: {
        "sidecar.istio.io/proxyImage": "registry.example/proxy:9",
        "proxy.istio.io/config": '{"concurrency": 3}',
      },
    },
    { image: "registry.example/proxy:9", concurrency: 3 },
  ],
  [
    "a proxy container of its own",
    {
      spec: {
        containers: [
          { name: "istio-proxy", image: "auto", resources: { limits: { cpu: "1" }, requests: { cpu: "500m" } } },
          { name: "app", image: "app:1" },
        ],
      },
    },
    { resources: ["1", "1Gi", "500m", "128Mi"] },
  ],
  [
    "a gateway",
    {
      labels: { app: "gate", "sidecar.istio.io/inject": "true" },
      annotations: { "inject.istio.io/templates": "gateway" },
      spec: { containers: [{ name: "istio-proxy", image: "auto" }] },
    },
    {
      labels: {
        ...{ app: "gate", "sidecar.istio.io/inject": "true" },
        ...{ "service.istio.io/canonical-name": "gate", "service.istio.io/canonical-revision": "latest" },
      },
      ...{
        native: false,
        injected: { initContainers: null, containers: ["istio-proxy"] },
        names: [[], ["istio-proxy"]],
      },
      ...{
        type: "proxy router",
        defaults: [undefined, undefined],
        crl: false,
        resources: [undefined, undefined, undefined, undefined],
      },
    },
  ],
];
