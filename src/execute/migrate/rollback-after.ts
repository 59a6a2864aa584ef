/**
 * A migration that is put back as a whole: with `--on-failure=rollback` where it fails after its canary, and a tag that
 * was moved also before.
 */
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
  const { warn, repeated } = options;
  const { tag } = repeated.request;
  const namespaces = leftHalfDone(result);
  if (namespaces === undefined || (namespaces.length === 0 && tag === undefined)) return result;
  const { leave, allowDowntime, endsByItself, owners, proof } = repeated.request;
  const accepted = { leave, allowDowntime, endsByItself, owners, ...(proof && { proof }) };
  const scope = tag === undefined ? { namespaces } : { namespaces: "all" as const, tag };
  const request = { ...scope, run: undefined, toBefore: undefined, pin: false, ...accepted };
  try {
    const rollback = await rollbackNamespaces(cluster, {
      ...options,
      dryRun: "none",
      announce: (names, revisions) =>
        warn(
          `not done: ${listed([...(tag === undefined ? [] : [`tag ${tag}`]), ...names], 12)} goes back${revisions.length === 0 ? "" : ` to ${listed(revisions, 6)}`}`,
        ),
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
