/** Restart stamps: the API server's clock in whole seconds, as the API server writes its own times. */
import type { Cluster } from "../cluster/cluster.ts";

export const stampAt = (time: Date): string => `${time.toISOString().slice(0, 19)}Z`;

/** A stamp of now that differs from the one before it, so that it makes another rollout. Throws `ClusterError`. */
export async function laterStamp(cluster: Cluster, before: string): Promise<string> {
  const stamp = stampAt(await cluster.now());
  return stamp === before ? stampAt(new Date(Date.parse(before) + 1_000)) : stamp;
}
