import type { Cluster } from "../cluster/cluster.ts";
import { ClusterError } from "../cluster/cluster-error.ts";
import { kinds } from "../cluster/kinds.ts";

/** The names of all namespaces, for suggesting one in place of a slip: none where they cannot be listed. */
export const namespaceNames = async (cluster: Cluster): Promise<readonly string[]> => {
  try {
    return (await cluster.list(kinds.namespaces, { metadataOnly: true }, ({ metadata }) => metadata.name))?.items ?? [];
  } catch (error) {
    if (error instanceof ClusterError) return [];
    throw error;
  }
};
