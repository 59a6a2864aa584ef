import assert from "node:assert/strict";
import test from "node:test";
import { injectorsFrom } from "../../../src/mesh/from/injectors.ts";
import { resolveTarget } from "../../../src/upgrade/plan/target.ts";
import type { Target } from "../../../src/upgrade/record/undo-record.ts";
import { type MeshWords, mesh, ownInjector, plane, tag, tagInjector } from "../../fixtures/mesh.ts";
import { mission } from "../../fixtures/plan.ts";
import { live, rendered } from "../../mesh/rendered.ts";

const resolved = (label: string, revision: string, tag?: string): Target => ({ label, revision, tag });

const accepted: readonly (readonly [what: string, change: MeshWords, label: string, target: Target])[] = [
  ["a revision", {}, "1-20", resolved("1-20", "1-20")],
  ["a tag", {}, "prod", resolved("prod", "1-20", "prod")],
  ["the default tag of an un-revisioned install", {}, "default", resolved("default", "default", "default")],
  ["an un-revisioned install without tags", { injectors: ownInjector("default"), tags: [] }, "default", resolved("default", "default")],
  ["the default tag of a revision", { controlPlanes: [plane("1-20")], injectors: [...ownInjector("1-20"), ...tagInjector("default", "1-20")] }, "default", resolved("default", "1-20", "default")],
  ["the default tag, where the un-revisioned istiod is gone", { controlPlanes: [plane("1-20"), plane("default", { deployment: undefined })], injectors: [...ownInjector("1-20"), ...tagInjector("default", "1-20")] }, "default", resolved("default", "1-20", "default")],
  ["a name that is a number", { injectors: ownInjector("120"), controlPlanes: [plane("120")] }, "120", resolved("120", "120")],
  ["a name that every object has", { injectors: ownInjector("constructor"), controlPlanes: [plane("constructor")] }, "constructor", resolved("constructor", "constructor")],
  ["a tag named as its revision", { injectors: [...ownInjector("1-20"), ...tagInjector("1-20", "1-20")] }, "1-20", resolved("1-20", "1-20")],
]; // biome-ignore format: a table

for (const [what, change, label, target] of accepted) {
  test(`${what} resolves`, () => {
    assert.deepEqual(resolveTarget(mission(change), label), { ok: true, target });
  });
}

const refused: readonly (readonly [what: string, change: MeshWords, label: string, message: RegExp, remedy: RegExp])[] = [
  ["an unknown name", {}, "1-21", /no revision or tag has this name, did you mean 1-20\?/, /^served here: 1-20, default and prod$/],
  ["an unknown name, beside a webhook that is deactivated", { injectors: [...tagInjector("prod", "1-20"), ...ownInjector("1-20"), ...ownInjector("1-18", { deactivated: true })] }, "1-21", /no revision or tag/, /^served here: 1-20 and prod$/],
  ["a name like no other", {}, "something", /no revision or tag has this name$/, /served here/],
  ["anything where nothing injects", { injectors: [], tags: [], controlPlanes: [] }, "1-20", /no revision or tag/, /no active sidecar injector/],
  ["a revision that a tag of its name sends elsewhere", { injectors: [...ownInjector("default", { deactivated: true }), ...tagInjector("default", "1-20"), ...ownInjector("1-20")] }, "default", /a revision and also a tag of revision 1-20/, /--to 1-20/],
  ["a revision and a tag of its name that both inject", { injectors: [...ownInjector("1-20"), ...tagInjector("1-20", "default")] }, "1-20", /served by webhooks of several revisions: 1-20 and default \(istio-sidecar-injector-1-20 and istio-revision-tag-1-20\)/, /IST0139/],
  ["a tag that is only a Service", { tags: [tag("canary", "1-20", { injects: false, webhook: undefined })] }, "canary", /only a Service/, /kubectl mesh-migrate --tag canary --to 1-20/],
  ["a tag whose webhook is deactivated", { injectors: [...ownInjector("1-20"), ...tagInjector("prod", "1-20", { deactivated: true })] }, "prod", /deactivated/, /kubectl mesh-migrate --tag prod --to 1-20/],
  ["a revision whose webhook asks for another label", { injectors: ownInjector("1-20").map((each, at) => ({ ...each, deactivated: at > 0, entry: { ...each.entry, namespaceSelector: { matchLabels: { team: "x" } } } })) }, "1-20", /webhook istio-sidecar-injector-1-20 does not select namespaces labelled istio.io\/rev=1-20/, /kubectl get mutatingwebhookconfiguration istio-sidecar-injector-1-20 -o yaml/],
  ["a revision without a webhook", { injectors: ownInjector("default"), tags: [] }, "1-20", /has istiod but no webhook/, /istioctl install/],
]; // biome-ignore format: a table

for (const [what, change, label, message, remedy] of refused) {
  test(`${what} is refused`, () => {
    const result = resolveTarget(mission(change), label);
    assert.ok(!result.ok);
    assert.deepEqual(
      result.findings.map(({ check, severity, object }) => [check, severity, object]),
      [["target-exists", "blocker", `revision/${label}`]],
    );
    assert.match(result.findings[0]?.message ?? "", message);
    assert.match(result.findings[0]?.remedy ?? "", remedy);
  });
}

test("a webhook that takes every namespace serves no label in particular", () => {
  const [first] = ownInjector("1-20");
  assert.ok(first);
  const { namespaceSelector: _, ...entry } = first.entry;
  assert.equal(resolveTarget(mesh({ injectors: [{ ...first, entry }] }), "typo").ok, false);
});

for (const release of ["1.19.0", "1.20.0", "1.28.2", "1.29.1"] as const) {
  test(`the webhooks of Istio ${release} serve their revision, their tag and the default`, () => {
    const { revisioned, defaultTag, prodStable } = rendered(release);
    const facts = { behind: new Map(), readyEndpoints: new Map(), policies: new Map(), versions: new Map() };
    const injectors = injectorsFrom([revisioned, defaultTag, prodStable].map(live), facts);
    const revision = injectors[0]?.revision ?? "";
    for (const label of [revision, "default", "prod-stable"]) {
      const result = resolveTarget(mesh({ injectors }), label);
      assert.equal(result.ok && result.target.revision, revision, label);
    }
  });
}
