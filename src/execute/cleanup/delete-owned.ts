/** Deletes one object of a revision, and nothing else: by its UID, as it was looked at last. */
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { readResource } from "../../gather/inventory/read-inventory.ts";
import { kindOfResource } from "../../gather/inventory/resource-kind.ts";
import { labelOf } from "../../mesh/labels.ts";
import { refKey } from "../../upgrade/cleanup/chart-objects.ts";
import type { InstalledObject } from "../../upgrade/cleanup/inventory-of.ts";
import type { ResourceRef } from "../../upgrade/cleanup/revision-inventory.ts";
import { goneIsDone, settle } from "../settle.ts";
import { isSwitchedOff } from "./injector-switch.ts";

export interface Deletion {
  readonly ref: ResourceRef;
  readonly uid: string;
  /** Value of label `istio.io/rev` that it had: an object that changed hands is not deleted. */
  readonly revisionLabel: string | undefined;
}

/**
 * Resolves when it is gone, or going. Throws `ClusterError` where another object has its name by now, where it changed
 * hands, or where an injection webhook was activated again: then nothing is deleted.
 */
export async function deleteOwned(cluster: Cluster, deletion: Deletion, dryRun = false): Promise<void> {
  const { ref, uid } = deletion;
  await settle<InstalledObject | undefined, true>({
    read: () => readResource(cluster, ref),
    settled: (now) => {
      if (!now || now.metadata.deletionTimestamp !== undefined) return true;
      const why = notOurs(now, deletion, dryRun);
      if (why !== undefined)
        throw new ClusterError(`${refKey(ref)} was not deleted: ${why}`, {
          reason: "conflict",
          hint: "see who changes it, and run the command again: it goes by what is there then",
        });
      return undefined;
    },
    write: async (now) => {
      const { resourceVersion } = (now as InstalledObject).metadata;
      await cluster.delete(kindOfResource(ref), ref, uid, { resourceVersion, dryRun }).catch(goneIsDone);
      return true;
    },
  });
}

const notOurs = (now: InstalledObject, { ref, uid, revisionLabel }: Deletion, dryRun: boolean): string | undefined => {
  if (now.metadata.uid !== uid) return "another object has its name by now";
  const label = labelOf(now.metadata.labels, "istio.io/rev");
  if (label !== revisionLabel) return `its label istio.io/rev is ${label ?? "gone"} by now`;
  if (ref.kind === "MutatingWebhookConfiguration" && !dryRun && !isSwitchedOff(now))
    return "it was activated again meanwhile";
  return undefined;
};
