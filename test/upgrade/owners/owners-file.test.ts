import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { load } from "js-yaml";
import { readYamlFile } from "../../../src/cli/yaml-file.ts";
import { ownersWith, restartByHand } from "../../../src/upgrade/owners/known-owners.ts";
import { ownersFrom } from "../../../src/upgrade/owners/owners-file.ts";

const folder = mkdtempSync(join(tmpdir(), "owners-"));
const validate = new Ajv2020({ strict: true }).compile(JSON.parse(readFileSync("schemas/owners.schema.json", "utf8")));

const text = (entry: string): string =>
  `apiVersion: kubectl-mesh/v1\nkind: Owners\nowners:\n  - group: db.example.com\n    kind: Ledger\n${entry}`;
const read = (content: string) => {
  const file = join(folder, "owners.yaml");
  writeFileSync(file, content);
  return readYamlFile("--owners", file, ownersFrom);
};

test("the example of the page is taken, and is of the schema", () => {
  const page = readFileSync("docs/owners.md", "utf8");
  const [, example = ""] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
  const { owners } = read(example);
  assert.ok(owners.length > 0);
  assert.ok(validate(load(example)), JSON.stringify(validate.errors));
});

test("what a row leaves out has the values that the page says", () => {
  const { owners } = read(text("    annotations: spec.pod.annotations\n"));
  assert.deepEqual(owners, [
    {
      ...{ group: "db.example.com", kind: "Ledger", annotations: ["spec", "pod", "annotations"] },
      ...{ stamp: "kubectl.kubernetes.io/restartedAt", fixed: {}, replicas: undefined, template: undefined },
      ...{ unavailable: { path: undefined, fallback: 1 }, hindrances: [], hint: "see the log of its operator" },
    },
  ]);
});

const good = "    annotations: metadata.annotations\n";
for (const [title, content, says] of [
  ["no YAML", "owners: [\n", /line \d: it is not YAML/],
  ["another document", "apiVersion: v1\nkind: Config\n", /line 1: apiVersion: it is not kubectl-mesh\/v1/],
  ["no annotations", text(""), /line 4: owners\[0\].annotations: it is missing/],
  [
    "a field of the spec that is no annotation",
    text("    annotations: spec.replicas\n"),
    /line 6: owners\[0\].annotations/,
  ],
  ["labels of the object", text("    annotations: metadata.labels\n"), /line 6: /],
  ["the status", text("    annotations: status.annotations\n"), /line 6: /],
  [
    "an unknown field",
    text(`${good}    object: other/Cluster/db\n`),
    /line 7: owners\[0\].object: there is no such field/,
  ],
  [
    "a value that is no text",
    text(`${good}    fixed:\n      a.b/c: true\n`),
    /line 8: owners\[0\].fixed.a.b\/c: its value is no text/,
  ],
  [
    "Kubernetes' own group",
    text(good).replace("db.example.com", "rbac.authorization.k8s.io"),
    /line 4: owners\[0\].group/,
  ],
  ["a group without a dot", text(good).replace("db.example.com", "apps"), /line 4: owners\[0\].group/],
  [
    "the same twice",
    `${text(good)}  - group: db.example.com\n    kind: Ledger\n${good}`,
    /line 7: owners\[1\]: Ledger.db.example.com stands there twice/,
  ],
  ["no pods at once", text(`${good}    maxUnavailable: 0\n`), /line 7: owners\[0\].maxUnavailable/],
] as const)
  test(`a file is wrong usage with its line: ${title}`, () => {
    assert.throws(
      () => read(content),
      (error: Error) => error.name === "UsageError" && says.test(error.message),
    );
    if (title !== "no YAML" && title !== "the same twice") assert.equal(validate(load(content)), false);
  });

test("a file that is not there is wrong usage", () => {
  assert.throws(() => readYamlFile("--owners", join(folder, "none"), ownersFrom), /--owners .* cannot be read/);
});

test("a row of the user stands for the known one", () => {
  const [mine] = read(text(good).replace("db.example.com", "postgresql.cnpg.io").replace("Ledger", "Cluster")).owners;
  assert.ok(mine);
  assert.deepEqual(
    ownersWith([mine]).filter(({ kind }) => kind === "Cluster"),
    [mine],
  );
});

test("how it is done by hand: of what is known, of Knative's Revision, and of nothing else", () => {
  assert.match(restartByHand({ group: "core.strimzi.io", kind: "StrimziPodSet" }) ?? "", /manual-rolling-update=true/);
  assert.match(restartByHand({ group: "serving.knative.dev", kind: "Revision" }) ?? "", /new Revision/);
  assert.equal(restartByHand({ group: "controllerrevision.example.com", kind: "Revision" }), undefined);
});
