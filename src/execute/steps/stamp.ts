/** Restart stamps: the API server's clock in whole seconds, as the API server writes its own times. */
import { type Clock, sleep } from "../../cluster/clock.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import { instantOf } from "../../mesh/instant.ts";

export const stampAt = (time: Date): string => `${time.toISOString().slice(0, 19)}Z`;

/** A stamp so far ahead (ms) comes from another clock: it is not waited for. */
const otherClockMs = 10_000;

/**
 * A stamp of now that is later than the one before it, so that it makes another rollout; waits for the next second
 * where it must, unless `signal` aborts. A stamp ahead of the clock would make the pods of that restart look older than
 * it. One before it that is not a time, or that is far ahead, is another one in any case. Throws `ClusterError`.
 */
export async function laterStamp(
  { cluster, clock, signal }: { readonly cluster: Cluster; readonly clock: Clock; readonly signal: AbortSignal },
  before: string | undefined,
): Promise<string> {
  const last = instantOf(before) ?? Number.NEGATIVE_INFINITY;
  for (;;) {
    const stamp = stampAt(await cluster.now());
    const ahead = last - (instantOf(stamp) ?? 0);
    if (ahead < 0 || ahead > otherClockMs || signal.aborted) return stamp;
    await sleep(clock, 250, signal);
  }
}
