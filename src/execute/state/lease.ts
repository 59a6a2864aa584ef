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
import { safe } from "../../mesh/safe.ts";
import { type Holder, holderOf, runAnnotation, verbAnnotation } from "../../upgrade/record/lock-holder.ts";
import { isInstant, isLabelValue } from "../../upgrade/record/record-fields.ts";
import { stateLabels, stateName } from "../../upgrade/record/run-journal.ts";

/** There while its holder still takes other Leases of its run; the first renewal after that removes it. */
const takingAnnotation = "kubectl-mesh/taking";

/** Whether the holder has not got all that it needs yet, so that it may give this Lease back. */
export const isTaking = (lease: LeaseObject | undefined): boolean =>
  labelOf(lease?.metadata.annotations ?? {}, takingAnnotation) !== undefined;

/** A holder in words: on one line, short, and with a verb, a run and a time only where they can be one. */
export const holderText = ({ by, verb, run, since }: Holder): string => {
  const known = [
    isLabelValue(verb) ? `kubectl mesh-${verb}` : "",
    isLabelValue(run) ? `run ${run}` : "",
    isInstant(since) ? `since ${since}` : "",
  ].filter((part) => part !== "");
  return `${safe(by, mostNamed)}${known.length === 0 ? "" : ` (${known.join(", ")})`}`;
};

/** Characters of a holder's name that are shown. */
const mostNamed = 100;

export const readLease = (cluster: Cluster, namespace: string): Promise<LeaseObject | undefined> =>
  cluster.get(kinds.leases, stateName, namespace);

/** For how long (s) a Lease is good: the more a run holds, the less often each is renewed. */
export const leaseSeconds = (leases: number): number => Math.min(120, Math.max(15, Math.ceil(leases / 5)));

/** Silence of a holder (s) after which its Lease counts as left behind. What it says itself has bounds. */
const silenceSeconds = ({ spec }: LeaseObject): number => {
  const said = spec?.leaseDurationSeconds;
  return typeof said === "number" && said >= 15 ? Math.min(120, said) : 15;
};

/**
 * Between two looks at a Lease that somebody else holds (ms): 25 looks a second at all of them together. A renewal
 * between two looks is never missed, because a Lease is taken over as it was seen by the last one.
 */
export const lookMs = (leases: number): number => Math.max(1_000, 40 * leases);

export interface Observed {
  /** Undefined: nobody holds it, or whoever did was silent for long enough. */
  readonly holder: Holder | undefined;
  readonly lease: LeaseObject | undefined;
}

/** How a Lease is looked at. */
export interface Look {
  readonly read: () => Promise<LeaseObject | undefined>;
  readonly clock: Clock;
  /** Ends it, with the holder. */
  readonly signal: AbortSignal;
  /** Between two looks (ms). */
  readonly everyMs: number;
  /** Called once where it takes a while: for so many seconds at most. */
  readonly onWait: (holder: Holder, seconds: number) => void;
}

/** Looks at a Lease until it is certain whether its holder is alive. Throws `ClusterError` where it cannot be read. */
export async function observeLease({ read, clock, signal, everyMs, onWait }: Look): Promise<Observed> {
  let lease = await read();
  const holder = holderOf(lease);
  if (!lease || !holder) return { holder: undefined, lease };
  const seen = signOfLife(lease);
  const seconds = silenceSeconds(lease);
  const until = clock.now() + seconds * 1000;
  onWait(holder, seconds);
  while (!signal.aborted && clock.now() < until) {
    await sleep(clock, Math.min(everyMs, until - clock.now()), signal);
    if (signal.aborted) break;
    lease = await read();
    const now = holderOf(lease);
    if (!lease || !now) return { holder: undefined, lease };
    if (signOfLife(lease) !== seen) return { holder: now, lease };
  }
  return { holder: signal.aborted ? holder : undefined, lease };
}

/** What a holder changes when it takes or renews a Lease; nothing of it is compared with a clock. */
const signOfLife = ({ metadata, spec }: LeaseObject): string =>
  JSON.stringify([
    ...[metadata.uid, labelOf(metadata.annotations ?? {}, runAnnotation)],
    ...[spec?.holderIdentity, spec?.acquireTime, spec?.renewTime],
  ]);

/**
 * The body that takes or renews a Lease. `lease` is the one that was read: its resourceVersion is the precondition.
 * `taking`: the holder takes others yet.
 */
export const heldLease = (
  lease: LeaseObject | undefined,
  { by, run, verb, since }: Holder,
  now: Date,
  { seconds, taking }: { readonly seconds: number; readonly taking: boolean },
): object => ({
  ...(lease ? {} : { apiVersion: "coordination.k8s.io/v1", kind: "Lease" }),
  metadata: {
    ...(lease ? { resourceVersion: lease.metadata.resourceVersion, uid: lease.metadata.uid } : { name: stateName }),
    labels: stateLabels,
    annotations: {
      ...{ [runAnnotation]: run, [verbAnnotation]: verb },
      ...(taking ? { [takingAnnotation]: "true" } : lease && { [takingAnnotation]: null }),
    },
  },
  spec: { holderIdentity: by, leaseDurationSeconds: seconds, acquireTime: since, renewTime: microTime(now) },
});

/** The body that gives a Lease back: it stays, held by nobody. */
export const freeLease = ({ metadata: { resourceVersion, uid } }: LeaseObject): object => ({
  metadata: {
    resourceVersion,
    uid,
    annotations: { [runAnnotation]: null, [verbAnnotation]: null, [takingAnnotation]: null },
  },
  spec: { holderIdentity: "" },
});

/** The only form of a time that a Lease takes (k8s.io/apimachinery/pkg/apis/meta/v1/micro_time.go). */
export const microTime = (time: Date): string => time.toISOString().replace("Z", "000Z");
