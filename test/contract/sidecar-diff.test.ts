/** `mesh-revisions diff`: what another revision would change in the sidecars of a namespace, before anything is written. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { deployment, statefulSet } from "../fixtures/workload-objects.ts";
import { isWrite, type Json, type MeshUnderTest } from "./mesh-under-test.ts";
import { settled } from "./migrations.ts";
import { openMesh, together } from "./open-mesh.ts";

const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true });
const schema = readFileSync(`${import.meta.dirname}/../../schemas/sidecar-diff.schema.json`, "utf8");
const validate = ajv.compile(JSON.parse(schema));

const releases = { default: "1.19.0", "1-20": "1.20.0", "1-28": "1.28.2", "1-29": "1.29.1" } as const;
let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: releases });
});
after(() => mesh?.[Symbol.asyncDispose]());

const diff = async (namespace: string, to: string): Promise<Json> => {
  const { code, stdout, stderr } = await mesh.run("mesh-revisions", [
    "diff",
    "-n",
    namespace,
    "--to",
    to,
    "-o",
    "json",
  ]);
  assert.equal(code, 0, stdout + stderr);
  const document = JSON.parse(stdout);
  assert.ok(validate(document), JSON.stringify(validate.errors, undefined, 2));
  return document;
};
const ofClass = ({ comparisons }: Json, ...kinds: readonly string[]): readonly string[] =>
  comparisons.flatMap(({ differences }: Json) =>
    differences
      .filter((each: Json) => kinds.includes(each.class))
      .map(({ container, field, before, after }: Json) => `${container} ${field}: ${before} → ${after}`),
  );

describe("a fresh pair", together(), () => {
  for (const [from, to] of [
    ["default", "1-20"],
    ["1-28", "1-29"],
  ] as const)
    test(`${from} to ${to}: the same mesh, nothing is written, and no label is needed`, async () => {
      const namespace = await settled(
        mesh,
        (namespace) => [
          deployment({ namespace, name: "web", replicas: 1 }),
          statefulSet({ namespace, name: "db", replicas: 2 }),
        ],
        from === "default" ? { "istio-injection": "enabled" } : { "istio.io/rev": from },
      );
      const since = mesh.now();
      const found = await diff(namespace, to);
      assert.deepEqual(ofClass(found, "mesh", "pod", "behaviour"), []);
      assert.deepEqual(
        found.comparisons.map(({ workload, from, to, unknown }: Json) => [workload.name, from, to, unknown]),
        [["web", from, to, null]],
      );
      const image = `istio-proxy image: docker.io/istio/proxyv2:${releases[from]} → docker.io/istio/proxyv2:${releases[to]}`;
      assert.ok(ofClass(found, "cosmetic").includes(image), JSON.stringify(found));
      const writes = (await mesh.audit(since)).filter(({ userAgent }) => userAgent.startsWith("mesh-revisions/"));
      assert.deepEqual(writes.filter(isWrite), []);
    });
});
