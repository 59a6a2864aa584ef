/** Switches a revision's injection webhooks off as istioctl does, and on again with the selectors that they had. */
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { kindOfResource } from "../../gather/inventory/resource-kind.ts";
import { isNeverMatch, neverMatch } from "../../mesh/from/injectors.ts";
import type { WebhookEntry } from "../../mesh/kubernetes.ts";
import { refKey } from "../../upgrade/cleanup/chart-objects.ts";
import type { InstalledObject } from "../../upgrade/cleanup/inventory-of.ts";
import type { ResourceRef } from "../../upgrade/cleanup/revision-inventory.ts";
import type { RecordFields } from "../../upgrade/record/record-fields.ts";
import { settle } from "../settle.ts";

const isOff = ({ namespaceSelector }: WebhookEntry): boolean => isNeverMatch(namespaceSelector);

/** Whether no entry of the webhook configuration selects anything. */
export const isSwitchedOff = ({ webhooks = [] }: InstalledObject): boolean => webhooks.every(isOff);

/** `gone`: somebody else has deleted it, so there is nothing to switch. */
export type Switched = "switched" | "gone";

/** Deactivates every entry. Throws `ClusterError`, also where another object has its name by now. */
export const switchOff = (cluster: Cluster, ref: ResourceRef, uid: string): Promise<Switched> =>
  switchTo(cluster, ref, uid, (entry) => ({ ...entry, namespaceSelector: neverMatch, objectSelector: neverMatch }));

/** Gives the entries that are deactivated the selectors that are kept of them. Throws as `switchOff` does. */
export const switchOn = (cluster: Cluster, ref: ResourceRef, uid: string, kept: RecordFields): Promise<Switched> => {
  const entries = (kept as unknown as InstalledObject).webhooks ?? [];
  return switchTo(cluster, ref, uid, (entry) => {
    const before = entries.find(({ name }) => name === entry.name);
    if (!before || !isOff(entry)) return entry;
    const { namespaceSelector = {}, objectSelector = {} } = before;
    return { ...entry, namespaceSelector, objectSelector };
  });
};

/** A merge patch replaces the whole list, so everything else of the entries is sent as it was read. */
async function switchTo(
  cluster: Cluster,
  ref: ResourceRef,
  uid: string,
  change: (entry: WebhookEntry) => WebhookEntry,
): Promise<Switched> {
  const kind = kindOfResource(ref);
  const written = (now: InstalledObject): readonly WebhookEntry[] => (now.webhooks ?? []).map(change);
  return settle<InstalledObject | undefined, Switched>({
    read: async () => {
      const now = await cluster.get(kind, ref.name, ref.namespace);
      if (!now || now.metadata.uid === uid) return now;
      throw new ClusterError(`${refKey(ref)} was created again meanwhile`, {
        reason: "conflict",
        hint: "run the command again: it goes by what is there then",
      });
    },
    settled: (now) => {
      if (!now) return "gone";
      return JSON.stringify(written(now)) === JSON.stringify(now.webhooks ?? []) ? "switched" : undefined;
    },
    write: async (now) => {
      const { resourceVersion } = (now as InstalledObject).metadata;
      const webhooks = written(now as InstalledObject);
      await cluster.patch(kind, ref, { metadata: { uid, resourceVersion }, webhooks }, {});
      return "switched";
    },
  });
}
