/** Keeps the `FailedCreate` events of a namespace up to date: only they say why a controller cannot create a pod. */

import type { Clock } from "../../cluster/clock.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import { kinds } from "../../cluster/kinds.ts";
import { type ClusterEvent, eventFrom } from "../../mesh/from/event.ts";
import { itemsOf } from "../list-kind.ts";
import { ignoringFailure } from "../optional-read.ts";
import { createPoller, type Poller } from "./poller.ts";

/** Reads the events every three seconds while somebody listens; there are none where they may not be read. */
export function watchFailedCreates(cluster: Cluster, namespace: string, clock: Clock): Poller<readonly ClusterEvent[]> {
  return createPoller({
    everyMs: 3_000,
    restMs: 1_000,
    clock,
    read: async (signal) => {
      const query = { namespace, fieldSelector: "reason=FailedCreate" };
      const list = itemsOf(cluster.until(signal).list(kinds.events, query, eventFrom));
      return (await ignoringFailure("events", list)) ?? [];
    },
  });
}
