/**
 * The danger cases that the proof alone does not show, but the removal does: somebody else looks after the revision, or
 * a proxy appears after the proof.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { cell, isOnPage } from "./danger-page.ts";
import { bootMesh, type EmbeddedMesh, type RunOptions } from "./mesh.ts";
import type { Json } from "./object.ts";
import { everything, missingIn, sinceNow } from "./removals.ts";

let mesh: EmbeddedMesh;
let objects: ReadonlyMap<string, Json>;
before(async () => {
  mesh = await bootMesh({ revisions: { "1-19": "1.19.0", "1-20": "1.20.0" } });
  await mesh.setTag("default", "1-20");
  await mesh.createNamespace({}, "plain");
  await mesh.apply([istioOperators]);
});
after(() => mesh?.down());
beforeEach(() => {
  objects = everything(mesh);
});

const istioOperators = {
  ...{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
  metadata: { name: "istiooperators.install.istio.io" },
  spec: {
    ...{ group: "install.istio.io", scope: "Namespaced" },
    names: {
      ...{ plural: "istiooperators", kind: "IstioOperator" },
      ...{ singular: "istiooperator", listKind: "IstioOperatorList" },
    },
    versions: [{ name: "v1alpha1", served: true, storage: true, subresources: { status: {} } }],
  },
};
const rows = new Map<string, { readonly code: number; readonly cell: string }>();

/** The whole command, which has to leave every object as it was; gives back its last line, and keeps it for the page. */
async function refuses(what: string, code: number, options: RunOptions = {}): Promise<string> {
  const args = ["--revision", "1-19", ...sinceNow, "--drain", "20s", "-o", "json"];
  const result = await mesh.run("mesh-cleanup", args, options);
  assert.equal(result.code, code, result.stdout + result.stderr);
  const { state, reason, remedy }: Json = JSON.parse(result.stdout);
  const text = `${state}: ${reason}${remedy ? ` (${remedy})` : ""}`;
  rows.set(what, { code, cell: cell(text) });
  return text;
}

test("a Helm release that also has the CNI plugin", async () => {
  const annotations = { "meta.helm.sh/release-name": "istiod-1-19", "meta.helm.sh/release-namespace": "istio-system" };
  const mark = (value: object) =>
    mesh.clock.during(
      mesh.api.merge("/apis/apps/v1/namespaces/istio-system/deployments/istiod-1-19", {
        metadata: { annotations: value },
      }),
    );
  const pod = { metadata: { labels: { app: "cni" } }, spec: { containers: [{ name: "cni", image: "cni" }] } };
  const cni = {
    ...{ apiVersion: "apps/v1", kind: "DaemonSet" },
    metadata: { name: "istio-cni-node", namespace: "istio-system", annotations },
    spec: { selector: { matchLabels: { app: "cni" } }, template: pod },
  };
  await mark(annotations);
  await mesh.apply([cni]);
  const text = await refuses("a Helm release that also has the CNI plugin", 3);
  assert.match(text, /Helm release istiod-1-19 .*istio-cni-node.*resource-policy=keep/);
  assert.doesNotMatch(text, /helm uninstall/);
  assert.deepEqual(missingIn(objects, everything(mesh)), []);
  await mark({ "meta.helm.sh/release-name": null, "meta.helm.sh/release-namespace": null });
  await mesh.clock.during(mesh.api.delete("/apis/apps/v1/namespaces/istio-system/daemonsets/istio-cni-node"));
});

test("an IstioOperator with a finalizer, without its operator", async () => {
  const metadata = { name: "mesh-1-19", namespace: "istio-system", finalizers: ["istio-finalizer.install.istio.io"] };
  await mesh.apply([
    { apiVersion: "install.istio.io/v1alpha1", kind: "IstioOperator", metadata, spec: { revision: "1-19" } },
  ]);
  const text = await refuses("an IstioOperator with a finalizer, without its operator", 3);
  assert.match(text, /IstioOperator istio-system\/mesh-1-19 .*1 finalizer and no operator runs/);
  assert.doesNotMatch(text, /kubectl delete/);
  assert.deepEqual(missingIn(objects, everything(mesh)), []);
  const path = "/apis/install.istio.io/v1alpha1/namespaces/istio-system/istiooperators/mesh-1-19";
  await mesh.clock.during(mesh.api.merge(path, { metadata: { finalizers: [] } }));
  await mesh.clock.during(mesh.api.delete(path));
});

test("a proxy that appears between proof and deletion", async () => {
  const status = JSON.stringify({ containers: ["istio-proxy"], revision: "1-19" });
  const pod = {
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: { name: "late", namespace: "plain", annotations: { "sidecar.istio.io/status": status } },
    spec: { containers: ["app", "istio-proxy"].map((name) => ({ name, image: name })) },
  };
  let applied: Promise<void> | undefined;
  const text = await refuses("a proxy that appears between proof and deletion", 4, {
    onStderr: (said) => {
      if (/left, nothing needs it/.test(said)) applied ??= mesh.apply([pod]);
    },
  });
  await applied;
  assert.match(text, /^restored: .*plain\/Pod\/late/);
  const after = everything(mesh);
  assert.deepEqual(missingIn(objects, after), []);
  const injector = "mutatingwebhookconfigurations.admissionregistration.k8s.io/istio-sidecar-injector-1-19";
  assert.deepEqual(after.get(injector), objects.get(injector));
});

test("docs/danger.md has what the removal ends with", () => isOnPage("how it ends", rows));
