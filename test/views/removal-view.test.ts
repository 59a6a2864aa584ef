/** A removal as text and as a document, for each way in which it can end, and the inventory before it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { load } from "js-yaml";
import { type ExitCode, exit } from "../../src/mesh/exit-codes.ts";
import { type ChartKind, chartObjects, chartRef } from "../../src/upgrade/cleanup/chart-objects.ts";
import type { RemovalStage } from "../../src/upgrade/cleanup/removal-record.ts";
import { afterProof, type RemovalResult } from "../../src/upgrade/cleanup/removal-result.ts";
import type { Inventory } from "../../src/upgrade/cleanup/revision-inventory.ts";
import { jsonView, yamlView } from "../../src/views/document.ts";
import {
  inventoryList,
  inventoryView,
  removalDocument,
  removalSummary,
  removalView,
} from "../../src/views/removal-view.ts";
import { golden } from "./golden.ts";

const command = "kubectl mesh-cleanup --revision 1-19";
const kinds: readonly ChartKind[] = [
  "MutatingWebhookConfiguration",
  "Service",
  "Deployment",
  "ConfigMap",
  "ClusterRole",
];
const owned = chartObjects("1-19", "istio-system").filter(({ ref }) => (kinds as readonly string[]).includes(ref.kind));
const staged = (stageOf: (kind: string) => RemovalStage): RemovalResult["objects"] =>
  owned.map(({ ref }) => ({ ref, stage: stageOf(ref.kind) }));
const hostile = "x\u001b[31m\u202ey";

const inventory: Inventory = {
  ...{ revision: "1-19", istioNamespace: "istio-system", unknown: [] },
  owner: { kind: "nobody", installer: "istioctl" },
  owned: owned.map(({ ref }, at) => ({
    ...{ ref, uid: `uid-${at}`, resourceVersion: "7", why: "name of the chart and label istio.io/rev" },
    manifest: {
      ...{ apiVersion: ref.group === "" ? ref.version : `${ref.group}/${ref.version}`, kind: ref.kind },
      metadata: {
        name: ref.name,
        ...(ref.namespace !== undefined && { namespace: ref.namespace }),
        uid: `uid-${at}`,
        resourceVersion: "7",
      },
    },
  })),
  shared: [
    {
      ref: chartRef("ServiceAccount", hostile, "istio-system"),
      why: `deployments.apps/istio-system/${hostile} runs with it`,
    },
  ],
};

const result = (
  state: RemovalResult["state"],
  exitCode: ExitCode,
  change: Partial<RemovalResult> = {},
): RemovalResult => ({
  ...{ revision: "1-19", state, exitCode, reason: undefined, remedy: undefined, phase: undefined, objects: [] },
  ...{ proof: undefined, inventory, after: undefined, goOn: undefined, goBack: undefined, ...change },
});

const goBack = `${command} --restore`;
const inUse = `revision 1-19 is in use: production/Pod/${hostile}: its proxy is of this revision`;
const results: Readonly<Record<string, RemovalResult>> = {
  done: result("removed", exit.done, {
    ...{ phase: "done", objects: staged(() => "deleted"), goBack },
    after: afterProof([
      { title: "a pod can be created in every meshed namespace", state: "good", evidence: "2 namespaces tried" },
      { title: "istioctl analyze finds no invalid webhook", state: "skipped", evidence: "istioctl is not on the PATH" },
    ]),
  }),
  "done-and-bad": result("removed", exit.notDone, {
    ...{ phase: "done", objects: staged(() => "deleted"), goBack },
    reason: `everything was deleted, and this is not as it should be: no webhook leads nowhere: ${hostile} calls a Service that there is not`,
    after: afterProof([
      { title: "an Istio object can be written", state: "unknown", evidence: "you may not create peerauthentications" },
      { title: "no webhook leads nowhere", state: "bad", evidence: `${hostile} calls a Service that there is not` },
    ]),
  }),
  refused: result("refused", exit.refused, { reason: inUse }),
  partial: result("partial", exit.notDone, {
    ...{ phase: "deleting", reason: "the API server could not be reached", goOn: command, goBack },
    objects: staged((kind) => (kind === "Service" ? "deleting" : /Webhook/.test(kind) ? "deleted" : "kept")),
  }),
  restored: result("restored", exit.notDone, {
    ...{ phase: "restored", reason: inUse, goOn: command },
    objects: staged((kind) => (/Webhook/.test(kind) ? "restored" : "kept")),
  }),
  interrupted: result("interrupted", exit.interrupted, {
    ...{ phase: "draining", reason: "it was stopped between two steps", goOn: command, goBack },
    objects: staged((kind) => (/Webhook/.test(kind) ? "deactivated" : "kept")),
  }),
  "nothing-to-do": result("nothing-to-do", exit.done, { reason: "there is nothing of revision 1-19" }),
};

const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true });
const validate = ajv.compile(
  JSON.parse(readFileSync(`${import.meta.dirname}/../../schemas/removal.schema.json`, "utf8")),
);

for (const [name, each] of Object.entries(results)) {
  test(`${name}: for a person`, (t) => golden(t, `removal-${name}.txt`, removalView(each, {})));
  test(`${name}: JSON and YAML are the same, and as the schema has it`, () => {
    const document = removalDocument(each);
    const value: unknown = JSON.parse(jsonView(document));
    assert.deepEqual(load(yamlView(document)), value);
    assert.ok(validate(value), JSON.stringify(validate.errors, undefined, 2));
  });
}

test("the document of a removal that is half done", (t) =>
  golden(t, "removal-partial.json", jsonView(removalDocument(results.partial as RemovalResult))));

test("a dry run: what goes and what stays", (t) => golden(t, "removal-inventory.txt", inventoryView(inventory, {})));
test("a dry run, wide: with the UIDs", (t) =>
  golden(t, "removal-inventory-wide.txt", inventoryView(inventory, { wide: true })));
test("a dry run: manifests for Git", (t) => golden(t, "removal-inventory.yaml", yamlView(inventoryList([inventory]))));

test("what is refused is one sentence on one line", () => {
  assert.equal(removalSummary(results.refused as RemovalResult).split("\n").length, 1);
});

test("the schema takes no other document", () => {
  const document = JSON.parse(jsonView(removalDocument(results.done as RemovalResult)));
  for (const change of [{ state: "soaking" }, { phase: "over" }, { kind: "MeshCleanup" }, { extra: 1 }])
    assert.equal(validate({ ...document, ...change }), false, JSON.stringify(change));
});
