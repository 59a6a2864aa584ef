/** `--on-failure=rollback`: a migration that fails after its canary is put back as a whole. */
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { isObstacle } from "../../mesh/finding.ts";
import { listed } from "../../mesh/phrase.ts";
import type { RepeatedCommand } from "../../upgrade/migration-result.ts";
import type { MigrationResult } from "../../upgrade/result.ts";
import { leftHalfDone, rolledBackResult } from "../../upgrade/rollback/rolled-back-result.ts";
import type { CarryOutOptions } from "../carry-out.ts";
import { rollbackNamespaces } from "../rollback/rollback-namespaces.ts";

export interface RollbackAfterOptions extends CarryOutOptions {
  readonly parallelNamespaces: number;
  readonly interrupted: AbortSignal;
  /** The command of the migration. */
  readonly repeated: RepeatedCommand;
}

/** Nothing to do where the migration did not fail. What keeps it from being put back is a warning. Never throws `ClusterError`. */
export async function rollbackAfter(
  cluster: Cluster,
  result: MigrationResult,
  options: RollbackAfterOptions,
): Promise<MigrationResult> {
  const namespaces = leftHalfDone(result);
  if (namespaces.length === 0) return result;
  const { warn, repeated } = options;
  const { leave, allowDowntime } = repeated.request;
  const request = { namespaces, run: undefined, toBefore: undefined, pin: false, leave, allowDowntime };
  try {
    const rollback = await rollbackNamespaces(cluster, {
      ...options,
      dryRun: "none",
      announce: (names, revisions) => warn(`not done: ${listed(names, 12)} goes back to ${listed(revisions, 6)}`),
      repeated: { request, clusterFlags: repeated.clusterFlags, ownFlags: repeated.meshFlags },
    });
    const { state, failure, findings } = rollback.result;
    if (state === "refused" || state === "cannot-tell")
      for (const { message, object } of findings.filter(isObstacle)) warn(`not put back: ${object}: ${message}`);
    if (failure) warn(`not put back whole: ${failure.reason}`);
    return rolledBackResult(result, rollback.result);
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    warn(`not put back: ${error.message}`);
    return result;
  }
}
