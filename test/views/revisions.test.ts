import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { load } from "js-yaml";
import { jsonView, yamlView } from "../../src/views/document.ts";
import { revisionNamesView, revisionsView } from "../../src/views/revisions.ts";
import { type RevisionsScope, revisionsDocument } from "../../src/views/revisions-document.ts";
import { mesh, ownInjector, plane } from "../fixtures/mesh.ts";
import { halfMoved, meshes } from "../fixtures/meshes.ts";
import { golden } from "./golden.ts";

const overview: RevisionsScope = { namespaces: "overview", selector: undefined };
const everywhere: RevisionsScope = { namespaces: "all", selector: undefined };
const validate = new Ajv2020({ strict: true, allErrors: true }).compile(
  JSON.parse(readFileSync(`${import.meta.dirname}/../../schemas/revisions.schema.json`, "utf8")),
);

for (const [name, picture] of Object.entries(meshes)) {
  test(`${name}: the overview`, (t) =>
    golden(t, `revisions-${name}.txt`, revisionsView(revisionsDocument(picture, overview))));
  test(`${name}: wide, with workloads`, (t) =>
    golden(t, `revisions-${name}-wide.txt`, revisionsView(revisionsDocument(picture, everywhere), { wide: true })));
  test(`${name}: JSON and YAML say the same, and as the schema has it`, () => {
    for (const scope of [overview, everywhere]) {
      const document = revisionsDocument(picture, scope);
      const value: unknown = JSON.parse(jsonView(document));
      assert.deepEqual(load(yamlView(document)), value);
      assert.ok(validate(value), JSON.stringify(validate.errors, undefined, 2));
    }
  });
}

test("the JSON of a namespace's workloads", (t) =>
  golden(
    t,
    "revisions-half-moved.json",
    jsonView(revisionsDocument(halfMoved, { namespaces: ["production"], selector: undefined })),
  ));

test("the schema takes no other document", () => {
  const document = JSON.parse(jsonView(revisionsDocument(halfMoved, everywhere)));
  for (const change of [
    { kind: "Mesh" },
    { revisions: undefined },
    { exitCode: "0" },
    { extra: 1 },
    { revisions: [{ ...document.revisions[0], connectedProxies: "unknown" }] },
  ]) {
    assert.equal(validate({ ...document, ...change }), false, JSON.stringify(change));
  }
});

test("names, as kubectl prints them", () => {
  assert.equal(
    revisionNamesView(revisionsDocument(halfMoved, overview)),
    "revision/1-20\nrevision/default\ntag/default\ntag/prod\nnamespace/production\nnamespace/shop\n",
  );
  assert.equal(
    revisionNamesView(revisionsDocument(halfMoved, { namespaces: ["production"], selector: undefined })),
    "deployment.apps/web\ndeployment.apps/api\ndeployment.apps/batch\nstatefulset.apps/db\n",
  );
});

test("a selector limits namespaces in the overview, and workloads where they are asked for", () => {
  const labelled = {
    ...halfMoved,
    workloads: halfMoved.workloads.map((workload) => ({ ...workload, labels: { app: workload.name } })),
  };
  const rev = { matchLabels: { "istio.io/rev": "1-20" } };
  assert.deepEqual(
    revisionsDocument(labelled, { namespaces: "overview", selector: rev }).namespaces.map(({ name }) => name),
    ["production"],
  );
  const app = revisionsDocument(labelled, { namespaces: "all", selector: { matchLabels: { app: "web" } } });
  assert.deepEqual(
    app.workloads?.map(({ name }) => name),
    ["web"],
  );
  assert.equal(app.namespaces.length, labelled.namespaces.length);
});

test("findings of namespaces that are not shown are left out, those of control planes stay", () => {
  const silent = mesh({
    controlPlanes: [plane("1-20")],
    injectors: ownInjector("1-20"),
    silent: ["istio-system/istiod-1-20-7f-abc"],
    namespaces: [
      { name: "a", labels: { "istio.io/rev": "x" } },
      { name: "b", labels: { "istio.io/rev": "x" } },
    ],
  });
  assert.deepEqual(
    revisionsDocument(silent, { namespaces: ["b"], selector: undefined }).findings.map(({ object }) => object),
    ["revision/1-20", "namespace/b"],
  );
});

test("a proxy that a silent istiod may hold is unknown, never missing", () => {
  const words = {
    controlPlanes: [plane("1-20"), plane("1-21")],
    namespaces: [{ name: "a" }],
    workloads: [{ namespace: "a", name: "web", runs: ["1-20", "1-21"] }],
  };
  const known = revisionsDocument(mesh({ ...words, connected: { "web-0": null } }), everywhere);
  assert.deepEqual(
    known.workloads?.[0]?.pods.map(({ connectedTo, synced }) => [connectedTo, synced]),
    [
      [[], null],
      [["1-21"], true],
    ],
  );
  const silent = revisionsDocument(mesh({ ...words, silent: ["istio-system/istiod-1-20-7f-abc"] }), everywhere);
  assert.deepEqual(
    silent.workloads?.[0]?.pods.map(({ connectedTo, synced }) => [connectedTo, synced]),
    [
      [null, null],
      [["1-21"], true],
    ],
  );
  assert.deepEqual(
    silent.revisions.map(({ connectedProxies }) => connectedProxies),
    [null, 1],
  );
  assert.equal(silent.exitCode, 0);
});

test("every pod of a namespace is counted once, whatever it runs", () => {
  const revision = fc.constantFrom("1-20", "default", "__proto__", "constructor", "1-18");
  const runs = fc.array(fc.option(revision, { nil: null }), { maxLength: 8 });
  fc.assert(
    fc.property(fc.array(runs, { maxLength: 5 }), (workloads) => {
      const picture = mesh({
        controlPlanes: [plane("1-20"), plane("default")],
        namespaces: [{ name: "a" }],
        workloads: workloads.map((runs, index) => ({ namespace: "a", name: `w${index}`, runs })),
      });
      const { namespaces, workloads: shown } = revisionsDocument(picture, everywhere);
      const pods = namespaces[0]!.pods;
      const sum = (counts: readonly { readonly pods: number }[]) =>
        counts.reduce((total, each) => total + each.pods, 0);
      assert.equal(pods.total, workloads.flat().length);
      assert.equal(sum(pods.injected) + pods.withoutSidecar, pods.total);
      assert.equal(sum(pods.connected) + pods.notConnected + pods.connectionUnknown + pods.withoutSidecar, pods.total);
      assert.equal(shown!.flatMap((workload) => workload.pods).length, pods.total);
    }),
    { numRuns: 50 },
  );
});
