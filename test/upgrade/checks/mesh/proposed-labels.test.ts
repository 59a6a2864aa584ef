/** What mesh-revisions proposes as a label, mesh-migrate takes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { revisionsWithIstiod } from "../../../../src/mesh/revision-state.ts";
import { meshFindings } from "../../../../src/upgrade/checks/mesh/mesh-checks.ts";
import { resolveTarget, servedLabels } from "../../../../src/upgrade/plan/target.ts";
import { mesh, ownInjector, plane, tagInjector } from "../../../fixtures/mesh.ts";
import { dead } from "../../../fixtures/sound-mesh.ts";

const revision = fc.constantFrom("default", "1-19", "1-20", "constructor");
const state = fc.constantFrom(
  {},
  {},
  { deactivated: true },
  { caBundle: false },
  { readyEndpoints: 0 },
  { url: true },
  { team: true },
);

/** Webhooks of revisions and tags, some called by URL or selecting by another label. A tag may be named as a revision. */
const injectors = fc.array(
  fc
    .record({ revision, tag: fc.option(fc.oneof(revision, fc.constant("prod")), { nil: undefined }), state })
    .map((words) => {
      const { url, team, ...change } = words.state as { url?: true; team?: true };
      const { tag } = words;
      const entries =
        tag === undefined ? ownInjector(words.revision, change) : tagInjector(tag, words.revision, change);
      return entries.map((each) => ({
        ...each,
        entry: {
          ...each.entry,
          ...(url && { clientConfig: { url: "https://istiod.example.com/inject" } }),
          ...(team && { namespaceSelector: { matchLabels: { team: "x" } } }),
        },
      }));
    }),
  { maxLength: 4 },
);

const labels = fc.constantFrom<Record<string, string>>(
  { "istio.io/rev": "typo" },
  { "istio.io/rev": "1-20" },
  { "istio.io/rev": "prod" },
  { "istio.io/rev": "default" },
  { "istio-injection": "enabled" },
);

const meshes = fc
  .record({
    planes: fc.uniqueArray(fc.record({ revision, gone: fc.boolean() }), { selector: (each) => each.revision }),
    injectors,
    labels: fc.tuple(labels, labels),
    runs: fc.array(revision, { maxLength: 3 }),
  })
  .map(({ planes, injectors, labels, runs }) =>
    mesh({
      controlPlanes: planes.map((each) => plane(each.revision, each.gone ? dead : {})),
      injectors: injectors.flat(),
      namespaces: labels.map((each, at) => ({ name: `n${at}`, labels: each })),
      workloads: [{ namespace: "n0", name: "web", runs }],
    }),
  );

/** Labels that a remedy names as a choice: for a label, and for `--to`. */
const proposed = (remedy: string): readonly string[] =>
  [
    ...(/ istio\.io\/rev=(\S+) --overwrite/.exec(remedy)?.slice(1) ?? []),
    ...(/served today: ([^)]*)/.exec(remedy)?.[1]?.split(/, | and /) ?? []),
    ...(/^kubectl mesh-migrate (?!--tag).* --to (\S+)$/.exec(remedy)?.slice(1) ?? []),
  ].filter((label) => label !== "REVISION");

test("every label that mesh-revisions proposes resolves to a revision that has an istiod", () => {
  let seen = 0;
  fc.assert(
    fc.property(meshes, (each) => {
      const findings = meshFindings(each);
      const choices = [...servedLabels(each), ...findings.flatMap(({ remedy }) => proposed(remedy ?? ""))];
      for (const label of choices) {
        const resolved = resolveTarget(each, label);
        assert.ok(resolved.ok, `${label}: ${resolved.ok || resolved.findings[0]?.message}`);
        assert.ok(revisionsWithIstiod(each).has(resolved.target.revision), `${label} has no istiod`);
      }
      seen += choices.length;
    }),
    { numRuns: 500 },
  );
  assert.ok(seen > 500, `${seen} proposals seen`);
});

test("a revision of which only the webhook is left is no choice", () => {
  const found = mesh({
    controlPlanes: [plane("1-19", dead), plane("1-20")],
    injectors: [...ownInjector("1-19"), ...ownInjector("1-20")],
  });
  assert.deepEqual(servedLabels(found), ["1-20"]);
});

test("a name that webhooks of two revisions serve is no choice", () => {
  const found = mesh({
    controlPlanes: [plane("1-19"), plane("1-20")],
    injectors: [...ownInjector("1-19"), ...ownInjector("1-20"), ...tagInjector("1-20", "1-19")],
  });
  assert.deepEqual(servedLabels(found), ["1-19"]);
});
