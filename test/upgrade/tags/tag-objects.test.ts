import assert from "node:assert/strict";
import test, { suite } from "node:test";
import { type TagObjects, tagChanges, tagPieces } from "../../../src/upgrade/tags/tag-objects.ts";
import { partsOf, sameParts, stillHas, type TagObject, tagBody } from "../../../src/upgrade/tags/tag-parts.ts";
import { installed, tagged } from "../../embedded/istio/install.ts";
import type { Json } from "../../embedded/object.ts";

const old = { name: "default", version: "1.19.0", replicas: 1 };
const next = { name: "1-20", version: "1.20.0", replicas: 1 };

/** The objects of these manifests, as if they had been read. */
function objectsOf(manifests: readonly Json[]): TagObjects {
  const of = (kind: string): readonly TagObject[] =>
    manifests
      .filter((each) => each.kind === kind)
      .map((each) => ({ ...each, metadata: { ...each.metadata, uid: `uid-of-${each.metadata.name}` } }) as TagObject);
  return {
    istioNamespace: "istio-system",
    mutating: of("MutatingWebhookConfiguration"),
    validating: of("ValidatingWebhookConfiguration"),
    services: of("Service"),
  };
}
const mesh = (...more: readonly Json[]): TagObjects => objectsOf([...installed(old), ...installed(next), ...more]);
const target = (tag: string, version = "1.20.0") => ({ tag, revision: "1-20", version });
const namesOf = (objects: TagObjects, tag: string, version?: string): readonly string[] | undefined =>
  tagPieces(objects, target(tag, version))?.map(({ ref }) => ref.name);

suite("the objects of a tag", () => {
  test("a webhook; with the validator and the un-revisioned injector for default; with a Service from 1.28 on", () => {
    assert.deepEqual(namesOf(mesh(), "prod"), ["istio-revision-tag-prod"]);
    assert.deepEqual(namesOf(mesh(), "default"), [
      "istio-revision-tag-default",
      "istiod-default-validator",
      "istio-sidecar-injector",
    ]);
    assert.deepEqual(namesOf(mesh(), "prod", "1.28.0"), ["istiod-revision-tag-prod", "istio-revision-tag-prod"]);
  });

  test("outside of istio-system the webhook has the namespace in its name, and one of another name is moved in place", () => {
    const elsewhere = { ...mesh(), istioNamespace: "mesh" };
    assert.deepEqual(namesOf(elsewhere, "prod"), ["istio-revision-tag-prod-mesh"]);
    const named = tagged("prod", old).map((each) => ({ ...each, metadata: { ...each.metadata, name: "ours" } }));
    assert.deepEqual(namesOf(mesh(...named), "prod"), ["ours"]);
  });

  test("a tag that injects namespaces without labels goes on doing so", () => {
    const [webhook] = tagged("prod", old) as readonly [Json];
    const [entry] = webhook.webhooks;
    const auto = { ...webhook, webhooks: [...webhook.webhooks, { ...entry, name: "auto.sidecar-injector.istio.io" }] };
    const entries = (objects: TagObjects) =>
      tagPieces(objects, target("prod"))?.[0]?.after.webhooks?.map(({ name }) => name);
    assert.equal(entries(mesh(webhook))?.includes("auto.sidecar-injector.istio.io"), false);
    assert.equal(entries(mesh(auto))?.at(-1), "auto.sidecar-injector.istio.io");
  });

  test("nothing to make it from: no own webhook of the revision, or two; or two webhooks of the tag", () => {
    const [own] = installed(next).filter(({ kind }) => kind === "MutatingWebhookConfiguration") as unknown as readonly [
      Json,
    ];
    const copy = (of: Json) => ({ ...of, metadata: { ...of.metadata, name: "another" } });
    assert.equal(tagPieces(objectsOf(installed(old)), target("prod")), undefined);
    assert.equal(tagPieces(mesh(copy(own)), target("prod")), undefined);
    const [webhook] = tagged("prod", old) as readonly [Json];
    assert.equal(tagPieces(mesh(webhook, copy(webhook)), target("prod")), undefined);
  });

  test("labels of others stay, those of an installer go", () => {
    const [webhook] = tagged("prod", old) as readonly [Json];
    const labels = { ...webhook.metadata.labels, team: "a", "operator.istio.io/component": "Pilot" };
    const objects = mesh({ ...webhook, metadata: { ...webhook.metadata, labels } });
    const [change] = tagChanges(objects, tagPieces(objects, target("prod")) ?? [], "1-20");
    assert.ok(change?.after);
    assert.equal(change.after.labels.team, "a");
    const { metadata } = tagBody(change, objects.mutating.at(-1), change.after, null) as Json;
    assert.deepEqual([metadata.labels.team, metadata.labels["operator.istio.io/component"]], ["a", null]);
    assert.equal(metadata.uid, "uid-of-istio-revision-tag-prod");
  });

  test("moved already: nothing to write", () => {
    const objects = mesh(...tagged("prod", next));
    const pieces = tagPieces(objects, target("prod")) ?? [];
    const there = mesh(
      ...tagged("prod", next).map((each) => ({
        ...each,
        metadata: { ...each.metadata, labels: pieces[0]?.after.labels },
      })),
    );
    assert.deepEqual(tagChanges(there, tagPieces(there, target("prod")) ?? [], "1-20"), []);
  });
});

suite("the parts of an object", () => {
  const [webhook] = tagged("prod", old) as readonly [TagObject & Json];

  test("a CA bundle is none of them, and is written as the called Service has it", () => {
    const parts = partsOf(webhook);
    assert.ok(!JSON.stringify(parts).includes("caBundle"));
    const ref = { kind: "MutatingWebhookConfiguration", namespace: undefined, name: "w" } as const;
    const caBundles = { "istio-system/istiod": "QQ==" };
    const change = { ref, uid: undefined, before: undefined, after: parts, record: undefined, caBundles };
    const body = tagBody(change, undefined, parts, null) as Json;
    assert.equal(body.webhooks[0].clientConfig.caBundle, "QQ==");
  });

  test("istiod's own change of a validator's failure policy is no change; that of an injector's is", () => {
    const withPolicy = (failurePolicy: string) => ({
      labels: {},
      webhooks: [{ name: "w", clientConfig: {}, failurePolicy }],
    });
    assert.ok(sameParts("ValidatingWebhookConfiguration", withPolicy("Fail"), withPolicy("Ignore")));
    assert.ok(!sameParts("MutatingWebhookConfiguration", withPolicy("Fail"), withPolicy("Ignore")));
  });

  test("a label that somebody adds is no change, one of the run's is", () => {
    const after = { labels: { "istio.io/rev": "1-20" } };
    const before = { labels: { "istio.io/rev": "default", old: "x" } };
    const found = (labels: Readonly<Record<string, string>>) => stillHas("Service", { labels }, after, before);
    assert.ok(found({ "istio.io/rev": "1-20", team: "a" }));
    assert.ok(!found({ "istio.io/rev": "1-21" }));
    assert.ok(!found({ "istio.io/rev": "1-20", old: "x" }));
  });
});
