/** The lock of a removal: the Lease of the Istio namespace, and then nobody may be at work in any namespace. */
import type { Clock } from "../../cluster/clock.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import { kinds } from "../../cluster/kinds.ts";
import { itemsOf } from "../../gather/list-kind.ts";
import { type Holder, holderOf } from "../../upgrade/record/lock-holder.ts";
import { stateName } from "../../upgrade/record/run-journal.ts";
import { observeLease, readLease } from "../state/lease.ts";
import { type Lock, takeLock } from "../state/lock.ts";

export interface RemovalLockRequest {
  readonly istioNamespace: string;
  readonly run: string;
  /** USER@HOST. */
  readonly by: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly requests: AbortSignal;
  readonly warn: (text: string) => void;
}

export type RemovalLocking =
  | { readonly kind: "locked"; readonly lock: Lock }
  | { readonly kind: "held"; readonly namespace: string; readonly holder: Holder };

/**
 * Takes the Lease of the Istio namespace first and then looks at every other one: a migration takes its own and then
 * looks at that of the Istio namespace, so at least one of both sees the other. A Lease whose holder is silent for its
 * time is no obstacle: what a killed run left open is a matter of the proof. Throws `ClusterError` where a Lease cannot
 * be read or written.
 */
export async function lockWholeMesh(cluster: Cluster, request: RemovalLockRequest): Promise<RemovalLocking> {
  const { istioNamespace, clock, signal } = request;
  const locking = await takeLock(cluster, { ...request, namespaces: [istioNamespace], verb: "cleanup" });
  if (locking.kind === "held") return locking;
  try {
    const other = await otherHolder(cluster.until(request.requests), istioNamespace, clock, signal, request.warn);
    if (!other) return locking;
    await locking.lock.release();
    return { kind: "held", ...other };
  } catch (error) {
    await locking.lock.release();
    throw error;
  }
}

async function otherHolder(
  cluster: Cluster,
  istioNamespace: string,
  clock: Clock,
  signal: AbortSignal,
  warn: (text: string) => void,
): Promise<{ readonly namespace: string; readonly holder: Holder } | undefined> {
  const listed = await itemsOf(
    cluster.list(kinds.leases, { fieldSelector: `metadata.name=${stateName}` }, (lease) => lease),
  );
  const held = listed.flatMap(({ metadata: { namespace = "" }, ...lease }) =>
    namespace !== istioNamespace && holderOf({ metadata: { name: "", uid: "" }, ...lease }) ? [namespace] : [],
  );
  if (held.length > 0)
    warn(
      `${held.length} other locks are held: waiting for a sign of life of their runs; the lock of a run without one is no obstacle`,
    );
  const observed = await Promise.all(
    held.map(async (namespace) => {
      const { holder } = await observeLease({
        ...{ read: () => readLease(cluster, namespace), clock, signal, everyMs: Math.max(1_000, 40 * held.length) },
        onWait: () => {},
      });
      return holder && { namespace, holder };
    }),
  );
  signal.throwIfAborted();
  return observed.find((found) => found !== undefined);
}
