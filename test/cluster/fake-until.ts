/** `until` for clusters that tests make up: it ends what they leave unanswered, as the adapter does. */
import { unlessAborted } from "../../src/cluster/clock.ts";
import type { Cluster } from "../../src/cluster/cluster.ts";
import { ClusterError } from "../../src/cluster/cluster-error.ts";

export const fakeUntil =
  (cluster: Omit<Cluster, "until">) =>
  (signal: AbortSignal): Cluster => {
    /** The verb, which is not even begun once the signal has aborted. */
    const ending = <V extends (...args: never[]) => Promise<unknown>>(verb: V, writes = false): V => {
      const failure = (ambiguous: boolean): ClusterError =>
        new ClusterError("the time was over", { reason: "timeout", ambiguous, cause: signal.reason });
      const ended = async (...args: never[]): Promise<unknown> => {
        if (signal.aborted) throw failure(false);
        const answer = await unlessAborted(
          verb(...args).then((value) => ({ value })),
          signal,
        );
        if (answer === undefined) throw failure(writes);
        return answer.value;
      };
      return ended as V;
    };
    const view: Omit<Cluster, "until"> = {
      identity: cluster.identity,
      now: ending(cluster.now),
      list: ending(cluster.list),
      get: ending(cluster.get),
      patch: ending(cluster.patch, true),
      create: ending(cluster.create, true),
      delete: ending(cluster.delete, true),
      mayI: ending(cluster.mayI),
      logs: ending(cluster.logs),
      getFromPod: ending(cluster.getFromPod),
      watch: (kind, query, hint, other) => cluster.watch(kind, query, hint, AbortSignal.any([signal, other])),
      close: async () => {},
    };
    return { ...view, until: fakeUntil(view) };
  };
