/** Reads the names of all namespaces, to suggest one for a name that does not exist. */
import type { Cluster } from "../cluster/cluster.ts";
import { ClusterError } from "../cluster/cluster-error.ts";
import { kinds } from "../cluster/kinds.ts";

/** The names of all namespaces; none where they cannot be listed. */
export const namespaceNames = async (cluster: Cluster): Promise<readonly string[]> => {
  try {
    return (await cluster.list(kinds.namespaces, { metadataOnly: true }, ({ metadata }) => metadata.name))?.items ?? [];
  } catch (error) {
    if (error instanceof ClusterError) return [];
    throw error;
  }
};
