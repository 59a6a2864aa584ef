/** What a migration says of versions before it begins (istio/istio#51930). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { migrationChecks } from "../../../../src/upgrade/checks/move/migration-checks.ts";
import { runChecks } from "../../../../src/upgrade/checks/run-checks.ts";
import { migrationFacts } from "../../../../src/upgrade/plan/plan-migration.ts";
import { type MeshWords, mesh, ownInjector, plane } from "../../../fixtures/mesh.ts";
import { quiet, request } from "../../../fixtures/plan.ts";

const injecting = (image: string) =>
  ownInjector("1-20", { policy: { policy: "enabled", neverInject: [], alwaysInject: [], templates: [], image } });

const found = (change: MeshWords, outdated = false): readonly string[] => {
  const words: MeshWords = {
    controlPlanes: [plane("1-20", { version: "1.20.8" })],
    injectors: injecting("docker.io/istio/proxyv2:1.20.8"),
    namespaces: [{ name: "production", labels: { "istio.io/rev": "1-20" } }],
    workloads: [{ namespace: "production", name: "web", runs: ["1-20"], proxy: { version: "1.20.8" } }],
    ...change,
  };
  const target = { label: "1-20", revision: "1-20", tag: undefined };
  const facts = migrationFacts({ mesh: mesh(words), evidence: quiet }, target, request({ outdated }));
  return runChecks(migrationChecks, facts, { skip: [], missing: [] })
    .filter(({ check }) => ["injected-release", "already-outdated"].includes(check))
    .map(({ severity, check, object, message }) => `${severity} ${check} ${object}: ${message}`);
};

const old: MeshWords = {
  workloads: [{ namespace: "production", name: "web", runs: ["1-20"], proxy: { version: "1.20.0" } }],
};

for (const [what, change, outdated, messages] of [
  ["nothing of a sound mesh", {}, false, []],
  [
    "an old tag in the values",
    { injectors: injecting("docker.io/istio/proxyv2:1.19.5"), ...old },
    false,
    ["warning injected-release revision/1-20: it injects proxies of 1.19.5, and its istiod is 1.20.8"],
  ],
  ["nothing of a vendor's build of the same release", { injectors: injecting("corp/proxyv2:1.20.8-solo") }, false, []],
  ["nothing of a digest", { injectors: injecting("corp/proxyv2@sha256:0a1b") }, false, []],
  [
    "an older proxy that is there already",
    old,
    false,
    [
      "note already-outdated namespace/production: 1 workload on 1-20 already runs an older proxy than the 1.20.8 that it injects: deployment/web",
    ],
  ],
  ["nothing of it where it is restarted", old, true, []],
] satisfies readonly (readonly [string, MeshWords, boolean, readonly string[]])[])
  test(`a migration says ${what}`, () => assert.deepEqual(found(change, outdated), messages));
