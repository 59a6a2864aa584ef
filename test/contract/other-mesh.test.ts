/**
 * A namespace that belongs to another mesh too, as in the move from OpenShift Service Mesh 2 to 3: the label that keeps
 * the other webhook away is named, written in the same patch, and undone. From openshift/openshift-docs#86917 (its
 * official migration) and maistra/istio-operator#1060 (what that label does in the control plane's own namespace).
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { deployment } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { carriedOut, migrate, settled } from "./migrations.ts";
import { openMesh } from "./open-mesh.ts";
import { refused, told } from "./refusal.ts";
import { assertArrived, documentOf, revisionOf } from "./verify-result.ts";

let mesh: MeshUnderTest;
const ignored = "maistra.io/ignore-namespace";
const among = ["basic", "1-20"];
before(async () => {
  mesh = await openMesh({ revisions: { basic: "1.19.0", "1-20": "1.20.0" } });
  const admission = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
  const { webhooks } = await mesh.api.get(`${admission}/istio-sidecar-injector-basic`);
  const [entry]: readonly Json[] = webhooks;
  await mesh.api.delete(`${admission}/istio-revision-tag-default`).catch(() => undefined); // the other mesh has none
  const labels = { app: "sidecar-injector", "istio.io/rev": "basic" };
  await mesh.apply({
    ...{ apiVersion: "admissionregistration.k8s.io/v1", kind: "MutatingWebhookConfiguration" },
    metadata: { name: "istiod-basic-istio-system", labels },
    webhooks: [
      {
        ...entry,
        name: "sidecar-injector.istio.io",
        namespaceSelector: {
          matchExpressions: [
            { key: "maistra.io/member-of", operator: "In", values: ["istio-system"] },
            { key: ignored, operator: "DoesNotExist" },
            { key: "istio-injection", operator: "NotIn", values: ["disabled"] },
          ],
        },
        objectSelector: {
          matchExpressions: [{ key: "sidecar.istio.io/inject", operator: "NotIn", values: ["false"] }],
        },
      },
    ],
  });
});
after(() => mesh?.[Symbol.asyncDispose]());

const labelsOf = async (namespace: string): Promise<Readonly<Record<string, string>>> =>
  (await mesh.api.get(`/api/v1/namespaces/${namespace}`)).metadata.labels ?? {};

const member = { "maistra.io/member-of": "istio-system", "istio-injection": "enabled" };
const web = (namespace: string) => [deployment({ namespace, name: "web", replicas: 2 })];

test("the other mesh's webhook is kept away by a label in the same patch, and let in again by the way back", async () => {
  const namespace = await settled(mesh, web, member);
  const refusal = await refused(mesh, namespace, ["--to", "1-20"], [`sidecars-kept ${namespace}/Deployment/web`]);
  assert.match(told(refusal).remedy ?? "", new RegExp(`--set-label ${ignored}=true`));
  assert.doesNotMatch(refusal.stderr, /remove the other webhook|kubectl delete/);

  const planned = await migrate(mesh, namespace, "1-20", ["--set-label", `${ignored}=true`, "--dry-run=server"]);
  assert.equal(planned.code, 0, planned.stderr);
  assert.match(planned.stdout, new RegExp(`${ignored}=true`));
  assert.equal((await labelsOf(namespace))[ignored], undefined);

  const run = await migrate(mesh, namespace, "1-20", ["--set-label", `${ignored}=true`, "-o", "json"]);
  const document = documentOf(run);
  assert.deepEqual([document.state, document.namespaces[0]?.after.also], ["done", { [ignored]: "true" }], run.stderr);
  await assertArrived(mesh, namespace, "1-20", { among });
  assert.equal((await labelsOf(namespace))[ignored], "true");

  await carriedOut(mesh, document.goBack);
  const { [ignored]: left, ...labels } = await labelsOf(namespace);
  assert.deepEqual([left, labels["istio-injection"], labels["istio.io/rev"]], [undefined, "enabled", undefined]);
  assert.deepEqual([...new Set((await mesh.pods(namespace)).map(revisionOf))], ["basic"]);
});

test("a label that somebody else changed since is left, with the namespace", async () => {
  const namespace = await settled(mesh, web, member);
  const done = await migrate(mesh, namespace, "1-20", ["--set-label", `${ignored}=true`]);
  assert.equal(done.code, 0, done.stderr);
  await mesh.api.merge(`/api/v1/namespaces/${namespace}`, { metadata: { labels: { [ignored]: "by-hand" } } });
  const { code, stderr } = await mesh.run("mesh-rollback", ["-n", namespace]);
  assert.equal(code, 3, stderr);
  assert.match(stderr, /somebody changed its labels since run/);
  assert.equal((await labelsOf(namespace))[ignored], "by-hand");
});

test("a canary that fails takes the label back with the others", async () => {
  const namespace = await settled(
    mesh,
    (of) => [deployment({ namespace: of, name: "web", replicas: 2, life: "never-ready", onRevision: "1-20" })],
    member,
  );
  const run = await migrate(mesh, namespace, "1-20", ["--set-label", `${ignored}=true`, "-o", "json"]);
  assert.equal(documentOf(run).state, "restored", run.stderr);
  assert.equal((await labelsOf(namespace))[ignored], undefined);
});

test("the labels that decide injection are not for --set-label", async () => {
  for (const label of ["istio.io/rev=1-20", "istio-injection=enabled", "no-value", "=x"]) {
    const { code, stderr } = await migrate(mesh, "any", "1-20", ["--set-label", label]);
    assert.equal(code, 2, stderr);
  }
});
