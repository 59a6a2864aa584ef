/**
 * The checks of control planes on a whole mesh: a healthy one has nothing that somebody should act on, whatever its
 * releases are; and what is set up wrong is found.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { connect } from "../../src/cluster/connect.ts";
import { readSurroundings } from "../../src/gather/preflight/read-surroundings.ts";
import { readClusterEvidence } from "../../src/gather/read-evidence.ts";
import { snapshot } from "../../src/gather/snapshot.ts";
import type { Finding } from "../../src/mesh/finding.ts";
import { runChecks } from "../../src/upgrade/checks/run-checks.ts";
import { migrationFacts } from "../../src/upgrade/plan/plan-migration.ts";
import { resolveTarget } from "../../src/upgrade/plan/target.ts";
import { controlPlaneChecks } from "../fixtures/control-plane-facts.ts";
import { brief, request } from "../fixtures/plan.ts";
import { bootMesh, type EmbeddedMesh } from "./mesh.ts";
import { istioApi } from "./seed.ts";

const bookshop = readFileSync(new URL("../clusters/bookshop.yaml", import.meta.url), "utf8");

/** What the checks find before everything is moved to this revision. */
const findingsIn = (mesh: EmbeddedMesh, to: string): Promise<readonly Finding[]> =>
  mesh.clock.during(
    (async () => {
      const options = { userAgent: "test", fieldManager: "test", warn: () => {}, clock: mesh.clock };
      const cluster = await connect({ kubeconfig: mesh.kubeconfig }, options);
      try {
        const istioNamespace = "istio-system";
        const scope = { istioNamespace, namespaces: "all", workloads: true, askIstiods: true } as const;
        const found = await snapshot(cluster, scope);
        const [evidence, around] = await Promise.all([
          readClusterEvidence(cluster, found, "all"),
          readSurroundings(cluster, found, "all"),
        ]);
        const resolved = resolveTarget(found, to);
        assert.ok(resolved.ok);
        const asked = request({ to, namespaces: "all" });
        const facts = migrationFacts({ mesh: found, evidence }, resolved.target, asked);
        assert.ok(facts.moves.length > 0);
        const missing = around.unknown.filter(({ check }) => controlPlaneChecks.some(({ id }) => id === check));
        return runChecks(controlPlaneChecks, { ...facts, installed: true, around }, { missing });
      } finally {
        await cluster.close();
      }
    })(),
  );

const toAct = (findings: readonly Finding[]): readonly string[] =>
  brief(findings.filter(({ severity }) => severity !== "note"));

const pairs = [
  ["1.19.0", "1.20.0"],
  ["1.28.2", "1.29.1"],
] as const;
for (const [old, to] of pairs)
  test(`a healthy mesh, from ${old} to ${to}: notes alone`, async () => {
    await using mesh = await bootMesh({ revisions: { default: old }, manifests: bookshop });
    await mesh.waitReady("production");
    await mesh.pass(60_000);
    await mesh.addRevision("next", to);
    const findings = await findingsIn(mesh, "next");
    assert.deepEqual(toAct(findings), []);
    assert.deepEqual([...new Set(findings.map(({ check }) => check))].sort(), [
      "kubernetes-version",
      "old-istiod-replicas",
      "old-istiod-restarted",
      "old-release-installable",
      "release-notes",
      "target-replicas",
    ]);
  });

test("what is set up wrong is found", async () => {
  await using mesh = await bootMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" }, manifests: bookshop });
  await mesh.waitReady("production");
  await mesh.apply(istioApi);
  const configMap = "/api/v1/namespaces/istio-system/configmaps/istio";
  await mesh.api.merge(configMap, {
    data: { mesh: "trustDomain: td\nextensionProviders:\n- name: authz\n  envoyExtAuthzGrpc: {}\n" },
  });
  await mesh.apply([
    {
      apiVersion: "security.istio.io/v1beta1",
      kind: "AuthorizationPolicy",
      metadata: { name: "ext", namespace: "production" },
      spec: { action: "CUSTOM", provider: { name: "authz" } },
    },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "istio-ca-root-cert", namespace: "istio-system" },
      data: { "root-cert.pem": "another" },
    },
  ]);
  assert.deepEqual(toAct(await findingsIn(mesh, "1-20")), [
    "root-of-trust blocker istio-system/ConfigMap/istio-ca-root-cert",
    "trust-domain blocker ConfigMap istio-system/istio-1-20",
    "providers-exist blocker ConfigMap istio-system/istio-1-20",
  ]);
});
