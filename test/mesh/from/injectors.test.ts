import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { injectorConfigMap, injectorsFrom, isSidecarInjector } from "../../../src/mesh/from/injectors.ts";
import { tagsFrom } from "../../../src/mesh/from/tag.ts";
import type { WebhookConfigurationObject } from "../../../src/mesh/kubernetes.ts";
import { deactivated, injectorsOf, live, releases, rendered, revisionOfRelease } from "../rendered.ts";

const nothing = {
  behind: new Map(),
  readyEndpoints: new Map<string, number>(),
  policies: new Map(),
  versions: new Map(),
};
const configuration = (
  name: string,
  labels: Record<string, string>,
  ...entries: string[]
): WebhookConfigurationObject => ({
  metadata: { name, uid: name, labels },
  webhooks: entries.map((entry) => ({ name: entry, clientConfig: { url: "https://example" } })),
});

for (const release of releases)
  test(`every entry of every injector of ${release}, in the order of calls`, () => {
    const { unrevisioned, revisioned, defaultTag, prodStable } = rendered(release);
    const revision = revisionOfRelease(release);
    const injectors = injectorsOf(
      release,
      prodStable,
      live(revisioned),
      live(deactivated(unrevisioned)),
      live(defaultTag),
    );
    assert.deepEqual(
      injectors.map(({ configuration, entry, revision, tag, deactivated, caBundle }) => [
        configuration,
        entry.name.split(".sidecar")[0],
        revision,
        tag,
        deactivated,
        caBundle,
      ]),
      [
        ...["rev.namespace", "rev.object", "namespace", "object", "auto"].map((entry) => [
          "istio-revision-tag-default",
          entry,
          revision,
          "default",
          false,
          true,
        ]),
        ...["rev.namespace", "rev.object"].map((entry) => [
          "istio-revision-tag-prod-stable",
          entry,
          revision,
          "prod-stable",
          false,
          false,
        ]),
        ...["rev.namespace", "rev.object", "namespace", "object"].map((entry) => [
          "istio-sidecar-injector",
          entry,
          "default",
          undefined,
          true,
          true,
        ]),
        ...["rev.namespace", "rev.object"].map((entry) => [
          `istio-sidecar-injector-${revision}`,
          entry,
          revision,
          undefined,
          false,
          true,
        ]),
      ],
    );
    assert.equal(injectors.at(-1)?.readyEndpoints, 1);
    assert.equal(injectors.at(-1)?.version, release);
  });

test("other webhooks are not Istio's injectors, whatever their names are", () => {
  assert.equal(isSidecarInjector(configuration("istio-sidecar-injector", {}, "pods.vendor.example")), false);
  assert.equal(isSidecarInjector(configuration("vendor", { app: "sidecar-injector" }, "vault.hashicorp.com")), false);
  assert.equal(isSidecarInjector(configuration("anything", {}, "namespace.sidecar-injector.istio.io")), true);
  assert.equal(isSidecarInjector(configuration("anything", {}, "my-sidecar-injector.istio.io")), false);
  assert.equal(isSidecarInjector(configuration("anything", {}, "sidecar-injector.istio.io.example.com")), false);
  assert.equal(
    isSidecarInjector(configuration("vendor", { app: "vendor", "istio.io/rev": "1-20" }, "vault.hashicorp.com")),
    false,
  );
  assert.equal(isSidecarInjector({ metadata: { name: "nothing", uid: "n" } }), false);
  assert.equal(
    isSidecarInjector(configuration("anything", { app: "sidecar-injector", "istio.io/rev": "1-20" }, "renamed")),
    true,
  );
  assert.equal(isSidecarInjector(configuration("empty", { app: "sidecar-injector", "istio.io/rev": "1-20" })), false);
});

test("an entry with a selector that never matches is deactivated; unknown facts of a revision are absent", () => {
  const never = { matchLabels: { "istio.io/deactivated": "never-match" } };
  const entry = { name: "sidecar-injector.istio.io", clientConfig: { url: "https://example" } };
  const webhooks = [entry, { ...entry, namespaceSelector: never }, { ...entry, objectSelector: never }];
  const injectors = injectorsFrom([{ ...configuration("old", {}), webhooks }], nothing);
  assert.deepEqual(
    injectors.map(({ deactivated }) => deactivated),
    [false, true, true],
  );
  assert.ok(injectors.every((injector) => !("policy" in injector) && !("version" in injector)));
});

test("a webhook without the revision label belongs to revision default", () => {
  assert.equal(injectorsFrom([configuration("old", {}, "sidecar-injector.istio.io")], nothing)[0]?.revision, "default");
});

test("the order of calls does not depend on the order of the list", () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,8}[a-z0-9])?$/), { maxLength: 6 });
  fc.assert(
    fc.property(names, (list) => {
      const called = injectorsFrom(
        list.map((name) => configuration(name, {}, "sidecar-injector.istio.io")),
        nothing,
      ).map((injector) => injector.configuration);
      assert.deepEqual(called, list.toSorted());
    }),
  );
});

test("tags of webhooks and of Services", () => {
  const { defaultTag, prodStable, revisioned } = rendered("1.29.1");
  const service = (tag: string, revision: string) => ({
    metadata: { name: tag, uid: tag, labels: { app: "istiod", "istio.io/tag": tag, "istio.io/rev": revision } },
  });
  const configurations = [prodStable, revisioned, deactivated(defaultTag)];
  const tags = tagsFrom(
    configurations,
    injectorsOf("1.29.1", ...configurations),
    [
      service("prod-stable", "1-29"),
      service("default", "1-28"),
      service("alone", "1-29"),
      { metadata: { name: "of-nobody", uid: "x", labels: { "istio.io/tag": "of-nobody" } } },
      { metadata: { name: "istiod-1-29", uid: "y", labels: { "istio.io/rev": "1-29" } } },
    ],
    new Map(),
  );
  assert.deepEqual(tags, [
    { tag: "alone", revision: "1-29", injects: false, webhook: undefined },
    { tag: "default", revision: "1-29", injects: false, webhook: "istio-revision-tag-default" },
    { tag: "default", revision: "1-28", injects: false, webhook: undefined },
    { tag: "prod-stable", revision: "1-29", injects: true, webhook: "istio-revision-tag-prod-stable" },
  ]);
});

test("the ConfigMap of a revision", () => {
  assert.equal(injectorConfigMap("default"), "istio-sidecar-injector");
  assert.equal(injectorConfigMap("120"), "istio-sidecar-injector-120");
});
