/** What `kubectl mesh-cleanup --leftovers` does: proves and removes what earlier removals left. */
import type { Io } from "../../src/cli/io.ts";
import type { Cluster } from "../../src/cluster/cluster.ts";
import { readDisuse } from "../../src/gather/disuse/read-disuse.ts";
import { readLeftovers } from "../../src/gather/inventory/read-leftovers.ts";
import type { ExitCode } from "../../src/mesh/exit-codes.ts";
import { leftoverChecks } from "../../src/upgrade/checks/cleanup/cleanup-checks.ts";
import { type CleanupResult, checkedResult } from "../../src/upgrade/cleanup/cleanup-result.ts";
import { type LeftoverResult, leftoversResult } from "../../src/upgrade/cleanup/leftovers-result.ts";
import { jsonView, yamlView } from "../../src/views/document.ts";
import { leftoversDocument } from "../../src/views/leftovers-document.ts";
import type { CleanupArgs, RevisionArgs } from "./cleanup-flags.ts";
import { printProof, printRemoval } from "./print-cleanup.ts";
import { removeChecked, showInventories } from "./remove-checked.ts";

/**
 * Each revision that left something is proven unused, confirmed and removed by itself, one after the other; a signal
 * ends it after the one at hand. Throws `ClusterError` where it cannot be read what is left: that is not "nothing".
 */
export async function runLeftovers(cluster: Cluster, given: CleanupArgs, io: Io): Promise<ExitCode> {
  const { istioNamespace, output, dryRun, checkOnly } = given;
  const all = await readLeftovers(cluster, istioNamespace);
  const inventories = all.filter(({ revision }) => given.revision === undefined || revision === given.revision);
  const isDocument = output === "json" || output === "yaml";
  const isText = output === "table" || output === "wide";
  const results: LeftoverResult[] = [];
  for (const { revision } of inventories) {
    const args: RevisionArgs = { ...given, revision };
    const checked = await look(cluster, args);
    if (checkOnly || dryRun !== "none" || checked.state !== "unused") {
      results.push({ kind: "checked", result: checked });
      if (dryRun === "none" ? !isDocument : isText) printProof(checked, args, io);
    } else {
      const removed = await removeChecked(cluster, args, io);
      results.push({ kind: "removed", result: removed });
      if (!isDocument) printRemoval(removed, args, io);
    }
    if (io.signal.aborted) break;
  }
  const result = leftoversResult(results);
  if (dryRun !== "none") await showInventories(cluster, inventories, given, io);
  else if (isDocument) io.out((output === "json" ? jsonView : yamlView)(leftoversDocument(result)));
  if (inventories.length === 0 && isText) {
    const whose = given.revision === undefined ? "of a revision without an istiod" : `of revision ${given.revision}`;
    io.out(`nothing to do: nothing ${whose} is left over`);
  }
  return result.exitCode;
}

const look = async (cluster: Cluster, { revision, istioNamespace, soak }: RevisionArgs): Promise<CleanupResult> =>
  checkedResult(await readDisuse(cluster, { revision, istioNamespace }), soak, leftoverChecks);
