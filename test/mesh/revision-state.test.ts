/** Where an istiod runs, by what its webhook calls. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Injector, Mesh } from "../../src/mesh/model.ts";
import { leadsOut, serviceIn, whereabouts } from "../../src/mesh/revision-state.ts";
import { type MeshWords, mesh, ownInjector, plane } from "../fixtures/mesh.ts";

const called = (change: Partial<Injector>, more: MeshWords = {}): Mesh =>
  mesh({ injectors: ownInjector("1-20", change), ...more });
const byUrl = (revision: string): Mesh =>
  mesh({
    injectors: ownInjector(revision).map((each) => ({
      ...each,
      readyEndpoints: undefined,
      entry: { ...each.entry, clientConfig: { url: "https://istiod.example.com/inject" } },
    })),
  });
const none = { deployment: undefined, istiods: [], readyReplicas: 0, desiredReplicas: 0 };
const remote = (lead: "addresses" | "name" | "pods") => ({
  istiodServices: [{ namespace: "istio-system", name: "istiod-1-20", revision: "1-20", lead }],
});

const table: readonly (readonly [what: string, mesh: Mesh, revision: string, where: string])[] = [
  ["a Deployment", called({}, { controlPlanes: [plane("1-20")] }), "1-20", "here"],
  ["a Deployment that was scaled to 0", called({ service: "pods", readyEndpoints: 0 }, { controlPlanes: [plane("1-20", { ...none, deployment: { name: "istiod-1-20", uid: "u" } })] }), "1-20", "here"],
  ["pods whose Deployment is gone", called({}, { controlPlanes: [plane("1-20", { deployment: undefined })] }), "1-20", "here"],
  ["a URL", byUrl("1-20"), "1-20", "external"],
  ["a URL of a provider (anthos-service-mesh-packages#1019)", byUrl("asm-managed-rapid"), "asm-managed-rapid", "managed"],
  ["a revision whose name begins as a provider's", byUrl("asm-managed-2"), "asm-managed-2", "external"],
  ["a Service without a selector, with an address (istio/istio#34867)", called({ service: "addresses", readyEndpoints: 1 }), "1-20", "external"],
  ["a Service without a selector, without an address", called({ service: "addresses", readyEndpoints: 0 }), "1-20", "external"],
  ["a Service of type ExternalName (istio/istio#45014)", called({ service: "name", readyEndpoints: undefined }), "1-20", "external"],
  ["only the Service of a remote istiod, and no webhook", mesh(remote("addresses")), "1-20", "external"],
  ["a Service that is not there (istio/istio#47552)", called({ service: "absent", readyEndpoints: 0 }), "1-20", "missing"],
  ["a Service that selects nothing", called({ service: "pods", readyEndpoints: 0 }), "1-20", "missing"],
  ["a Service with endpoints that are no istiod known here", called({ service: "pods", readyEndpoints: 2 }), "1-20", "unknown"],
  ["a Service whose endpoints could not be read", called({ service: "pods", readyEndpoints: undefined }), "1-20", "unknown"],
  ["Services that could not be read", called({ service: "unread", readyEndpoints: 0 }, { servicesUnread: ["istio-system"] }), "1-20", "unknown"],
  ["no webhook, and Services that could not be read", mesh({ servicesUnread: ["istio-system"] }), "1-20", "unknown"],
  ["nothing at all", mesh({}), "1-20", "missing"],
]; // biome-ignore format: a table

for (const [what, given, revision, where] of table)
  test(`${where}: ${what}`, () => assert.equal(whereabouts(given, revision), where));

test("an address of istiod names a Service, or a host elsewhere", () => {
  const service = { namespace: "istio-system", name: "istiod-1-20" };
  for (const address of ["istiod-1-20.istio-system.svc:15012", "istiod-1-20.istio-system.svc.cluster.local:15012", "istiod-1-20.istio-system:15012", "istiod-1-20:15012"])
    assert.deepEqual(serviceIn(address, "istio-system"), service, address); // biome-ignore format: a list
  for (const address of ["istiod.example.com:15012", "10.9.0.1:15012", "[fd00::1]:15012", undefined, ""])
    assert.equal(serviceIn(address, "istio-system"), undefined, `${address}`);
});

test("a proxy may have a control plane elsewhere though nothing of its revision is here", () => {
  assert.equal(leadsOut(mesh(remote("addresses")), "istiod-1-20.istio-system.svc:15012"), true);
  assert.equal(leadsOut(mesh(remote("pods")), "istiod-1-20.istio-system.svc:15012"), false);
  assert.equal(leadsOut(mesh({}), "istiod.example.com:15012"), true);
  assert.equal(leadsOut(mesh({}), undefined), false);
});
