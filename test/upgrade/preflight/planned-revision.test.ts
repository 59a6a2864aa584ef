/** The webhook of a revision that is planned selects what the charts' webhook of an installed one selects. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { injectionOf } from "../../../src/mesh/injection.ts";
import type { Labels } from "../../../src/mesh/kubernetes.ts";
import { resolveTarget } from "../../../src/upgrade/plan/target.ts";
import { isKnown, plannedTarget, withPlannedRevision } from "../../../src/upgrade/preflight/planned-revision.ts";
import { mission } from "../../fixtures/plan.ts";
import { injectorsOf, live, releases, rendered, revisionOfRelease } from "../../mesh/rendered.ts";

const without = mission({ injectors: [], tags: [] });
const some = (key: string, values: readonly string[]): readonly Labels[] => [
  {},
  ...values.map((value) => ({ [key]: value })),
];
const joined = (a: readonly Labels[], b: readonly Labels[]): readonly Labels[] =>
  a.flatMap((left) => b.map((right) => ({ ...left, ...right })));

for (const release of releases)
  test(`as the charts of ${release} have it`, () => {
    const revision = revisionOfRelease(release);
    const planned = withPlannedRevision(without, revision).injectors;
    const installed = injectorsOf(release, live(rendered(release).revisioned));
    const labels = some("istio.io/rev", [revision, "other"]);
    let injected = 0;
    for (const namespace of joined(labels, some("istio-injection", ["enabled", "disabled"])))
      for (const pod of joined(labels, some("sidecar.istio.io/inject", ["true", "false"]))) {
        const of = (injectors: typeof planned) =>
          injectionOf(injectors, { name: "a", labels: namespace }, { labels: pod }).kind;
        assert.equal(of(planned), of(installed), JSON.stringify({ namespace, pod }));
        if (of(planned) === "injected") injected++;
      }
    assert.ok(injected > 0);
  });

test("it is what --to of its name stands for, and nothing was known of it before", () => {
  assert.equal(isKnown(without, "9-99"), false);
  const mesh = withPlannedRevision(without, "9-99");
  assert.equal(isKnown(mesh, "9-99"), true);
  assert.deepEqual(resolveTarget(mesh, "9-99"), { ok: true, target: plannedTarget("9-99") });
});
