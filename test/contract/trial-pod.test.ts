/**
 * The trial pod is evidence: what is let in before the labels and refused after them, or would be of another mesh, is
 * not restarted, and the first workload of each namespace goes alone.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { deployment, statefulSet } from "../fixtures/workload-objects.ts";
import { dryRun } from "./injected-pod.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { carriedOut, enabled, migrate, migrateJson, neverFell, outcomesOf, settled } from "./migrations.ts";
import { openMesh, together } from "./open-mesh.ts";
import { assertArrived, documentOf, labelsOf, recordOf, revisionOf, templatesOf } from "./verify-result.ts";
import { type Call, serveWebhook, type Webhook } from "./webhook.ts";

let mesh: MeshUnderTest;
const open: Webhook[] = [];
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0", other: "1.20.0" } });
});
after(async () => {
  for (const webhook of open) webhook[Symbol.dispose]();
  await mesh?.[Symbol.asyncDispose]();
});

const ready = { readyAfter: [300, 600] } as const;
const threeIn = (namespace: string) => [
  deployment({ namespace, name: "api", replicas: 2, ...ready }),
  deployment({ namespace, name: "web", replicas: 3, ...ready }),
  statefulSet({ namespace, name: "db", replicas: 3, ...ready }),
];

/** Refuses pods of a namespace, from when the API server has it. */
async function refusing(namespace: string, reason: (pod: Json) => string | undefined): Promise<void> {
  const webhook = await serveWebhook(mesh, ({ object, operation }: Call) => {
    const message = operation === "CREATE" ? reason(object) : undefined;
    return message === undefined ? { allowed: true } : { allowed: false, message };
  });
  open.push(webhook);
  await mesh.apply({
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name: `policy-of-${namespace}` },
    webhooks: [
      {
        ...{ name: "policy.example.com", clientConfig: webhook.clientConfig },
        ...{ sideEffects: "None", admissionReviewVersions: ["v1"] },
        rules: [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] }],
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
      },
    ],
  });
  await mesh.eventually("the policy to be asked", async () => {
    const labels = { probe: "refuse-me" };
    return dryRun(mesh, namespace, { labels }).then(
      () => false,
      () => true,
    );
  });
}
const asked = ({ metadata }: Json): string | undefined =>
  metadata.labels?.probe === "refuse-me" ? "the policy is there" : undefined;

/** Values of an injector, merged over what it has under `global`; until pods are injected so. */
async function injectorValues(revision: string, global: Json, holds: (env: Json) => boolean): Promise<void> {
  const path = `/api/v1/namespaces/istio-system/configmaps/istio-sidecar-injector-${revision}`;
  const { data } = await mesh.api.get(path);
  const values = JSON.parse(data.values);
  await mesh.api.merge(path, {
    data: { values: JSON.stringify({ ...values, global: { ...values.global, ...global } }) },
  });
  const namespace = await mesh.createNamespace({ "istio.io/rev": revision });
  await mesh.eventually("the injector to have its values", async () => {
    const { spec } = await dryRun(mesh, namespace, {});
    const proxy = [...spec.containers, ...(spec.initContainers ?? [])].find(({ name }) => name === "istio-proxy");
    return holds(Object.fromEntries((proxy?.env ?? []).map(({ name, value }: Json) => [name, value])));
  });
}

describe("before the first restart of a namespace", together(), () => {
  test("istio#54968, istio#35894: let in before, refused after: nothing there is restarted", async () => {
    const [a, b] = [await settled(mesh, threeIn), await settled(mesh, threeIn)];
    await refusing(b, (pod) =>
      revisionOf(pod) === "1-20"
        ? 'violates PodSecurity "baseline:latest": non-default capabilities (container "istio-init")'
        : asked(pod),
    );
    const templates = await templatesOf(mesh, b);
    const document = documentOf(await migrate(mesh, `${a},${b}`, "1-20", ["-o", "json"]));
    assert.deepEqual([document.exitCode, document.state], [4, "partial"]);
    assert.match(
      document.failure?.reason ?? "",
      /let in before the labels were changed and is refused now: .*istio-init.*--skip-check trial-pod\)/,
    );
    assert.deepEqual(
      document.namespaces.map(({ name, labels }) => [name, labels]),
      [
        [a, "written"],
        [b, "restored"],
      ],
    );
    assert.deepEqual([await labelsOf(mesh, b), await recordOf(mesh, b)], [enabled, undefined]);
    assert.deepEqual(await templatesOf(mesh, b), templates);
    await assertArrived(mesh, b, "default");
    neverFell(mesh, b);
    await carriedOut(mesh, document.goBack);
    await assertArrived(mesh, a, "default");
  });

  test("a policy against pods without an owner says nothing, before or after", async () => {
    const namespace = await settled(mesh, threeIn);
    await refusing(namespace, ({ metadata }) => (metadata.ownerReferences ? undefined : "a pod needs an owner"));
    const run = await migrate(mesh, namespace, "1-20");
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stderr, /^warning: a trial pod of .* was not let in, .*only proof: .*needs an owner/m);
    await assertArrived(mesh, namespace, "1-20");
  });

  test("istio#27828, istio#54764: a sidecar of another mesh: nothing is restarted", async () => {
    const namespace = await settled(mesh, threeIn);
    const values = { multiCluster: { clusterName: "east" }, meshID: "corp" };
    await injectorValues("other", values, (env) => env.ISTIO_META_CLUSTER_ID === "east");
    const templates = await templatesOf(mesh, namespace);
    // Said before any write too, by the preflight and by a dry run, with the sidecar shown.
    const ahead = await mesh.run("mesh-preflight", ["-n", namespace, "--to", "other"]);
    assert.equal(ahead.code, 3, ahead.stdout + ahead.stderr);
    assert.match(ahead.stdout, /is of another mesh: istio-proxy env ISTIO_META_CLUSTER_ID: Kubernetes → east/);
    const dry = documentOf(await migrate(mesh, namespace, "other", ["--dry-run=server", "-o", "json"]));
    assert.deepEqual([dry.exitCode, dry.state], [3, "refused"]);
    assert.ok(dry.sidecars?.[0]?.differences.some(({ field, breaks }) => breaks && field.endsWith("CLUSTER_ID")));
    const document = await migrateJson(mesh, namespace, "other");
    assert.deepEqual([document.exitCode, document.state], [4, "restored"]);
    assert.match(
      document.failure?.reason ?? "",
      /is of another mesh: istio-proxy env ISTIO_META_CLUSTER_ID: Kubernetes → east; .*--skip-check trial-pod-mesh\)/,
    );
    assert.deepEqual([await labelsOf(mesh, namespace), await templatesOf(mesh, namespace)], [enabled, templates]);
    await assertArrived(mesh, namespace, "default");
  });

  test("istio#51930, istio#24446: an image that only the second namespace cannot pull costs one pod", async () => {
    const a = await settled(mesh, threeIn);
    const sick = { life: "pull", container: "istio-proxy", onRevision: "1-20", ...ready } as const;
    const b = await settled(mesh, (namespace) => [
      deployment({ namespace, name: "api", replicas: 2, ...sick }),
      deployment({ namespace, name: "web", replicas: 3, ...sick }),
      statefulSet({ namespace, name: "db", replicas: 3, ...sick }),
    ]);
    const templates = await templatesOf(mesh, b);
    const document = documentOf(await migrate(mesh, `${a},${b}`, "1-20", ["-o", "json"]));
    assert.deepEqual([document.exitCode, document.state], [4, "partial"]);
    const inB = { ...document, workloads: document.workloads.filter(({ namespace }) => namespace === b) };
    assert.deepEqual(outcomesOf(inB), { api: "restored", web: "not-started", db: "not-started" });
    assert.deepEqual(await templatesOf(mesh, b), { ...templates, "Deployment/api": 2 });
    assert.deepEqual([await labelsOf(mesh, b), await recordOf(mesh, b)], [enabled, undefined]);
    neverFell(mesh, b);
    await assertArrived(mesh, b, "default");
  });
});
