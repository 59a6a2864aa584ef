/** One migration from request to result: prepare, refuse or plan or carry out. */

import type { Cluster } from "../../cluster/cluster.ts";
import type { Finding } from "../../mesh/finding.ts";
import type { Mesh, Workload } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import { cannotTell, observe } from "../../upgrade/checks/check.ts";
import { alreadyProven } from "../../upgrade/checks/single-checks.ts";
import type { MigrationRequest, Plan } from "../../upgrade/plan/plan.ts";
import { workloadProof } from "../../upgrade/proof/workload-proof.ts";
import type { MigratedNamespace, MigratedWorkload, MigrationResult } from "../../upgrade/result.ts";
import { rehearse } from "../steps/rehearse.ts";
import { revisionLabelsOf } from "../steps/relabel.ts";
import { openRun, type Run, type RunOptions } from "../tools.ts";
import { type Prepared, prepare } from "./gather-and-plan.ts";
import { carryOut } from "./migrate.ts";
import { plannedResult, type RepeatedCommand, refusedResult, resultOf } from "./migration-result.ts";
import { presentGoal } from "./prove-present.ts";

export interface MigrationOptions extends Omit<RunOptions, "progress" | "request"> {
  readonly dryRun: "none" | "client" | "server";
  /** Opened when there is something to be told. */
  readonly openProgress: () => Promise<RunOptions["progress"]>;
  readonly typed: RepeatedCommand;
  /** Exit code of the signal, once interrupted. */
  readonly interruptedCode: () => number | undefined;
  /** Told once something was written, with what to say if we must end at once. */
  readonly whenStopped: (tell: (() => string) | undefined) => void;
}

/** `plan` where there was one: a dry run shows it. */
export interface Migration {
  readonly result: MigrationResult;
  readonly plan: Plan | undefined;
}

/** Throws `ClusterError` while nothing has been written; afterwards whatever happens is in the result. */
export async function migrateNamespaces(
  cluster: Cluster,
  request: MigrationRequest,
  options: MigrationOptions,
): Promise<Migration> {
  const prepared = await prepare(cluster, request, options.istioNamespace);
  return { result: await resultFor(cluster, prepared, options), plan: prepared.plan };
}

async function resultFor(
  cluster: Cluster,
  { plan, mesh, findings, ...rest }: Prepared,
  options: MigrationOptions,
): Promise<MigrationResult> {
  if (!plan || stops(findings)) return refusedResult(plan, "target" in rest ? rest.target : undefined, findings);
  if (options.dryRun !== "none") {
    const refused = options.dryRun === "server" ? await rehearse(cluster, plan) : [];
    return stops(refused)
      ? refusedResult(plan, undefined, [...findings, ...refused])
      : plannedResult(plan, findings, "planned", options.typed);
  }
  const unproven = alreadyThere(mesh, plan).filter((workload) => !isProven(workload, mesh, plan));
  if (plan.steps.length === 0 && unproven.length === 0) return nothingToDo(plan, mesh, findings, options.typed);

  const progress = await options.openProgress();
  const run = openRun(cluster, plan, { ...options, request: options.typed.request, progress });
  options.whenStopped(() => halfDone(run, options.typed));
  const end = await carryOut(run, unproven).finally(() => progress.close());
  options.whenStopped(undefined);
  if (plan.steps.length > 0 || end === "interrupted")
    return resultOf(run, end, findings, options.typed, options.interruptedCode());
  const open = run.ledger.workloads().filter(({ outcome }) => outcome === "unproven");
  return open.length > 0
    ? refusedResult(plan, undefined, [...findings, ...open.map((workload) => unprovenFinding(workload, plan))])
    : nothingToDo(plan, mesh, findings, options.typed);
}

/** The labels say it already: what stands there is shown as it is. */
function nothingToDo(plan: Plan, mesh: Mesh, findings: readonly Finding[], typed: RepeatedCommand): MigrationResult {
  const namespaces = mesh.namespaces.filter(({ name }) => plan.namespaces.includes(name));
  return {
    ...plannedResult(plan, findings, "nothing-to-do", typed),
    namespaces: namespaces.map(({ name, labels: all }): MigratedNamespace => {
      const labels = revisionLabelsOf({ metadata: { name, uid: "", labels: all } });
      return {
        name,
        from: plan.target.revision,
        to: plan.target.revision,
        before: labels,
        after: labels,
        labels: "kept",
      };
    }),
  };
}

const stops = (findings: readonly Finding[]): boolean =>
  findings.some(({ severity }) => severity === "blocker" || severity === "unknown");

const halfDone = (run: Run, typed: RepeatedCommand): string => {
  const { goOn, goBack } = resultOf(run, "interrupted", [], typed, undefined);
  return [`to go on:\n  ${goOn}`, ...(goBack ? [`to go back:\n  ${goBack}`] : [])].join("\n");
};

const alreadyThere = (mesh: Mesh, plan: Plan): readonly Workload[] => {
  const names = new Set(plan.already.map(refText));
  return mesh.workloads.filter((workload) => names.has(refText(workload)));
};

/** A workload that needs no restart is still no proof: its proxies may hang on another control plane, or on none. */
const isProven = (workload: Workload, mesh: Mesh, plan: Plan): boolean =>
  workloadProof(workload, presentGoal(workload, plan), mesh.answers, new Map(), 0).verdict.kind === "done";

const unprovenFinding = (workload: MigratedWorkload, { target }: Plan): Finding =>
  observe(
    alreadyProven,
    cannotTell(
      refText(workload),
      `its pods are injected by ${target.revision}, and not all are proven to have arrived: ${workload.reason}`,
      "run the command again in a minute; 'kubectl mesh-revisions' shows where its proxies are",
    ),
  );
