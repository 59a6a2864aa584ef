/** The lock of a run: a Lease in each namespace that it changes, all of them or none, renewed until it is given back. */
import { type Clock, unlessAborted } from "../../cluster/clock.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { kinds } from "../../cluster/kinds.ts";
import type { LeaseObject } from "../../mesh/kubernetes.ts";
import { type Holder, holderOf } from "../../upgrade/record/lock-holder.ts";
import { stateName } from "../../upgrade/record/run-journal.ts";
import { type Budget, createBudget } from "../budget.ts";
import {
  freeLease,
  heldLease,
  holderText,
  isTaking,
  leaseSeconds,
  lookMs,
  microTime,
  type Observed,
  observeLease,
  readLease,
} from "./lease.ts";

export interface LockRequest {
  readonly namespaces: readonly string[];
  /** Its Lease is taken by whoever changes the whole mesh: it must be free too, and is only looked at unless named. */
  readonly istioNamespace: string;
  readonly run: string;
  readonly verb: string;
  /** USER@HOST. */
  readonly by: string;
  readonly clock: Clock;
  /** Ends the wait for a silent holder. */
  readonly signal: AbortSignal;
  /** Ends the requests that take the lock; it is renewed and given back all the same. */
  readonly requests: AbortSignal;
  /** Says that it is waited for, and for whom. */
  readonly warn: (text: string) => void;
}

export interface Lock {
  readonly namespaces: ReadonlySet<string>;
  /**
   * Before every write. `stale`: the lock was kept, but this machine was away for longer than it is good for, and
   * `asker` (the step that is about to write) has not been told so yet. Throws `ClusterError` where the lock is not held
   * any more, or where that cannot be told.
   */
  ensure(namespace: string, asker: object): Promise<"current" | "stale">;
  /** Gives everything back, for a moment at most. Never throws: what cannot be given back is free after its time. */
  release(): Promise<void>;
}

/** `held`: nothing was kept, because somebody else is at work there. */
export type Locking =
  | { readonly kind: "locked"; readonly lock: Lock }
  | { readonly kind: "held"; readonly namespace: string; readonly holder: Holder };

interface Held {
  readonly namespace: string;
  lease: LeaseObject;
  /** When the request that renewed it last was sent, by both clocks of this machine. */
  sentAt: Moment;
  /** A renewal under way. */
  renewing: Promise<void> | undefined;
  /** Somebody else has it, or it was deleted: that does not change any more. */
  lost: ClusterError | undefined;
  /** How often it was kept although this machine was away for longer than it is good for. */
  absences: number;
  /** How many of them each asker knows of. */
  readonly toldTo: WeakMap<object, number>;
}

interface Moment {
  readonly now: number;
  readonly wall: number;
}

/**
 * Requests for Leases at once. Of 300 Leases, each good for 60 s, 15 a second are renewed on average; of 1,000, each
 * good for 120 s, 25.
 */
const sideBySide = 16;

/** Tries of a write that somebody or something comes between. */
const attempts = 5;

/** How long giving everything back may take (ms). */
const releaseMs = 1_500;

const never = new AbortController().signal;

/**
 * Takes all or none. Throws `ClusterError` where a Lease cannot be read or written; then none is kept.
 *
 * First all at once. Two that take overlapping sets may keep each other from going on then: who finds a Lease held by
 * another taker gives everything back, and takes again, one after the other in the order of the names, waiting for other
 * takers. Of several that wait in one order, one always goes on.
 */
export async function takeLock(cluster: Cluster, request: LockRequest): Promise<Locking> {
  const { clock, istioNamespace } = request;
  const namespaces = [...new Set(request.namespaces)].sort();
  const requests = cluster.until(request.requests);
  const seconds = leaseSeconds(namespaces.length);
  const since = microTime(await requests.now());
  const self: Holder = { by: request.by, run: request.run, verb: request.verb, since };
  const held = new Map<string, Held>();
  /** A write was sent there: if its answer was lost, it may be held all the same. */
  const attempted = new Set<string>();
  const waitedFor = new Set<string>();
  let ended = new AbortController();
  let { signal } = request;
  /** Until every Lease is ours. */
  let taking = true;
  /** Leases that nobody holds, or whose holder was silent for long enough, as they were seen last. */
  const unheld = new Map<string, Observed>();
  const turns = createBudget(sideBySide);
  /** A write waits for its own Lease, and not until those that nobody waits for are renewed. */
  const urgentTurns = createBudget(sideBySide);
  const limited = async <T>(send: () => Promise<T>, budget: Budget = turns): Promise<T> => {
    const release = await budget.acquire(1, never);
    return send().finally(release);
  };
  const moment = (): Moment => ({ now: clock.now(), wall: clock.wall() });
  /** Once for each holder: a run that was killed may have left hundreds. */
  const tellWait = (namespace: string) => (holder: Holder, wait: number) => {
    const who = holderText(holder);
    if (waitedFor.has(who)) return;
    waitedFor.add(who);
    request.warn(
      `the lock of namespace ${namespace} is held by ${who}: waiting up to ${wait} s for a sign of life of that run; without one its lock is taken over`,
    );
  };

  /** Looks until nobody else holds the namespace, or somebody does; `inOrder`: takers are waited for. */
  async function look(namespace: string, inOrder: boolean): Promise<Observed> {
    for (;;) {
      signal.throwIfAborted();
      const observed = await observeLease({
        read: () => limited(() => readLease(requests, namespace)),
        clock,
        signal,
        everyMs: lookMs(namespaces.length),
        onWait: tellWait(namespace),
      });
      signal.throwIfAborted();
      if (!isOfOther(observed) || !inOrder || !isTaking(observed.lease)) return observed;
    }
  }

  const isOfOther = ({ holder }: Observed): boolean => holder !== undefined && holder.run !== self.run;

  /**
   * Gives the Lease of whoever else holds the namespace; undefined: it is ours. The Lease of the Istio namespace is only
   * looked at where it is not among the namespaces: whoever changes the whole mesh takes it.
   */
  async function take(namespace: string, inOrder: boolean): Promise<Observed | undefined> {
    for (let attempt = 1; ; attempt++) {
      const observed = unheld.get(namespace) ?? (await look(namespace, inOrder));
      unheld.delete(namespace);
      if (isOfOther(observed)) return observed;
      if (namespace === istioNamespace && !namespaces.includes(namespace)) return undefined;
      const { lease } = observed;
      attempted.add(namespace);
      // Others may have seen the write at once, so its age counts from here, also where its answer was lost.
      let sentAt = moment();
      const hold = (taken: LeaseObject): void => {
        const fresh = { renewing: undefined, lost: undefined, absences: 0, toldTo: new WeakMap() };
        held.set(namespace, { namespace, lease: taken, sentAt, ...fresh });
      };
      try {
        const send = (): Promise<LeaseObject> => {
          sentAt = moment();
          return write(requests, namespace, lease);
        };
        hold(await limited(send));
        return undefined;
      } catch (error) {
        // Somebody was quicker, it was deleted, or the answer was lost: what is there now tells.
        const wasDeleted = lease !== undefined && error instanceof ClusterError && error.reason === "not-found";
        if (!wasDeleted && !mayBeOurs(error)) throw error;
        const now = await limited(() => readLease(requests, namespace));
        if (now && isOurs(now)) {
          hold(now);
          return undefined;
        }
        if (attempt === attempts) throw error;
      }
    }
  }

  const isOurs = (lease: LeaseObject): boolean => holderOf(lease)?.run === self.run;

  async function write(through: Cluster, namespace: string, lease: LeaseObject | undefined): Promise<LeaseObject> {
    const body = heldLease(lease, self, await through.now(), { seconds, taking });
    return lease
      ? through.patch(kinds.leases, { namespace, name: stateName }, body, {})
      : through.create(kinds.leases, body, { namespace });
  }

  const ageOf = ({ sentAt }: Held): number => {
    const { now, wall } = moment();
    // A time of day that is set back is away too: nobody knows what such a machine has missed.
    return Math.max(now - sentAt.now, Math.abs(wall - sentAt.wall));
  };

  const lose = (entry: Held, lease: LeaseObject | undefined): ClusterError => {
    const holder = holderOf(lease);
    const what = holder ? `was taken over by ${holderText(holder)}` : lease ? "was taken away" : "was removed";
    entry.lost = new ClusterError(`the lock of namespace ${entry.namespace} ${what} meanwhile`, {
      reason: "conflict",
      hint: `see what was done there: kubectl mesh-rollback --list -n ${entry.namespace}; then run the command again`,
    });
    return entry.lost;
  };

  async function renew(entry: Held, through: Cluster): Promise<void> {
    const wasAway = ageOf(entry) > seconds * 1000;
    for (let attempt = 1; ; attempt++) {
      if (entry.lost) throw entry.lost;
      if (released) throw new Error(`the lock of namespace ${entry.namespace} was given back`);
      const sentAt = moment();
      try {
        entry.lease = await write(through, entry.namespace, entry.lease);
        entry.sentAt = sentAt;
        if (wasAway) entry.absences++;
        return;
      } catch (error) {
        if (!(error instanceof ClusterError)) throw error;
        if (error.reason === "not-found") throw lose(entry, undefined);
        if (!mayBeOurs(error) || attempt === attempts) throw error;
        const now = await readLease(through, entry.namespace);
        if (!now || !isOurs(now) || now.metadata.uid !== entry.lease.metadata.uid) throw lose(entry, now);
        entry.lease = now;
      }
    }
  }

  /** A renewal ends before the next one is due, so that one that hangs keeps nothing up. */
  const betweenMs = (seconds * 1000) / 3;
  const renewOnce = (entry: Held, until: AbortSignal): Promise<void> => {
    entry.renewing ??= renew(entry, cluster.until(until)).finally(() => {
      entry.renewing = undefined;
    });
    return entry.renewing;
  };
  const isDue = (entry: Held): boolean => !entry.lost && ageOf(entry) >= betweenMs / 2;

  let cancel = (): void => {};
  /** A renewal that fails is tried again at the next turn, and before the next write at the latest. */
  function keepRenewing(inMs = betweenMs): void {
    cancel = clock.after(inMs, () => {
      const begun = clock.now();
      const until = clock.timeout(betweenMs);
      const renewed = [...held.values()].filter(isDue).map((entry) =>
        limited(async () => {
          if (isDue(entry)) await renewOnce(entry, until);
        }).catch(() => {}),
      );
      void Promise.all(renewed).then(() => {
        if (!released) keepRenewing(Math.max(0, betweenMs - (clock.now() - begun)));
      });
    });
  }

  let released = false;
  async function release(): Promise<void> {
    released = true;
    cancel();
    await giveAllBack();
  }

  async function giveAllBack(): Promise<void> {
    const time = clock.timeout(releaseMs);
    const through = cluster.until(time);
    const left = [...attempted].filter((namespace) => !held.get(namespace)?.lost);
    const all = left.map((namespace) =>
      limited(() => giveBack(through, namespace, held.get(namespace)?.lease), urgentTurns).catch(() => {}),
    );
    await unlessAborted(Promise.all(all), time);
    held.clear();
  }

  /** Somebody else's is never given back. A renewal that was still under way may have changed the Lease. */
  async function giveBack(through: Cluster, namespace: string, known: LeaseObject | undefined): Promise<void> {
    let lease = known;
    for (let attempt = 1; ; attempt++) {
      lease ??= await readLease(through, namespace);
      if (!lease || !isOurs(lease)) return;
      try {
        await through.patch(kinds.leases, { namespace, name: stateName }, freeLease(lease), {});
        return;
      } catch (error) {
        if (!mayBeOurs(error) || attempt === attempts) throw error;
        lease = undefined;
      }
    }
  }

  let other: ({ readonly namespace: string } & Observed) | undefined;
  let failure: unknown;
  /** Ends all others where somebody else holds the namespace, or it fails. */
  async function orEnd(namespace: string, found: Promise<Observed | undefined>): Promise<void> {
    try {
      const observed = await found;
      if (!observed || ended.signal.aborted) return;
      if (!isOfOther(observed)) return void unheld.set(namespace, observed);
      other = { namespace, ...observed };
    } catch (error) {
      if (ended.signal.aborted) return;
      failure = error;
    }
    ended.abort();
  }

  async function takeAll(inOrder: boolean): Promise<void> {
    ended = new AbortController();
    signal = AbortSignal.any([request.signal, ended.signal]);
    other = undefined;
    // Nothing is held while those that were killed are waited for.
    if (inOrder) await Promise.all(namespaces.map((namespace) => orEnd(namespace, look(namespace, inOrder))));
    const takeOne = (namespace: string) => orEnd(namespace, take(namespace, inOrder));
    if (!inOrder) await Promise.all(namespaces.map(takeOne));
    else for (const namespace of namespaces) if (!ended.signal.aborted) await takeOne(namespace);
    if (!ended.signal.aborted && !namespaces.includes(istioNamespace)) await takeOne(istioNamespace);
  }

  keepRenewing();
  await takeAll(false);
  if (failure === undefined && other && isTaking(other.lease)) {
    await giveAllBack();
    await takeAll(true);
  }
  if (failure !== undefined) {
    await release();
    throw request.signal.aborted ? notTaken(request.signal.reason) : failure;
  }
  const { namespace, holder } = other ?? {};
  if (namespace !== undefined && holder) {
    await release();
    return { kind: "held", namespace, holder };
  }
  taking = false;

  return {
    kind: "locked",
    lock: {
      namespaces: new Set(held.keys()),
      ensure: async (namespace, asker) => {
        const entry = held.get(namespace);
        if (!entry) throw new Error(`namespace ${namespace} was not locked`);
        const isOld = (): boolean => ageOf(entry) >= 2 * betweenMs;
        // One under way may have begun while the API server was away.
        if (isOld()) await entry.renewing?.catch(() => {});
        if (isOld()) await limited(() => renewOnce(entry, clock.timeout(betweenMs)), urgentTurns);
        if (entry.lost) throw entry.lost;
        const told = entry.toldTo.get(asker) ?? 0;
        entry.toldTo.set(asker, entry.absences);
        return told < entry.absences ? "stale" : "current";
      },
      release,
    },
  };
}

/**
 * A write that somebody came before, also by creating the object anew (`invalid`: it has another UID), or of which it is
 * not known whether it was done.
 */
const mayBeOurs = (error: unknown): error is ClusterError =>
  error instanceof ClusterError &&
  (["conflict", "already-exists", "invalid"].includes(error.reason) || error.ambiguous);

const notTaken = (cause: unknown): ClusterError =>
  new ClusterError("ended before the lock was taken", { reason: "timeout", cause });
