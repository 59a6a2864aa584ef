/** Creates again what a removal deleted, from what it has kept. */
import type { Cluster } from "../../cluster/cluster.ts";
import { exit } from "../../mesh/exit-codes.ts";
import { listed } from "../../mesh/phrase.ts";
import { refKey } from "../../upgrade/cleanup/chart-objects.ts";
import { removalName } from "../../upgrade/cleanup/removal-record.ts";
import type { RemovalResult } from "../../upgrade/cleanup/removal-result.ts";
import { isRestorable } from "../../upgrade/cleanup/restorable.ts";
import { putBack, takenNames, takenText } from "./put-back.ts";
import { isChanged, type RemovalOptions, type RemovalRun } from "./removal-run.ts";
import { underLock } from "./remove-revision.ts";

/**
 * Works on a removal in any phase, and on a restore that was stopped. Refuses where an object of another UID has the name
 * of one that is to be created. Throws `ClusterError` while nothing has been written; after that every failure is in the
 * result.
 */
export const restoreRevision = (cluster: Cluster, options: RemovalOptions): Promise<RemovalResult> =>
  underLock(cluster, options, restoreLocked);

async function restoreLocked(run: RemovalRun): Promise<RemovalResult> {
  const { revision, istioNamespace, interrupted } = run.options;
  const kept = run.kept();
  const where = `ConfigMap ${istioNamespace}/${removalName}`;
  if (!kept)
    return run.result("refused", {
      reason: `nothing of revision ${revision} is kept in ${where}`,
      remedy: "install the revision again with its installer",
    });
  if (!isChanged(kept.record))
    return run.result("nothing-to-do", { reason: `revision ${revision} is as it was: nothing of it was removed` });
  const foreign = kept.record.objects.filter(
    ({ ref }, index) => !isRestorable(ref, kept.manifests[index] ?? {}, revision, istioNamespace),
  );
  if (foreign.length > 0)
    return run.result("refused", {
      reason: `${where} has objects that are not of revision ${revision}: ${listed(
        foreign.map(({ ref }) => refKey(ref)),
        6,
      )}`,
      remedy: "somebody has changed it: see who may write ConfigMaps there, and create what is wanted by hand",
    });
  const taken = await takenNames(run);
  if (taken.length > 0)
    return run.result("refused", {
      reason: takenText(taken),
      remedy: "the revision was installed again: there is nothing to restore, or remove these objects first",
    });
  const back = await putBack(run, interrupted);
  if (back.state === "interrupted") return run.result("interrupted", { reason: "it was stopped between two objects" });
  return back.state === "done"
    ? { ...run.result("restored", { exitCode: exit.done }), goOn: undefined }
    : { ...run.result("partial", { reason: back.reason }), goOn: run.options.command(["--restore"]) };
}
