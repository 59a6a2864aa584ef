/** Proxies that are older than what their revision injects. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { podStates } from "../../../../src/mesh/pod-state.ts";
import { meshFindings } from "../../../../src/upgrade/checks/mesh/mesh-checks.ts";
import { type MeshWords, mesh, ownInjector, plane, tagInjector } from "../../../fixtures/mesh.ts";

const policy = (image: string) => ({ policy: "enabled", neverInject: [], alwaysInject: [], templates: [], image });
const injectors = (image: string) => ownInjector("asm-1-22", { policy: policy(image) });

/** The state of azure-aks-docs istio-upgrade.md and istio/istio#41354: istiod 1.22.6, proxies of 1.22.0. */
const upgradedInPlace: MeshWords = {
  controlPlanes: [plane("asm-1-22", { version: "1.22.6" })],
  injectors: injectors("mcr.microsoft.com/oss/istio/proxyv2:1.22.6"),
  namespaces: [{ name: "production", labels: { "istio.io/rev": "asm-1-22" } }],
  workloads: [
    { namespace: "production", name: "web", runs: ["asm-1-22", "asm-1-22"], proxy: { version: "1.22.0" } },
    { namespace: "production", name: "api", runs: ["asm-1-22"], proxy: { version: "1.22.6" } },
  ],
};

const found = (change: MeshWords) =>
  meshFindings(mesh({ ...upgradedInPlace, ...change })).map(({ check, object, message, remedy }) => [
    `${check} ${object}: ${message}`,
    remedy,
  ]);

test("pods of a revision that was upgraded in place", () =>
  assert.deepEqual(found({}), [
    [
      "proxy-outdated namespace/production: 2 pods of deployment/web run 1.22.0; their revision asm-1-22 injects 1.22.6",
      "kubectl mesh-migrate -n production --to asm-1-22 --outdated",
    ],
  ]));

test("pods that a tag injects: the label that they have is proposed", () =>
  assert.deepEqual(
    found({
      injectors: [
        ...injectors("mcr.microsoft.com/oss/istio/proxyv2:1.22.6"),
        ...tagInjector("prod", "asm-1-22", { policy: policy("mcr.microsoft.com/oss/istio/proxyv2:1.22.6") }),
      ],
      namespaces: [{ name: "production", labels: { "istio.io/rev": "prod" } }],
    }).map(([, remedy]) => remedy),
    ["kubectl mesh-migrate -n production --to prod --outdated"],
  ));

const web = (proxy: object, template: object = {}): MeshWords => ({
  workloads: [
    {
      ...{ namespace: "production", name: "web", runs: ["asm-1-22"], proxy },
      template: { metadata: { labels: { app: "web" }, ...template }, spec: { containers: [{ name: "app" }] } },
    },
  ],
});

// Each was a false alarm somewhere: istio/istio#26469 (IST0105 of a whole image), #8842 (a pinned proxy).
for (const [what, change] of Object.entries({
  "a proxy of the same version": web({ version: "1.22.6" }),
  "a proxy that is newer": web({ version: "1.22.7" }),
  "an injector with a digest": { injectors: injectors("corp/proxyv2@sha256:0a1b") },
  "an injector with :latest": { injectors: injectors("corp/proxyv2:latest") },
  "an injector with a tag of the company's own": { injectors: injectors("corp/proxyv2:corp-8") },
  "a vendor's build beside Istio's own": {
    injectors: injectors("corp/proxyv2:1.22.6-solo"),
    ...web({ version: "1.22.6" }),
  },
  "the same build as another type of image": {
    injectors: injectors("corp/proxyv2:1.22.6-distroless"),
    ...web({ version: "1.22.6" }),
  },
  "a proxy that its template pins": web(
    { version: "1.22.0" },
    { annotations: { "sidecar.istio.io/proxyImage": "docker.io/istio/proxyv2:1.22.0" } },
  ),
  "a managed gateway, which istiod replaces itself": web({ version: "1.22.0", kind: "managed-gateway" }),
  "a gateway of an installer": web({ version: "1.22.0", kind: "static-gateway" }),
} satisfies Record<string, MeshWords>))
  test(`no finding: ${what}`, () => assert.deepEqual(found(change), []));

test("an injected gateway counts as well", () =>
  assert.equal(found(web({ version: "1.22.0", kind: "gateway" })).length, 1));

/** Images are not read for an overview of a mesh, and a digest names no version. */
test("what a proxy reports to its istiod counts where its image says nothing", () => {
  const words = mesh({ ...upgradedInPlace, ...web({ version: undefined }) });
  const answers = words.answers.map((answer) =>
    answer.kind === "answered"
      ? { ...answer, proxies: answer.proxies.map((proxy) => ({ ...proxy, version: "1.22.0" })) }
      : answer,
  );
  const [state] = podStates({ ...words, answers });
  assert.deepEqual([state?.outdated, state?.versions], [true, ["1.22.0"]]);
  assert.equal(podStates({ ...words, answers: [] })[0]?.outdated, undefined);
});

test("a pod of another revision is stale, and not outdated", () => {
  const [state] = podStates(
    mesh({
      ...upgradedInPlace,
      workloads: [{ namespace: "production", name: "web", runs: ["asm-1-21"], proxy: { version: "1.21.0" } }],
    }),
  );
  assert.deepEqual([state?.stale, state?.outdated], [true, false]);
});
