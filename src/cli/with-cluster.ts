/** A plugin's connection to the cluster that its flags name. */
import type { Cluster } from "../cluster/cluster.ts";
import { connect } from "../cluster/connect.ts";
import { type clusterFlags, clusterFlagsOf } from "./flags/cluster-flags.ts";
import type { Io } from "./io.ts";
import type { Args } from "./plugin.ts";
import { version } from "./version.ts";

/**
 * Connects for the plugin `name`, which is also its User-Agent and, without --field-manager, its field manager; closes
 * the connections when `use` has ended. Throws `ClusterError` and what `use` throws.
 */
export const withCluster = async <T>(
  name: string,
  args: Args<typeof clusterFlags> & { readonly fieldManager?: string | undefined },
  io: Io,
  use: (cluster: Cluster) => Promise<T>,
): Promise<T> => {
  const cluster = await connect(clusterFlagsOf(args), {
    userAgent: `${name}/${version}`,
    fieldManager: args.fieldManager ?? name,
    warn: io.warn,
    clock: io.clock,
  });
  try {
    return await use(cluster);
  } finally {
    await cluster.close();
  }
};
