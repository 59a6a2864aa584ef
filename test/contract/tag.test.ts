/** A tag is moved with everything behind it, and put back: who injects new pods, what runs, and the objects of the tag. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { RollbackDocument } from "../../src/views/rollback-view.ts";
import { deployment, statefulSet } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest, Run, RunOptions } from "./mesh-under-test.ts";
import { neverFell, once, settled } from "./migrations.ts";
import { openMesh } from "./open-mesh.ts";
import { assertArrived, documentOf, labelsOf, recordOf } from "./verify-result.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

const admission = "/apis/admissionregistration.k8s.io/v1";
const validate = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true }).compile<RollbackDocument>(
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
const injects = async (namespace: string, labels: Readonly<Record<string, string>> = {}): Promise<string | undefined> => {
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
