/** A tag is moved with everything behind it, and put back: who injects new pods, what runs, and the objects of the tag. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { RollbackDocument } from "../../src/views/rollback-view.ts";
import { deployment, statefulSet } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest, Run, RunOptions } from "./mesh-under-test.ts";
import { neverFell, settled } from "./migrations.ts";
import { openMesh } from "./open-mesh.ts";
import { assertArrived, documentOf, labelsOf, recordOf } from "./verify-result.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

const admission = "/apis/admissionregistration.k8s.io/v1";
const validate = new Ajv2020({ strict: true, allErrors: true }).compile<RollbackDocument>(
  JSON.parse(readFileSync(new URL("../../schemas/rollback.schema.json", import.meta.url), "utf8")),
);

const move = (tag: string, to: string, args: readonly string[] = [], options?: RunOptions): Promise<Run> =>
  mesh.run("mesh-migrate", ["--tag", tag, "--to", to, "--workload-timeout", "20s", ...args], options);
const moveJson = async (tag: string, to: string, ...args: readonly string[]) =>
  documentOf(await move(tag, to, ["-o", "json", ...args]));
const back = (tag: string, ...args: readonly string[]): Promise<Run> =>
  mesh.run("mesh-rollback", ["--tag", tag, "--workload-timeout", "20s", ...args]);
const backJson = async (tag: string): Promise<RollbackDocument> => {
  const { stdout, stderr, code } = await back(tag, "-o", "json");
  assert.ok(stdout.startsWith("{"), stdout + stderr);
  const document: unknown = JSON.parse(stdout);
  assert.ok(validate(document), JSON.stringify(validate.errors, undefined, 2));
  assert.equal(document.exitCode, code);
  return document;
};

/** The objects of tags and injectors, without what every write changes, and without CA bundles. */
const objects = async (): Promise<Readonly<Record<string, Json>>> => {
  const lists = await Promise.all([
    mesh.api.get(`${admission}/mutatingwebhookconfigurations`),
    mesh.api.get(`${admission}/validatingwebhookconfigurations`),
    mesh.api.get("/api/v1/namespaces/istio-system/services"),
  ]);
  return Object.fromEntries(
    lists.flatMap(({ items }: Json) =>
      items.map(({ metadata, webhooks, spec }: Json) => [
        metadata.name,
        {
          labels: metadata.labels,
          annotations: metadata.annotations ?? {},
          webhooks: webhooks?.map(({ clientConfig, failurePolicy: _, ...entry }: Json) => ({
            ...entry,
            called: clientConfig.service.name,
            bundle: clientConfig.caBundle !== undefined,
          })),
          selector: spec?.selector,
        },
      ]),
    ),
  );
};

/** The revision that injects a new pod of the namespace: a pod is created as a dry run. */
const injects = async (
  namespace: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<string | undefined> => {
  const { metadata } = await mesh.api.post(`/api/v1/namespaces/${namespace}/pods?dryRun=All`, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "trial", labels },
    spec: { containers: [{ name: "app", image: "app" }] },
  });
  const status = metadata.annotations?.["sidecar.istio.io/status"];
  return status && JSON.parse(status).revision;
};

const two = (namespace: string) => [
  deployment({ namespace, name: "web", readyAfter: [1000, 2000] }),
  statefulSet({ namespace, name: "db", readyAfter: [1000, 2000] }),
];
const stable = { "istio.io/rev": "prod-stable" };

test("tag default of an un-revisioned install: both kinds of labels move, labels stay, and it goes back exactly", async () => {
  const enabled = { "istio-injection": "enabled" };
  const [one, other] = [await settled(mesh, two, enabled), await settled(mesh, two, { "istio.io/rev": "default" })];
  const before = await objects();
  assert.equal(await injects(one), "default");

  const document = await moveJson("default", "1-20");
  assert.deepEqual([document.state, document.exitCode], ["done", 0], JSON.stringify(document, undefined, 2));
  assert.deepEqual([document.tag?.from, document.tag?.to, document.tag?.outcome], ["default", "1-20", "moved"]);
  assert.equal(document.goBack, "kubectl mesh-rollback --tag default");
  for (const [namespace, labels] of [
    [one, enabled],
    [other, { "istio.io/rev": "default" }],
  ] as const) {
    assert.equal(await injects(namespace), "1-20");
    assert.deepEqual(await labelsOf(mesh, namespace), labels);
    await assertArrived(mesh, namespace, "1-20");
    neverFell(mesh, namespace);
  }
  const moved = await objects();
  const never = { matchLabels: { "istio.io/deactivated": "never-match" } };
  for (const { namespaceSelector, objectSelector } of moved["istio-sidecar-injector"].webhooks)
    assert.deepEqual([namespaceSelector, objectSelector], [never, never]);
  assert.equal(moved["istiod-default-validator"].labels["istio.io/rev"], "1-20");
  assert.equal(moved["istiod-default-validator"].webhooks[0].called, "istiod-1-20");

  const rolledBack = await backJson("default");
  assert.deepEqual([rolledBack.state, rolledBack.exitCode], ["done", 0], JSON.stringify(rolledBack, undefined, 2));
  assert.equal(rolledBack.tag?.outcome, "restored");
  assert.deepEqual(await objects(), before);
  for (const namespace of [one, other]) {
    assert.equal(await injects(namespace), "default");
    assert.equal(await recordOf(mesh, namespace), undefined);
    await assertArrived(mesh, namespace, "default");
    neverFell(mesh, namespace);
  }
  const again = await backJson("default");
  assert.deepEqual([again.state, again.exitCode], ["nothing-to-do", 0], JSON.stringify(again, undefined, 2));
  for (const namespace of [one, other]) await mesh.api.delete(`/api/v1/namespaces/${namespace}`);
});

test("a tag that is not there is created, then moved; a namespace of it goes back with it alone", async () => {
  const created = await moveJson("prod-stable", "default");
  assert.deepEqual([created.state, created.tag?.from, created.tag?.outcome], ["done", null, "moved"]);
  assert.ok(created.findings.some(({ message }) => /it is created/.test(message)));
  const namespace = await settled(mesh, two, stable);
  assert.equal(await injects(namespace), "default");
  const unlabelled = await mesh.createNamespace({});
  assert.equal(await injects(unlabelled, { "istio.io/rev": "prod-stable" }), "default");

  const dryRun = await move("prod-stable", "1-20", ["--dry-run=server"]);
  assert.equal(dryRun.code, 0, dryRun.stderr);
  assert.match(dryRun.stdout, /move tag +tag\/prod-stable +default +1-20/);
  assert.equal(await injects(namespace), "default");

  const { code, stdout, stderr } = await move("prod-stable", "1-20");
  assert.equal(code, 0, stdout + stderr);
  assert.equal(await injects(namespace), "1-20");
  assert.equal(await injects(unlabelled, { "istio.io/rev": "prod-stable" }), "1-20");
  await assertArrived(mesh, namespace, "1-20");
  assert.equal((await recordOf(mesh, namespace)).movedTag, "prod-stable");

  const alone = await mesh.run("mesh-rollback", ["-n", namespace]);
  assert.equal(alone.code, 3, alone.stdout + alone.stderr);
  assert.match(alone.stderr, /kubectl mesh-rollback --tag prod-stable/);
  const again = await moveJson("prod-stable", "1-20");
  assert.deepEqual([again.state, again.tag?.outcome], ["nothing-to-do", "already"]);

  const rolledBack = await backJson("prod-stable");
  assert.equal(rolledBack.state, "done", JSON.stringify(rolledBack, undefined, 2));
  assert.equal(await injects(namespace), "default");
  await assertArrived(mesh, namespace, "default");
  neverFell(mesh, namespace);
  await mesh.api.delete(`/api/v1/namespaces/${namespace}`);
});

test("a canary that fails: the tag goes back by itself, and with it what came up on the target meanwhile", async () => {
  await moveJson("prod-stable", "default");
  const namespace = await settled(
    mesh,
    (namespace) => [
      deployment({ namespace, name: "sick", replicas: 2, life: "never-ready", onRevision: "1-20" }),
      deployment({ namespace, name: "web", replicas: 3, readyAfter: [1000, 2000] }),
    ],
    stable,
  );
  const before = await objects();
  const document = await moveJson("prod-stable", "1-20");
  assert.deepEqual([document.state, document.exitCode], ["restored", 4], JSON.stringify(document, undefined, 2));
  assert.equal(document.tag?.outcome, "restored");
  assert.equal(document.failure?.object.name, "sick");
  assert.deepEqual(await objects(), before);
  assert.equal(await injects(namespace), "default");
  assert.equal(await recordOf(mesh, namespace), undefined);
  await assertArrived(mesh, namespace, "default");
  neverFell(mesh, namespace);
  await mesh.api.delete(`/api/v1/namespaces/${namespace}`);
});

test("a tag whose label names another revision than its webhook calls: what is called counts", async () => {
  await moveJson("prod-stable", "default");
  const namespace = await settled(mesh, two, stable);
  const path = `${admission}/mutatingwebhookconfigurations/istio-revision-tag-prod-stable`;
  const { webhooks } = await mesh.api.get(path);
  const called = (name: string) =>
    webhooks.map(({ clientConfig, ...entry }: Json) => ({
      ...entry,
      clientConfig: { ...clientConfig, service: { ...clientConfig.service, name } },
    }));
  await mesh.api.merge(path, { webhooks: called("istiod-1-20") });
  assert.equal(await injects(namespace), "1-20");
  const document = await moveJson("prod-stable", "1-20");
  assert.equal(document.state, "done", JSON.stringify(document, undefined, 2));
  assert.deepEqual([document.tag?.from, document.tag?.to], ["1-20", "1-20"]);
  assert.ok(
    document.findings.some(({ message }) =>
      /its label names revision default, and its webhook calls 1-20/.test(message),
    ),
  );
  assert.equal((await objects())["istio-revision-tag-prod-stable"].labels["istio.io/rev"], "1-20");
  await assertArrived(mesh, namespace, "1-20");

  // Somebody else moves it by hand since: it is left as it is.
  await mesh.api.merge(path, { webhooks: called("istiod") });
  const refused = await back("prod-stable");
  assert.equal(refused.code, 3, refused.stdout + refused.stderr);
  assert.match(refused.stderr, /somebody changed it since run/);
  await mesh.api.merge(path, { metadata: { annotations: { "kubectl-mesh/undo": null } } });
  await mesh.api.delete(`/api/v1/namespaces/${namespace}`);
});

test("refused before any change: the name of a revision, a target that is none or a tag, a tag that Helm keeps", async () => {
  const before = await objects();
  const refusal = async (tag: string, to: string): Promise<string> => {
    const { code, stdout, stderr } = await move(tag, to);
    assert.equal(code, 3, stdout + stderr);
    return stderr;
  };
  assert.match(await refusal("1-20", "default"), /a revision has this name/);
  assert.match(await refusal("prod-stable", "1-21"), /no revision or tag has this name/);
  assert.match(await refusal("canary", "prod-stable"), /it is a tag of revision default: a tag is moved to a revision/);
  assert.deepEqual(await objects(), before);
  const path = `${admission}/mutatingwebhookconfigurations/istio-revision-tag-prod-stable`;
  await mesh.api.merge(path, {
    metadata: {
      annotations: { "meta.helm.sh/release-name": "istiod-1-19", "meta.helm.sh/release-namespace": "istio-system" },
    },
  });
  assert.match(
    await refusal("prod-stable", "1-20"),
    /take prod-stable out of revisionTags .* istio-system\/istiod-1-19/,
  );
  await mesh.api.delete(path);
});
