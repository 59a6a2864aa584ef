/** Reads the objects that tags consist of, whole: what is written to them later is made from them. */
import type { Cluster } from "../cluster/cluster.ts";
import { type Kind, kinds } from "../cluster/kinds.ts";
import type { TagObjects } from "../upgrade/tags/tag-objects.ts";
import type { TagObject } from "../upgrade/tags/tag-parts.ts";
import { itemsOf } from "./list-kind.ts";

/** Throws `ClusterError` where one of the lists cannot be read: what could not be read would look as if it were not there. */
export async function readTagObjects(cluster: Cluster, istioNamespace: string): Promise<TagObjects> {
  const all = (kind: Kind, query: { readonly namespace?: string } = {}): Promise<readonly TagObject[]> =>
    itemsOf(cluster.list(kind as Kind<TagObject>, query, (object) => object));
  const [mutating, validating, services] = await Promise.all([
    all(kinds.mutatingWebhooks),
    all(kinds.validatingWebhooks),
    all(kinds.services, { namespace: istioNamespace }),
  ]);
  return { istioNamespace, mutating, validating, services };
}
