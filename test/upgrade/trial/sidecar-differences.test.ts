/** What two trial pods of one template differ in, and what each difference is called. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { PodObject } from "../../../src/mesh/kubernetes.ts";
import { type SidecarDifference, sidecarDifferences } from "../../../src/upgrade/trial/sidecar-differences.ts";

type Json = Readonly<Record<string, unknown>>;

interface Words {
  /** Variables of istio-proxy; undefined: it has not. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Other fields of istio-proxy. */
  readonly proxy?: Json;
  readonly spec?: Json;
  readonly metadata?: Json;
  readonly init?: readonly Json[];
  readonly first?: boolean;
  readonly native?: boolean;
}

const variables = {
  CA_ADDR: "istiod.istio-system.svc:15012",
  TRUST_DOMAIN: "corp.example",
  ISTIO_META_CLUSTER_ID: "east",
  ISTIO_META_NETWORK: "n1",
  ISTIO_META_MESH_ID: "corp",
  PROXY_CONFIG: '{"discoveryAddress":"istiod.istio-system.svc:15012","concurrency":2}\n',
};

const podOf = ({ env = {}, proxy = {}, spec = {}, metadata = {}, init, first, native }: Words = {}): PodObject => {
  const all = Object.entries({ ...variables, ...env }).filter(([, value]) => value !== undefined);
  const app = { name: "app", image: "app:1", env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "x" } } }] };
  const sidecar = {
    ...{ name: "istio-proxy", image: "docker.io/istio/proxyv2:1.19.0" },
    ...{ env: all.map(([name, value]) => ({ name, value })), resources: { requests: { cpu: "100m" } }, ...proxy },
  };
  const inits = init ?? [{ name: "istio-init", securityContext: { capabilities: { add: ["NET_ADMIN"] } } }];
  return {
    metadata: { name: "web-x1", namespace: "production", uid: "u", labels: { app: "web" }, ...metadata },
    spec: {
      containers: native ? [app] : first ? [sidecar, app] : [app, sidecar],
      initContainers: native ? [...inits, { ...sidecar, restartPolicy: "Always" }] : inits,
      volumes: [{ name: "kube-api-access-abcde", projected: { sources: [] } }],
      ...spec,
    },
  } as unknown as PodObject;
};

/** `class container field: before → after`, with `!` where the mesh breaks for certain. */
const text = ({ class: kind, container, field, before, after, breaks }: SidecarDifference): string =>
  `${kind}${breaks ? "!" : ""} ${container === undefined ? "" : `${container} `}${field}: ${before} → ${after}`;

const cases: readonly (readonly [what: string, Words, readonly string[]])[] = [
  ["nothing", {}, []],
  ["the random name of the token's volume", { spec: { volumes: [{ name: "kube-api-access-vwxyz", projected: { sources: [] } }] }, metadata: { name: "web-x2", uid: "v" } }, []],
  ["what each revision has of its own", { env: { CA_ADDR: "istiod-1-20.istio-system.svc:15012", PROXY_CONFIG: '{"discoveryAddress":"istiod-1-20.istio-system.svc:15012","concurrency":2}' }, proxy: { image: "docker.io/istio/proxyv2:1.20.0" }, metadata: { annotations: { "istio.io/rev": "1-20" } } },
    ["cosmetic annotations.istio.io/rev: undefined → 1-20", "cosmetic istio-proxy env CA_ADDR: istiod.istio-system.svc:15012 → istiod-1-20.istio-system.svc:15012", "cosmetic istio-proxy env PROXY_CONFIG.discoveryAddress: istiod.istio-system.svc:15012 → istiod-1-20.istio-system.svc:15012", "cosmetic istio-proxy image: docker.io/istio/proxyv2:1.19.0 → docker.io/istio/proxyv2:1.20.0"]],
  ["istio#27828: the trust domain", { env: { TRUST_DOMAIN: "cluster.local" } }, ["mesh! istio-proxy env TRUST_DOMAIN: corp.example → cluster.local"]],
  ["istio#54764: the cluster", { env: { ISTIO_META_CLUSTER_ID: "Kubernetes" } }, ["mesh! istio-proxy env ISTIO_META_CLUSTER_ID: east → Kubernetes"]],
  ["istio#52388: the network is gone", { env: { ISTIO_META_NETWORK: undefined } }, ["mesh! istio-proxy env ISTIO_META_NETWORK: n1 → undefined"]],
  ["the mesh id", { env: { ISTIO_META_MESH_ID: "other" } }, ["mesh istio-proxy env ISTIO_META_MESH_ID: corp → other"]],
  ["another CA", { env: { CA_ADDR: "cert-manager-istio-csr.cert-manager.svc:443" } }, ["mesh istio-proxy env CA_ADDR: istiod.istio-system.svc:15012 → cert-manager-istio-csr.cert-manager.svc:443"]],
  ["istio#51930: the image of another registry", { proxy: { image: "registry.example:5000/istio/proxyv2:1.19.0" } }, ["pod istio-proxy image: docker.io/istio/proxyv2:1.19.0 → registry.example:5000/istio/proxyv2:1.19.0"]],
  ["istio PR #24446: a pull secret", { spec: { imagePullSecrets: [{ name: "corp" }] } }, ["pod imagePullSecrets.corp: undefined → "]],
  ["istio#54968: CNI instead of istio-init, which the old one had", { init: [] }, ["pod istio-init securityContext.capabilities.add: [\"NET_ADMIN\"] → undefined", "behaviour istio-init place: init container → undefined"]],
  ["a native sidecar", { native: true }, ["behaviour istio-proxy order: after the others → undefined", "behaviour istio-proxy place: container → native sidecar"]],
  ["held until the proxy starts", { first: true }, ["behaviour istio-proxy order: after the others → before the others"]],
  ["requests", { proxy: { resources: { requests: { cpu: "10m" }, limits: { cpu: "2" } } } }, ["behaviour istio-proxy resources.limits.cpu: undefined → 2", "behaviour istio-proxy resources.requests.cpu: 100m → 10m"]],
  ["azure-aks-docs istio-meshconfig.md: proxy config that is lost", { env: { PROXY_CONFIG: '{"discoveryAddress":"istiod.istio-system.svc:15012"}' } }, ["behaviour istio-proxy env PROXY_CONFIG.concurrency: 2 → undefined"]],
  ["a proxy config that is no JSON", { env: { PROXY_CONFIG: "{" } }, ["behaviour istio-proxy env PROXY_CONFIG: undefined → {", "behaviour istio-proxy env PROXY_CONFIG.concurrency: 2 → undefined", "cosmetic istio-proxy env PROXY_CONFIG.discoveryAddress: istiod.istio-system.svc:15012 → undefined"]],
]; // biome-ignore format: a table

suite("a trial pod of the old revision and one of the target", () => {
  for (const [what, words, expected] of cases)
    test(what, () => assert.deepEqual(sidecarDifferences(podOf(), podOf(words)).map(text), expected));

  test("a network that is new breaks nothing: no network is every network", () => {
    const [found] = sidecarDifferences(podOf({ env: { ISTIO_META_NETWORK: undefined } }), podOf());
    assert.deepEqual([found?.class, found?.breaks, found?.after], ["mesh", false, "n1"]);
  });
});

test("the same pod never differs from itself, and the way back has the same fields", () => {
  const words = fc.record({
    env: fc.dictionary(fc.constantFrom(...Object.keys(variables)), fc.option(fc.string(), { nil: undefined })),
    proxy: fc.record({ image: fc.string(), securityContext: fc.object() }),
    spec: fc.record({ imagePullSecrets: fc.array(fc.record({ name: fc.string() })) }),
    native: fc.boolean(),
  });
  fc.assert(
    fc.property(words, words, (a, b) => {
      const [one, other] = [podOf(a), podOf(b)];
      assert.deepEqual(sidecarDifferences(one, one), []);
      const fields = (found: readonly SidecarDifference[]) =>
        found.map(({ container, field }) => `${container} ${field}`).sort();
      assert.deepEqual(fields(sidecarDifferences(one, other)), fields(sidecarDifferences(other, one)));
    }),
    { numRuns: 200 },
  );
});
