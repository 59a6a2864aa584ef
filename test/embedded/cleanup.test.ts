/** Removals on the embedded mesh, with the true proof: what goes, what stays, and that no pod is refused meanwhile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { everything, migrated, missingIn, removal } from "./removals.ts";

const ownOfDefault = [
  ...["istiod-clusterrole", "istiod-gateway-controller", "istio-reader-clusterrole"].flatMap((name) => [
    `clusterrolebindings.rbac.authorization.k8s.io/${name}-istio-system`,
    `clusterroles.rbac.authorization.k8s.io/${name}-istio-system`,
  ]),
  "configmaps/istio-system/istio",
  "configmaps/istio-system/istio-sidecar-injector",
  "deployments.apps/istio-system/istiod",
  "mutatingwebhookconfigurations.admissionregistration.k8s.io/istio-sidecar-injector",
  "rolebindings.rbac.authorization.k8s.io/istio-system/istiod",
  "roles.rbac.authorization.k8s.io/istio-system/istiod",
  "serviceaccounts/istio-system/istiod",
  "services/istio-system/istiod",
  "validatingwebhookconfigurations.admissionregistration.k8s.io/istio-validator-istio-system",
];

test("exactly the revision's objects are gone, and --restore brings the same ones back", async () => {
  await using it = await migrated();
  const { mesh } = it;
  const before = everything(mesh);
  const { code, stdout, stderr } = await mesh.run("mesh-cleanup", removal);
  assert.equal(code, 0, stdout + stderr);
  const after = everything(mesh);
  assert.deepEqual(missingIn(before, after), ownOfDefault.toSorted());
  assert.deepEqual(missingIn(after, before), []);
  for (const [key, object] of after) assert.deepEqual(object, before.get(key), key);
  assert.match(stdout, /revision default is removed, 15 objects deleted/);

  const restored = await mesh.run("mesh-cleanup", ["--revision", "default", "--restore"]);
  assert.equal(restored.code, 0, restored.stdout + restored.stderr);
  const again = everything(mesh);
  assert.deepEqual(missingIn(before, again), []);
  for (const [key, object] of again) assert.deepEqual(object, before.get(key), key);
});
