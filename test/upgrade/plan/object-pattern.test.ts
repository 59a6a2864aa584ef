import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { refArgument } from "../../../src/mesh/object-ref.ts";
import { isNamed, matchesPattern, parsePattern } from "../../../src/upgrade/plan/object-pattern.ts";

const web = { kind: "Deployment", namespace: "production", name: "web" };

const table: readonly (readonly [pattern: string, kind: string, name: string, named: boolean])[] = [
  ["deployment/web", "Deployment", "web", true],
  ["Deployment/web", "Deployment", "web", true],
  ["DEPLOY/web", "Deployment", "web", true],
  ["deployments/web", "Deployment", "web", true],
  ["deployment.apps/web", "Deployment", "web", true],
  ["deployments.v1.apps/web", "Deployment", "web", true],
  ["production/deploy/web", "Deployment", "web", true],
  ["staging/deploy/web", "Deployment", "web", false],
  ["prod*/deploy/web", "Deployment", "web", true],
  ["*/deploy/*", "Deployment", "web", true],
  ["*/*", "Deployment", "web", true],
  ["deploy*/web", "Deployment", "web", true],
  ["deploy/w*b", "Deployment", "web", true],
  ["deploy/w*w*b", "Deployment", "web", false],
  ["deploy/web*web", "Deployment", "web", false],
  ["deploy/a*", "Deployment", "web", false],
  ["deploy/*a", "Deployment", "web", false],
  ["deploy/*w*", "Deployment", "web", true],
  ["deploy/w*e*b", "Deployment", "web", true],
  ["deploy/w*x*b", "Deployment", "web", false],
  ["deploy/a*b*b*c", "Deployment", "abbc", true],
  ["deploy/a*b*b*c", "Deployment", "abc", false],
  ["rc/old", "ReplicationController", "old", true],
  ["deploy/we", "Deployment", "web", false],
  ["deploy/WEB", "Deployment", "web", false],
  ["sts/web", "Deployment", "web", false],
  ["sts/db", "StatefulSet", "db", true],
  ["ds/agent", "DaemonSet", "agent", true],
  ["po/debug", "Pod", "debug", true],
  ["rollouts.argoproj.io/shop", "Rollout", "shop", true],
  ["ro/shop", "Rollout", "shop", true],
  ["rs/old", "ReplicaSet", "old", true],
  ["gateway/edge", "Gateway", "edge", true],
  ["gtw/edge", "Gateway", "edge", true],
  ["cloneset/game", "CloneSet", "game", true],
  ["clonesets.apps.kruise.io/game", "CloneSet", "game", true],
  ["deploy/constructor", "Deployment", "constructor", true],
];

for (const [pattern, kind, name, named] of table) {
  test(`${pattern} ${named ? "names" : "does not name"} ${kind}/${name}`, () => {
    assert.equal(isNamed([pattern], { kind, namespace: "production", name }), named);
  });
}

for (const text of ["", "web", "/web", "deploy/", "a/b/c/d", "//", ".apps/web", "/deploy/web"]) {
  test(`${JSON.stringify(text)} is no pattern`, () => {
    assert.equal(parsePattern(text), undefined);
    assert.equal(isNamed([text], web), false);
  });
}

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
const kind = fc.constantFrom(
  "Deployment",
  "StatefulSet",
  "DaemonSet",
  "Rollout",
  "Pod",
  "ReplicaSet",
  "Gateway",
  "CloneSet",
);
const ref = fc.record({ kind, namespace: name, name });

test("the value that a refusal proposes names its object, and no other", () => {
  fc.assert(
    fc.property(ref, ref, (one, other) => {
      assert.ok(isNamed([refArgument(one)], one));
      const same = one.kind === other.kind && one.namespace === other.namespace && one.name === other.name;
      assert.equal(isNamed([refArgument(one)], other), same);
    }),
  );
});

test("a star stands for any run of characters, and for none", () => {
  fc.assert(
    fc.property(name, fc.nat(10), fc.nat(10), (text, from, to) => {
      const [start, end] = [Math.min(from, to, text.length), Math.min(Math.max(from, to), text.length)];
      const pattern = parsePattern(`pod/${text.slice(0, start)}*${text.slice(end)}`);
      assert.ok(pattern && matchesPattern(pattern, { kind: "Pod", namespace: "production", name: text }));
    }),
  );
});
