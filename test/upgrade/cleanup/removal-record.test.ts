/** Records of removals: written and read again they are the same, and what is torn or forged is named. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chartObjects } from "../../../src/upgrade/cleanup/chart-objects.ts";
import { isKept, keptManifest } from "../../../src/upgrade/cleanup/kept-manifest.ts";
import {
  manifestsText,
  parseManifests,
  parseRemoval,
  type RemovalRecord,
  removalText,
} from "../../../src/upgrade/cleanup/removal-record.ts";
import { isMalformed } from "../../../src/upgrade/record/record-fields.ts";

const record: RemovalRecord = {
  ...{ version: 1, clusterUid: "c", revision: "1-19", istioNamespace: "istio-system", run: "r1", by: "ann@laptop" },
  ...{ startedAt: "2026-01-01T00:00:00Z", updatedAt: "2026-01-01T00:00:01.5Z", phase: "draining", reason: null },
  objects: chartObjects("1-19", "istio-system").map(({ ref }, index) => ({ ref, uid: `u${index}`, stage: "kept" })),
};
const text = removalText(record);

test("a record is the same after it was written and read", () => {
  assert.deepEqual(parseRemoval(text), record);
});

test("a text that was cut anywhere is malformed, and never throws", () => {
  for (let length = 0; length < text.length; length++)
    assert.ok(isMalformed(parseRemoval(text.slice(0, length))), `${length}`);
});

test("no text throws", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (any) => void parseRemoval(any)));
});

for (const [what, change, says] of [
  ["of a later release", { version: 2 }, /its version is 2/],
  ["with an unknown phase", { phase: "gone" }, /phase/],
  ["with a revision that is a command", { revision: "1-19; rm -rf" }, /revision/],
  ["with a time that is none", { updatedAt: "soon" }, /times/],
  [
    "with a kind that no chart has",
    { objects: [{ kind: "Secret", namespace: "istio-system", name: "cacerts", uid: "u", stage: "kept" }] },
    /entry 1/,
  ],
  [
    "with a name that walks",
    { objects: [{ kind: "Service", namespace: "..", name: "x", uid: "u", stage: "kept" }] },
    /entry 1/,
  ],
  [
    "with a stage that is not known",
    { objects: [{ kind: "Service", namespace: "a", name: "x", uid: "u", stage: "?" }] },
    /entry 1/,
  ],
  [
    "with an object twice",
    { objects: [1, 2].map((uid) => ({ kind: "Service", namespace: "a", name: "x", uid: `${uid}`, stage: "kept" })) },
    /twice/,
  ],
] as const)
  test(`a text ${what} is malformed`, () => {
    const parsed = parseRemoval(JSON.stringify({ ...JSON.parse(text), ...change }));
    assert.ok(isMalformed(parsed));
    assert.match(parsed.malformed, says);
  });

test("manifests that are not those of the record's objects are malformed", () => {
  const manifests = record.objects.map(({ ref }) =>
    keptManifest({ ref, manifest: { metadata: { name: ref.name, namespace: ref.namespace } } }),
  );
  assert.deepEqual(parseManifests(manifestsText(manifests), record), JSON.parse(JSON.stringify(manifests)));
  for (const wrong of [manifests.slice(1), manifests.toReversed(), []])
    assert.ok(isMalformed(parseManifests(manifestsText(wrong), record)));
  assert.ok(isMalformed(parseManifests("{", record)));
});

test("what is kept is without the server's fields, and is found again in an object with more", () => {
  const ref = { group: "apps", version: "v1", plural: "deployments", kind: "Deployment", namespace: "a", name: "x" };
  const metadata = {
    name: "x",
    namespace: "a",
    uid: "u",
    resourceVersion: "3",
    generation: 2,
    labels: { app: "istiod" },
    annotations: { "deployment.kubernetes.io/revision": "1" },
    managedFields: [],
  };
  const manifest = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata,
    spec: { replicas: 1, list: [1, { a: 1 }] },
    status: { replicas: 1 },
  };
  const kept = keptManifest({ ref, manifest });
  assert.deepEqual(kept, {
    ...{
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "x", namespace: "a", labels: { app: "istiod" } },
    },
    spec: { replicas: 1, list: [1, { a: 1 }] },
  });
  assert.ok(isKept(kept, manifest));
  assert.ok(!isKept(kept, { ...manifest, spec: { ...manifest.spec, replicas: 2 } }));
  assert.ok(!isKept(kept, { ...manifest, spec: { ...manifest.spec, list: [1] } }));
});
