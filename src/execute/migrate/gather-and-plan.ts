/**
 * Reads the cluster once and decides: from a request to the plan and the findings about it. Writes nothing.
 */
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { missingRights } from "../../gather/missing-rights.ts";
import { readClusterEvidence } from "../../gather/read-evidence.ts";
import { readJournals } from "../../gather/read-journals.ts";
import { readTagObjects } from "../../gather/read-tag-objects.ts";
import { selectedWorkloads } from "../../gather/selected-workloads.ts";
import { snapshot } from "../../gather/snapshot.ts";
import type { Finding } from "../../mesh/finding.ts";
import type { Mesh } from "../../mesh/model.ts";
import { cannotTell, observe } from "../../upgrade/checks/check.ts";
import { continuedFindings, journalFindings, roomFindings } from "../../upgrade/checks/journal-findings.ts";
import { migrationChecks } from "../../upgrade/checks/move/migration-checks.ts";
import { runChecks } from "../../upgrade/checks/run-checks.ts";
import { journalUsable } from "../../upgrade/checks/single-checks.ts";
import type { ClusterEvidence } from "../../upgrade/evidence/cluster-evidence.ts";
import { ownersWith } from "../../upgrade/owners/known-owners.ts";
import type { MigrationRequest } from "../../upgrade/plan/migration-request.ts";
import type { MigrationPlan } from "../../upgrade/plan/plan.ts";
import { migrationFacts, planMigration, tagFacts } from "../../upgrade/plan/plan-migration.ts";
import { migrationDrafts, type RunDrafts, withResumedCatchUps } from "../../upgrade/plan/run-drafts.ts";
import { type Resolved, resolveTarget } from "../../upgrade/plan/target.ts";
import { type Journals, startedRollouts } from "../../upgrade/record/found-journal.ts";
import { type ResolvedTag, resolveTagMove } from "../../upgrade/tags/tag-move.ts";
import { rehearseLabels, rehearseTag } from "../steps/rehearse.ts";

/** `plan` is absent when the target could not be resolved; then `findings` says why. */
export interface Prepared {
  readonly plan: MigrationPlan | undefined;
  readonly mesh: Mesh;
  readonly findings: readonly Finding[];
  /** Of the namespaces that the plan writes to. */
  readonly drafts: RunDrafts;
  readonly journals: Journals | undefined;
  readonly evidence?: ClusterEvidence;
}

export interface PrepareOptions {
  readonly istioNamespace: string;
  readonly parallelNamespaces: number;
}

/**
 * Reads the mesh and what surrounds it, plans, and asks the server whether it would let the plan be carried out. Throws
 * `ClusterError`.
 */
export async function prepare(
  cluster: Cluster,
  request: MigrationRequest,
  { istioNamespace, parallelNamespaces }: PrepareOptions,
): Promise<Prepared> {
  const { namespaces } = request;
  const owners = ownersWith(request.owners);
  const mesh = await snapshot(cluster, { istioNamespace, namespaces, workloads: true, askIstiods: true, owners });
  const { tag } = request;
  const resolvedTag =
    tag === undefined
      ? undefined
      : resolveTagMove(mesh, await readTagObjects(cluster, istioNamespace), tag, request.to);
  const resolved = resolvedTag ? withTarget(resolvedTag) : resolveTarget(mesh, request.to);
  if (!resolved.ok) return { ...nothing, mesh, findings: resolved.findings };
  const evidence = await readClusterEvidence(cluster, mesh, namespaces);
  const selected = await selectedWorkloads(cluster, mesh, request.selector);
  const gathered = { mesh, evidence, selected };
  const facts = resolvedTag?.ok
    ? tagFacts(gathered, resolvedTag.move, request)
    : migrationFacts(gathered, resolved.target, request);
  const plan = planMigration(facts, parallelNamespaces);
  const planned = migrationDrafts(plan, mesh);
  const read = await readJournals(cluster, [...planned.keys()]).catch(unreadJournals);
  const drafts = "check" in read ? planned : withResumedCatchUps(planned, read);
  // What cannot be read excuses nothing: an earlier refusal is shown first.
  const started = "check" in read ? undefined : startedRollouts(read);
  const found = runChecks(migrationChecks, started ? { ...facts, started } : facts, {
    skip: request.skipCheck,
    missing: evidence.unknown,
  });
  if (found.some(({ severity }) => severity === "blocker")) return { ...nothing, plan, mesh, findings: found };
  const asked = await Promise.all([
    missingRights(cluster, plan, istioNamespace),
    rehearseLabels(cluster, plan),
    rehearseTag(cluster, plan),
  ]);
  const findings = [...found, ...asked.flat()];
  if ("check" in read) return { ...nothing, plan, mesh, findings: [...findings, read] };
  const written = mesh.namespaces.filter(({ name }) => drafts.has(name));
  const ofJournals = [
    ...journalFindings(written, read),
    ...roomFindings(drafts, read),
    ...continuedFindings(drafts, read, mesh),
  ];
  return { plan, mesh, findings: [...findings, ...ofJournals], drafts, journals: read, evidence };
}

const withTarget = (resolved: ResolvedTag): Resolved =>
  resolved.ok ? { ok: true, target: resolved.move.target } : resolved;

/** A journal that cannot be read is not an empty one. */
export function unreadJournals(error: unknown): Finding {
  if (!(error instanceof ClusterError)) throw error;
  return observe(journalUsable, cannotTell("cluster", `the journals cannot be read: ${error.message}`, error.hint));
}

const nothing = { plan: undefined, drafts: new Map(), journals: undefined } as const;
