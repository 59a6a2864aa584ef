/** Restart stamps: the API server's clock in whole seconds, as the API server writes its own times. */
import { sleep } from "../../cluster/clock.ts";
import { isBefore } from "../../mesh/instant.ts";
import type { Tools } from "../tools.ts";

export const stampAt = (time: Date): string => `${time.toISOString().slice(0, 19)}Z`;

/**
 * A stamp of now that is later than the one before it, so that it makes another rollout; waits for the next second
 * where it must. A stamp ahead of the clock would make the pods of that restart look older than it. Throws
 * `ClusterError`.
 */
export async function laterStamp(
  { cluster, clock, stop }: Pick<Tools, "cluster" | "clock" | "stop">,
  before: string | undefined,
): Promise<string> {
  for (;;) {
    const stamp = stampAt(await cluster.now());
    if (before === undefined || isBefore(before, stamp) || stop.now.aborted) return stamp;
    await sleep(clock, 250, stop.now);
  }
}
