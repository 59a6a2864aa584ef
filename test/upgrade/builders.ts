/** Migrations in a few words: the mission's mesh, a request, and the plan that they come to. */

import assert from "node:assert/strict";
import type { Finding } from "../../src/mesh/finding.ts";
import type { Mesh } from "../../src/mesh/model.ts";
import type { CheckRecord } from "../../src/upgrade/checks/check.ts";
import { migrationChecks } from "../../src/upgrade/checks/move/migration-checks.ts";
import { runChecks } from "../../src/upgrade/checks/run-checks.ts";
import { skipCheckKnown } from "../../src/upgrade/checks/single-checks.ts";
import type { ClusterEvidence } from "../../src/upgrade/evidence/cluster-evidence.ts";
import type { MigrationRequest } from "../../src/upgrade/plan/migration-request.ts";
import { type MigrationPlan, stepsOf } from "../../src/upgrade/plan/plan.ts";
import { migrationFacts, planMigration } from "../../src/upgrade/plan/plan-migration.ts";
import type { RelabelStep, RestartStep } from "../../src/upgrade/plan/step.ts";
import { resolveTarget } from "../../src/upgrade/plan/target.ts";
import { type MeshWords, mesh, ownInjector, plane, tag, tagInjector } from "../mesh/mesh-scene.ts";

/** Nothing round about that anything depends on. */
export const quiet: ClusterEvidence = {
  namespaces: [],
  discovery: [],
  readers: [],
  gatewayClasses: ["istio", "istio-waypoint"],
  quotas: [],
  autoscalers: [],
  disruptionBudgets: [],
  claims: [],
  cronJobs: [],
  podUsage: new Map(),
  unknown: [],
};

export const request = (change: Partial<MigrationRequest> = {}): MigrationRequest => ({
  to: "1-20",
  namespaces: ["production"],
  from: undefined,
  selector: undefined,
  leave: [],
  allowDowntime: [],
  skipCheck: [],
  ...change,
});

/**
 * An un-revisioned 1.19.0, revision 1-20 beside it, tag `prod` for the new one, namespace production on the old one.
 */
export const mission = (change: MeshWords = {}): Mesh =>
  mesh({
    controlPlanes: [plane("1-20"), plane("default", { version: "1.19.0" })],
    injectors: [
      ...ownInjector("1-20"),
      ...tagInjector("default", "default"),
      ...tagInjector("prod", "1-20"),
      ...ownInjector("default", { deactivated: true }),
    ],
    tags: [tag("default", "default"), tag("prod", "1-20")],
    defaultValidator: { name: "istiod-default-validator", revision: "default" },
    namespaces: [{ name: "production", labels: { "istio-injection": "enabled" } }],
    workloads: [{ namespace: "production", name: "web", runs: ["default", "default", "default"] }],
    ...change,
  });

export interface Wish extends Partial<MigrationRequest> {
  readonly surroundings?: Partial<ClusterEvidence>;
  readonly selected?: ReadonlySet<string>;
}

const records = new Map([...migrationChecks, skipCheckKnown].map((record: CheckRecord) => [record.id, record]));
const gravest = ["blocker", "unknown", "warning", "note"];

/** A finding says no more than the record of its check announces: its severity, and the flag that accepts it. */
export function assertAnnounced(
  { check, severity, object, message, accept }: Finding,
  record = records.get(check),
): void {
  const text = `${check} ${severity} ${object}: ${message}`;
  assert.ok(record !== undefined && object !== "" && message !== "", text);
  assert.ok(gravest.indexOf(severity) >= gravest.indexOf(record.severity), text);
  assert.ok(accept === undefined || record.accepts?.includes(accept.flag), `${text} ${accept?.flag}`);
}

/** A plan, what its checks found, and the steps that write before the records are closed, in their order. */
export interface Planned extends MigrationPlan {
  readonly findings: readonly Finding[];
  readonly steps: readonly (RelabelStep | RestartStep)[];
}

const relabelAndRestart = (plan: MigrationPlan): readonly (RelabelStep | RestartStep)[] =>
  stepsOf(plan).filter(
    (step) => step.kind === "restart" || (step.kind === "relabel" && step.record.kind === "open"),
  ) as (RelabelStep | RestartStep)[];

/** The plan of a wish, in a mesh where its target exists. Whatever it finds is announced by the record of its check. */
export function planOf(mesh: Mesh, { surroundings, selected, ...wish }: Wish = {}): Planned {
  const asked = request(wish);
  const resolved = resolveTarget(mesh, asked.to);
  if (!resolved.ok)
    throw new Error(`the target does not resolve: ${resolved.findings.map(({ message }) => message).join("; ")}`);
  const evidence = { ...quiet, ...surroundings };
  const facts = migrationFacts({ mesh, evidence, selected }, resolved.target, asked);
  const plan = planMigration(facts, 32);
  const findings = runChecks(migrationChecks, facts, { skip: asked.skipCheck, missing: evidence.unknown });
  for (const finding of findings) assertAnnounced(finding);
  return { ...plan, findings, steps: [...relabelAndRestart(plan)] };
}

export const stopping = ({ findings }: Planned): readonly Finding[] =>
  findings.filter(({ severity }) => severity === "blocker" || severity === "unknown");

/** `check severity object`, one a finding: what tables compare. */
export const brief = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ check, severity, object }) => `${check} ${severity} ${object}`);

/** The findings of one check, in brief. */
export const said = (plan: Planned, check: string): readonly string[] =>
  brief(plan.findings.filter((finding) => finding.check === check));

export const restarted = ({ steps }: Planned): readonly string[] =>
  steps.flatMap((step) =>
    step.kind === "restart" ? [`${step.workload.kind}/${step.workload.name}${step.canary ? " (canary)" : ""}`] : [],
  );
