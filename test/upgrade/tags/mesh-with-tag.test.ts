import assert from "node:assert/strict";
import { test } from "node:test";
import { whereabouts } from "../../../src/mesh/revision-state.ts";
import { meshWithTag } from "../../../src/upgrade/tags/mesh-with-tag.ts";
import { ownInjector } from "../../fixtures/mesh.ts";
import { mission } from "../../fixtures/plan.ts";

// The primary-remote install: the Service of a remote cluster's istiod has no selector (istio/istio#58445).
test("a tag that is moved to a control plane elsewhere leads there", () => {
  const far = ownInjector("far", { service: "addresses" });
  const mesh = mission({ controlPlanes: [], injectors: far });
  const name = "istio-revision-tag-prod";
  const moved = meshWithTag(mesh, [
    {
      ref: { kind: "MutatingWebhookConfiguration", namespace: undefined, name },
      ...{ uid: "u", before: undefined, record: undefined, caBundles: {} },
      after: { labels: { "istio.io/tag": "prod", "istio.io/rev": "far" }, webhooks: far.map(({ entry }) => entry) },
    },
  ]);
  const ofTag = moved.injectors.filter(({ configuration }) => configuration === name);
  assert.deepEqual(
    ofTag.map(({ revision }) => revision),
    far.map(() => "far"),
  );
  assert.equal(whereabouts({ ...moved, injectors: ofTag }, "far"), "external");
});
