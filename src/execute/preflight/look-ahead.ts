/** Looks at a mesh before an upgrade: everything is read, every write is sent as a dry run, nothing is changed. */
import type { Cluster } from "../../cluster/cluster.ts";
import { missingRights } from "../../gather/missing-rights.ts";
import { readJudgedKinds } from "../../gather/preflight/read-judged-kinds.ts";
import { readSurroundings } from "../../gather/preflight/read-surroundings.ts";
import { readClusterEvidence } from "../../gather/read-evidence.ts";
import { readJournals } from "../../gather/read-journals.ts";
import { selectedWorkloads } from "../../gather/selected-workloads.ts";
import { snapshot } from "../../gather/snapshot.ts";
import { compareSidecars } from "../../gather/trial/compare-sidecars.ts";
import type { Finding } from "../../mesh/finding.ts";
import type { Mesh } from "../../mesh/model.ts";
import { didYouMean } from "../../mesh/text/suggestion.ts";
import { blocker, observe } from "../../upgrade/checks/check.ts";
import { journalFindings, roomFindings } from "../../upgrade/checks/journal-findings.ts";
import { meshFindings } from "../../upgrade/checks/mesh/mesh-checks.ts";
import { migrationChecks } from "../../upgrade/checks/move/migration-checks.ts";
import { preflightChecks } from "../../upgrade/checks/preflight/preflight-checks.ts";
import { runChecks } from "../../upgrade/checks/run-checks.ts";
import { restartAdmission, targetExists, trialPodMesh } from "../../upgrade/checks/single-checks.ts";
import { trustsBoth } from "../../upgrade/evidence/trust-domains.ts";
import { ownersWith } from "../../upgrade/owners/known-owners.ts";
import type { MigrationRequest } from "../../upgrade/plan/migration-request.ts";
import type { Facts } from "../../upgrade/plan/moves.ts";
import { type MigrationPlan, restartSteps } from "../../upgrade/plan/plan.ts";
import { migrationFacts, planMigration } from "../../upgrade/plan/plan-migration.ts";
import { migrationDrafts } from "../../upgrade/plan/run-drafts.ts";
import { type Resolved, resolveTarget, servedLabels } from "../../upgrade/plan/target.ts";
import { restartsToTry } from "../../upgrade/preflight/judged-kinds.ts";
import { isKnown, plannedTarget, withPlannedRevision } from "../../upgrade/preflight/planned-revision.ts";
import type { Choice } from "../../upgrade/preflight/preflight-list.ts";
import { isChosen, preflightList } from "../../upgrade/preflight/preflight-list.ts";
import type { Looked } from "../../upgrade/preflight/preflight-result.ts";
import { startedRollouts } from "../../upgrade/record/found-journal.ts";
import { comparedWorkloads, onePerRevision } from "../../upgrade/trial/compared-workloads.ts";
import { comparisonFindings } from "../../upgrade/trial/sidecar-comparison.ts";
import { unreadJournals } from "../migrate/gather-and-plan.ts";
import { rehearseLabels, rehearseRestarts } from "../steps/rehearse.ts";

export interface LookOptions {
  readonly istioNamespace: string;
  readonly choice: Choice;
}

/** What a target that is not installed cannot be judged by. */
const needsTarget: ReadonlySet<string> = new Set([
  "target-ready",
  "target-ca-bundle",
  "target-endpoints",
  "version-skew",
  trialPodMesh.id,
]);

/** Throws `ClusterError` where the mesh cannot be read. */
export const lookAhead = async (
  cluster: Cluster,
  request: MigrationRequest,
  { istioNamespace, choice }: LookOptions,
): Promise<Omit<Looked, "opinions">> => {
  const { namespaces, to } = request;
  const owners = ownersWith(request.owners);
  const today = await snapshot(cluster, { istioNamespace, namespaces, workloads: true, askIstiods: true, owners });
  const installed = isKnown(today, to);
  const resolved = resolveTarget(today, to);
  const unresolved = resolved.ok ? [] : installed ? resolved.findings : [notInstalled(today, to)];
  const base = { to, installed, takenAt: today.takenAt };
  const ofMesh = meshFindings(today);
  if (!resolved.ok && installed) {
    const run = new Set(["target-exists", ...ofMesh.map(({ check }) => check)]);
    const notRun = new Set(preflightList.map(({ id }) => id).filter((id) => !run.has(id)));
    return { ...base, revision: undefined, namespaces: [], findings: [...unresolved, ...ofMesh], notRun };
  }
  const judged = await judge(cluster, request, installed ? today : withPlannedRevision(today, to), {
    ...{ istioNamespace, choice, installed },
    target: resolved.ok ? resolved.target : plannedTarget(to),
  });
  return {
    ...base,
    ...judged,
    findings: [...unresolved, ...judged.findings, ...ofMesh],
    notRun: installed ? new Set() : needsTarget,
  };
};

const notInstalled = (mesh: Mesh, to: string): Finding =>
  observe(
    targetExists,
    blocker(
      `revision/${to}`,
      `no revision or tag has this name, so all else is judged as if it were installed${didYouMean(to, servedLabels(mesh))}`,
      `istioctl install --set revision=${to}; to judge what is there before: --skip ${targetExists.id}`,
    ),
  );

interface Judging extends LookOptions {
  readonly installed: boolean;
  readonly target: Extract<Resolved, { readonly ok: true }>["target"];
}

const judge = async (
  cluster: Cluster,
  request: MigrationRequest,
  mesh: Mesh,
  { target, installed, istioNamespace, choice }: Judging,
): Promise<Pick<Looked, "revision" | "namespaces" | "findings">> => {
  const { namespaces } = request;
  const [evidence, around, selected] = await Promise.all([
    readClusterEvidence(cluster, mesh, namespaces),
    readSurroundings(cluster, mesh, namespaces),
    selectedWorkloads(cluster, mesh, request.selector),
  ]);
  const facts = migrationFacts({ mesh, evidence, selected }, target, request);
  const plan = planMigration(facts, 1);
  const drafts = migrationDrafts(plan, mesh);
  const chosen = (id: string): boolean => isChosen(choice, id);
  const [journals, ...asked] = await Promise.all([
    readJournals(cluster, [...drafts.keys()]).catch(unreadJournals),
    chosen("rights") ? missingRights(cluster, plan, istioNamespace) : [],
    chosen("label-admission") ? rehearseLabels(cluster, plan) : [],
    chosen(restartAdmission.id) ? tryRestarts(cluster, plan) : [],
    chosen(trialPodMesh.id) && installed ? sidecarFindings(cluster, facts) : [],
  ]);
  const started = "check" in journals ? undefined : startedRollouts(journals);
  const found = runChecks(
    [...migrationChecks, ...preflightChecks],
    { ...facts, installed, around, ...(started && { started }) },
    { missing: [...evidence.unknown, ...around.unknown] },
  );
  const written = mesh.namespaces.filter(({ name }) => drafts.has(name));
  const ofJournals: readonly Finding[] =
    "check" in journals ? [journals] : [...journalFindings(written, journals), ...roomFindings(drafts, journals)];
  return {
    revision: target.revision,
    namespaces: plan.namespaces,
    findings: [...found, ...asked.flat(), ...ofJournals],
  };
};

/** The first workload of each revision that is left, as the target would inject it. */
const sidecarFindings = async (
  cluster: Cluster,
  { mesh, moves, target, evidence, request }: Facts,
): Promise<readonly Finding[]> => {
  const namespaces = moves.map(({ namespace }) => namespace.name);
  const asked = onePerRevision(comparedWorkloads(mesh, namespaces, target));
  return (await compareSidecars(cluster, mesh, asked)).flatMap((each) =>
    comparisonFindings(each, {
      accepted: request.skipCheck,
      trustsBoth: trustsBoth(evidence, each.from, each.to),
    }),
  );
};

const tryRestarts = async (cluster: Cluster, plan: MigrationPlan): Promise<readonly Finding[]> =>
  rehearseRestarts(cluster, restartsToTry(restartSteps(plan), await readJudgedKinds(cluster)));
