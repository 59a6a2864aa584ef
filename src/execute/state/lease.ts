/**
 * One Lease: who holds a namespace, and whether that one is still alive. No clock is compared with another machine's:
 * a Lease counts as left behind only after its holder was seen to be silent here for as long as the Lease is good for
 * (client-go's tools/leaderelection does the same).
 */
import { type Clock, sleep } from "../../cluster/clock.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import { kinds } from "../../cluster/kinds.ts";
import type { LeaseObject } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import { stateLabels, stateName } from "../../upgrade/record/run-journal.ts";

/** Whoever holds a Lease, as it says. */
export interface Holder {
  /** USER@HOST. */
  readonly by: string;
  readonly run: string;
  readonly verb: string;
  /** RFC 3339. */
  readonly since: string;
}

const runAnnotation = "kubectl-mesh/run";
const verbAnnotation = "kubectl-mesh/verb";

/** Undefined: nobody holds it. */
export function holderOf(lease: LeaseObject | undefined): Holder | undefined {
  const { holderIdentity = "", acquireTime = "" } = lease?.spec ?? {};
  if (holderIdentity === "") return undefined;
  const annotations = lease?.metadata.annotations ?? {};
  return {
    by: holderIdentity,
    run: labelOf(annotations, runAnnotation) ?? "",
    verb: labelOf(annotations, verbAnnotation) ?? "",
    since: acquireTime,
  };
}

export const readLease = (cluster: Cluster, namespace: string): Promise<LeaseObject | undefined> =>
  cluster.get(kinds.leases, stateName, namespace);

/** For how long (s) a Lease is good: the more a run holds, the less often each is renewed. */
export const leaseSeconds = (leases: number): number => Math.min(120, Math.max(15, Math.ceil(leases / 5)));

/** Silence of a holder (s) after which its Lease counts as left behind. What it says itself has bounds. */
const silenceSeconds = ({ spec }: LeaseObject): number => {
  const said = spec?.leaseDurationSeconds;
  return typeof said === "number" && said >= 15 ? Math.min(120, said) : 15;
};

/** Between two looks at a Lease that somebody else holds (ms). */
const lookMs = 1_000;

export interface Observed {
  /** Undefined: nobody holds it, or whoever did was silent for long enough. */
  readonly holder: Holder | undefined;
  readonly lease: LeaseObject | undefined;
}

/**
 * Looks at a Lease until it is certain whether its holder is alive. `onSilent` is called once where that takes a while.
 * Ends with the holder when `signal` aborts. Throws `ClusterError` where the Lease cannot be read.
 */
export async function observeLease(
  read: () => Promise<LeaseObject | undefined>,
  clock: Clock,
  signal: AbortSignal,
  onSilent: (holder: Holder, seconds: number) => void,
): Promise<Observed> {
  const first = await read();
  const holder = holderOf(first);
  if (!first || !holder) return { holder: undefined, lease: first };
  const seconds = silenceSeconds(first);
  const since = clock.now();
  onSilent(holder, seconds);
  while (!signal.aborted && clock.now() - since < seconds * 1000) {
    await sleep(clock, lookMs, signal);
    const lease = await read();
    const now = holderOf(lease);
    if (!now) return { holder: undefined, lease };
    if (
      lease?.metadata.uid !== first.metadata.uid ||
      lease.spec?.renewTime !== first.spec?.renewTime ||
      now.run !== holder.run
    )
      return { holder: now, lease };
  }
  return signal.aborted ? { holder, lease: first } : { holder: undefined, lease: first };
}

/** The body that takes or renews a Lease. `lease` is the one that was read: its resourceVersion is the precondition. */
export const heldLease = (
  lease: LeaseObject | undefined,
  { by, run, verb, since }: Holder,
  now: Date,
  seconds: number,
): object => ({
  ...(lease ? {} : { apiVersion: "coordination.k8s.io/v1", kind: "Lease" }),
  metadata: {
    ...(lease ? { resourceVersion: lease.metadata.resourceVersion, uid: lease.metadata.uid } : { name: stateName }),
    labels: stateLabels,
    annotations: { [runAnnotation]: run, [verbAnnotation]: verb },
  },
  spec: { holderIdentity: by, leaseDurationSeconds: seconds, acquireTime: since, renewTime: microTime(now) },
});

/** The body that gives a Lease back: it stays, held by nobody. */
export const freeLease = ({ metadata: { resourceVersion, uid } }: LeaseObject): object => ({
  metadata: { resourceVersion, uid, annotations: { [runAnnotation]: null, [verbAnnotation]: null } },
  spec: { holderIdentity: "" },
});

/** The only form of a time that a Lease takes (k8s.io/apimachinery/pkg/apis/meta/v1/micro_time.go). */
export const microTime = (time: Date): string => time.toISOString().replace("Z", "000Z");
