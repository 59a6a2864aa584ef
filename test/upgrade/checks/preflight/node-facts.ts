/** Facts of a preflight in a few words: a mesh, a request, and what was read of the nodes and namespaces. */
import type { Mesh } from "../../../../src/mesh/model.ts";
import type { Check } from "../../../../src/upgrade/checks/check.ts";
import { runChecks } from "../../../../src/upgrade/checks/run-checks.ts";
import { migrationFacts } from "../../../../src/upgrade/plan/plan-migration.ts";
import { resolveTarget } from "../../../../src/upgrade/plan/target.ts";
import { noConfigEvidence } from "../../../../src/upgrade/preflight/evidence/config-evidence.ts";
import { noControlPlaneEvidence } from "../../../../src/upgrade/preflight/evidence/control-plane-evidence.ts";
import {
  type ClusterNode,
  type NodeEvidence,
  noNodeEvidence,
} from "../../../../src/upgrade/preflight/evidence/node-evidence.ts";
import type { InjectorValues } from "../../../../src/upgrade/preflight/injector-values.ts";
import type { PreflightFacts } from "../../../../src/upgrade/preflight/preflight-facts.ts";
import { assertAnnounced, quiet, request, type Wish } from "../../../fixtures/plan.ts";

export interface Around extends Wish {
  readonly nodes?: Partial<NodeEvidence>;
  readonly installed?: boolean;
}

export const factsOf = (
  mesh: Mesh,
  { nodes, installed = true, surroundings, selected, ...wish }: Around = {},
): PreflightFacts => {
  const asked = request(wish);
  const resolved = resolveTarget(mesh, asked.to);
  if (!resolved.ok) throw new Error("the target does not resolve");
  const facts = migrationFacts({ mesh, evidence: { ...quiet, ...surroundings }, selected }, resolved.target, asked);
  return {
    ...facts,
    installed,
    around: {
      controlPlanes: noControlPlaneEvidence,
      nodes: { ...noNodeEvidence, ...nodes },
      config: noConfigEvidence,
      unknown: [],
    },
  };
};

/** `check severity object` of every finding; each says no more than its check announces. */
export const found = (checks: readonly Check<PreflightFacts>[], mesh: Mesh, around: Around = {}): readonly string[] =>
  findings(checks, mesh, around).map(({ check, severity, object }) => `${check} ${severity} ${object}`);

export const findings = (checks: readonly Check<PreflightFacts>[], mesh: Mesh, around: Around = {}) => {
  const all = runChecks(checks, factsOf(mesh, around));
  for (const finding of all)
    assertAnnounced(
      finding,
      checks.find(({ id }) => id === finding.check),
    );
  return all;
};

export const node = (name: string, change: Partial<ClusterNode> = {}): ClusterNode => ({
  name,
  kubelet: "v1.30.2",
  osImage: "Debian GNU/Linux 12",
  kernel: "6.1.0-18-amd64",
  architecture: "amd64",
  ready: true,
  unschedulable: false,
  ...change,
});

/** The values of Istio's default installation. */
export const defaults: InjectorValues = {
  cni: false,
  resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { cpu: "2000m", memory: "1024Mi" } },
  ownTemplates: false,
};

/** What is read of a healthy cluster with Istio's defaults. */
export const healthy: Partial<NodeEvidence> = {
  nodes: [node("node-1"), node("node-2")],
  injectors: new Map([
    ["default", defaults],
    ["1-20", defaults],
  ]),
};
