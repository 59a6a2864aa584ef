/**
 * Gathers once and decides purely: from a request to the plan and everything that speaks against it. Writes nothing.
 */

import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { resourceOf } from "../../cluster/kinds.ts";
import { missingRights } from "../../gather/missing-rights.ts";
import { readClusterEvidence } from "../../gather/read-evidence.ts";
import { snapshot } from "../../gather/snapshot.ts";
import type { Finding } from "../../mesh/finding.ts";
import type { Mesh } from "../../mesh/model.ts";
import { workloadKinds } from "../../mesh/workload-kinds.ts";
import { blocker, cannotTell, observe } from "../../upgrade/checks/check.ts";
import { labelAdmission } from "../../upgrade/checks/single-checks.ts";
import type { MigrationRequest, Plan, Target } from "../../upgrade/plan/plan.ts";
import { planMigration } from "../../upgrade/plan/plan-migration.ts";
import { resolveTarget } from "../../upgrade/plan/target.ts";
import { relabel } from "../steps/relabel.ts";

/** `plan` is absent when the target could not be resolved; then `findings` says why. */
export type Prepared =
  | { readonly plan: Plan; readonly mesh: Mesh; readonly findings: readonly Finding[] }
  | {
      readonly plan: undefined;
      readonly mesh: Mesh;
      readonly target: Target | undefined;
      readonly findings: readonly Finding[];
    };

/**
 * Reads the mesh and its surroundings, plans, and asks the server whether it would let the labels be written. Throws
 * `ClusterError`.
 */
export async function prepare(cluster: Cluster, request: MigrationRequest, istioNamespace: string): Promise<Prepared> {
  const mesh = await snapshot(cluster, {
    istioNamespace,
    namespaces: request.namespaces,
    workloads: true,
    askIstiods: true,
  });
  const resolved = resolveTarget(mesh, request.to);
  if (!resolved.ok) return { plan: undefined, mesh, target: undefined, findings: resolved.findings };
  const surroundings = await readClusterEvidence(cluster, mesh, request.namespaces);
  const selected =
    request.selector === undefined ? undefined : await selectedWorkloads(cluster, mesh, request.selector);
  const plan = planMigration({ mesh, evidence: surroundings, selected }, resolved.target, request);
  const stopped = plan.findings.some(({ severity }) => severity === "blocker");
  const asked = stopped ? [] : await Promise.all([missingRights(cluster, plan), refusedLabels(cluster, plan)]);
  return { plan, mesh, findings: [...plan.findings, ...asked.flat()] };
}

/**
 * UIDs of what `-l` selects of the namespaces in the picture; the server evaluates the selector, so its grammar is the
 * server's.
 */
export async function selectedWorkloads(
  cluster: Cluster,
  mesh: Mesh,
  labelSelector: string,
): Promise<ReadonlySet<string>> {
  const uids = new Set<string>();
  const scopes = mesh.namespaces.flatMap(({ name }) =>
    workloadKinds.map((kind) => ({ kind, namespace: name, name: "" })),
  );
  await Promise.all(
    scopes.map(async (scope) => {
      const query = { namespace: scope.namespace, labelSelector, metadataOnly: true };
      const found = await cluster.list(resourceOf(scope), query, ({ metadata }) => metadata.uid);
      for (const uid of found?.items ?? []) uids.add(uid);
    }),
  );
  return uids;
}

/**
 * Sends each label patch as a dry run: what admission refuses or silently changes is known before anything is written.
 */
async function refusedLabels(cluster: Cluster, plan: Plan): Promise<readonly Finding[]> {
  const steps = plan.steps.filter((step) => step.kind === "relabel-namespace");
  const findings = await Promise.all(
    steps.map(async ({ namespace, uid, before, after }): Promise<Finding | undefined> => {
      const finding = (say: typeof blocker, message: string, remedy: string): Finding =>
        observe(labelAdmission, say(`namespace/${namespace}`, message, remedy));
      try {
        const outcome = await relabel(
          cluster,
          { namespace, uid, expected: before, labels: after, record: undefined },
          { dryRun: true },
        );
        if (outcome.kind === "written") return undefined;
        if (outcome.kind === "altered")
          return finding(
            blocker,
            "the API server changes the labels that are asked for: a mutating admission policy rewrites them",
            "find the webhook or policy that mutates namespaces and let it pass istio.io/rev and istio-injection",
          );
        return finding(blocker, "its labels were changed by somebody else just now", "run the command again");
      } catch (error) {
        if (!(error instanceof ClusterError)) throw error;
        return finding(
          ["denied", "forbidden", "invalid"].includes(error.reason) ? blocker : cannotTell,
          `the label is refused: ${error.message}`,
          error.hint ?? "find the policy or webhook named there, and let it pass istio.io/rev and istio-injection",
        );
      }
    }),
  );
  return findings.filter((finding) => finding !== undefined);
}
