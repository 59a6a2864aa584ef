/** Asks the API server, before the first write, for every right that a removal and its way back need. */
import type { Cluster } from "../../cluster/cluster.ts";
import type { Right } from "../../mesh/kubernetes.ts";
import { removalRights } from "../../upgrade/cleanup/removal-rights.ts";
import type { Inventory } from "../../upgrade/cleanup/revision-inventory.ts";

/** The first right that the user lacks. Throws `ClusterError` where the server gives no answer. */
export async function lackingRight(cluster: Cluster, inventory: Inventory): Promise<Right | undefined> {
  const rights = removalRights(inventory);
  const answers = await Promise.all(rights.map((right) => cluster.mayI(right)));
  return rights.find((_, index) => answers[index]?.allowed !== true);
}
