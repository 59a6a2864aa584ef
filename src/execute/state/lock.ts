/** The lock of a run: a Lease in each namespace that it changes, all of them or none, renewed until it is given back. */
import type { Clock } from "../../cluster/clock.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { kinds } from "../../cluster/kinds.ts";
import type { LeaseObject } from "../../mesh/kubernetes.ts";
import { stateName } from "../../upgrade/record/run-journal.ts";
import { createBudget } from "../budget.ts";
import {
  freeLease,
  type Holder,
  heldLease,
  holderOf,
  leaseSeconds,
  microTime,
  observeLease,
  readLease,
} from "./lease.ts";

export interface LockRequest {
  readonly namespaces: readonly string[];
  /** Its Lease is taken by whoever removes a control plane: it must be free too. */
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
   * Before every write. `stale`: the lock was kept, but this machine was away for longer than it is good for. Throws
   * `ClusterError` where it is not held any more, or where that cannot be told.
   */
  ensure(namespace: string): Promise<"current" | "stale">;
  /** Gives everything back. Never throws: what cannot be given back is free after its time. */
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
  renewing: Promise<"current" | "stale"> | undefined;
}

interface Moment {
  readonly now: number;
  readonly wall: number;
}

/** Requests for Leases at once. */
const sideBySide = 8;

/** Takes all or none. Throws `ClusterError` where a Lease cannot be read or written; then none is kept. */
export async function takeLock(cluster: Cluster, request: LockRequest): Promise<Locking> {
  const { namespaces, clock, istioNamespace } = request;
  const taking = cluster.until(request.requests);
  const seconds = leaseSeconds(namespaces.length);
  const since = microTime(await taking.now());
  const self: Holder = { by: request.by, run: request.run, verb: request.verb, since };
  const held = new Map<string, Held>();
  const ended = new AbortController();
  const signal = AbortSignal.any([request.signal, ended.signal]);
  const turns = createBudget(sideBySide);
  const limited = async <T>(send: () => Promise<T>): Promise<T> => {
    const release = await turns.acquire(1, new AbortController().signal);
    return send().finally(release);
  };
  const moment = (): Moment => ({ now: clock.now(), wall: clock.wall() });
  const tellSilent = (namespace: string) => (holder: Holder, wait: number) =>
    request.warn(
      `the lock of namespace ${namespace} is held by ${holderText(holder)}: waiting ${wait} s to see whether that run is alive`,
    );

  /**
   * Gives who else holds the namespace; undefined: it is ours. The Lease of the Istio namespace is only looked at:
   * whoever removes a control plane takes it first, and then looks at all others.
   */
  async function take(namespace: string): Promise<Holder | undefined> {
    for (;;) {
      const { holder, lease } = await observeLease(
        () => limited(() => readLease(taking, namespace)),
        clock,
        signal,
        tellSilent(namespace),
      );
      if (holder && holder.run !== self.run) return holder;
      signal.throwIfAborted();
      if (namespace === istioNamespace) return undefined;
      try {
        const sentAt = moment();
        held.set(namespace, {
          namespace,
          lease: await limited(() => write(taking, namespace, lease)),
          sentAt,
          renewing: undefined,
        });
        return undefined;
      } catch (error) {
        // Somebody was quicker, or the answer was lost: what is there now tells.
        if (
          !(error instanceof ClusterError) ||
          !(["conflict", "already-exists"].includes(error.reason) || error.ambiguous)
        )
          throw error;
        const now = await limited(() => readLease(taking, namespace));
        if (now && holderOf(now)?.run === self.run) {
          held.set(namespace, { namespace, lease: now, sentAt: moment(), renewing: undefined });
          return undefined;
        }
      }
    }
  }

  async function write(through: Cluster, namespace: string, lease: LeaseObject | undefined): Promise<LeaseObject> {
    const body = heldLease(lease, self, await through.now(), seconds);
    return lease
      ? through.patch(kinds.leases, { namespace, name: stateName }, body, {})
      : through.create(kinds.leases, body, { namespace });
  }

  const lost = (namespace: string, lease: LeaseObject | undefined): ClusterError => {
    const holder = holderOf(lease);
    const who = holder ? `taken over by ${holderText(holder)}` : "removed";
    return new ClusterError(`the lock of namespace ${namespace} was ${who} meanwhile`, { reason: "conflict" });
  };

  const ageOf = ({ sentAt }: Held): number => {
    const { now, wall } = moment();
    return Math.max(now - sentAt.now, wall - sentAt.wall);
  };

  async function renew(entry: Held): Promise<"current" | "stale"> {
    const wasAway = ageOf(entry) > seconds * 1000;
    for (;;) {
      const sentAt = moment();
      try {
        entry.lease = await write(cluster, entry.namespace, entry.lease);
        entry.sentAt = sentAt;
        return wasAway ? "stale" : "current";
      } catch (error) {
        if (!(error instanceof ClusterError)) throw error;
        if (error.reason === "not-found") throw lost(entry.namespace, undefined);
        if (error.reason !== "conflict" && !error.ambiguous) throw error;
        const now = await readLease(cluster, entry.namespace);
        if (!now || holderOf(now)?.run !== self.run || now.metadata.uid !== entry.lease.metadata.uid)
          throw lost(entry.namespace, now);
        entry.lease = now;
      }
    }
  }

  const renewOnce = (entry: Held): Promise<"current" | "stale"> => {
    entry.renewing ??= renew(entry).finally(() => {
      entry.renewing = undefined;
    });
    return entry.renewing;
  };

  let cancel = (): void => {};
  /** A renewal that fails is tried again at the next turn, and before the next write at the latest. */
  function keepRenewing(): void {
    cancel = clock.after((seconds * 1000) / 3, () => {
      const all = [...held.values()].map((entry) => limited(() => renewOnce(entry)).catch(() => {}));
      void Promise.all(all).then(() => {
        if (!released) keepRenewing();
      });
    });
  }

  let released = false;
  async function release(): Promise<void> {
    released = true;
    cancel();
    const bounded = cluster.until(clock.timeout(3_000));
    await Promise.all(
      [...held.values()].map(async (entry) => {
        await entry.renewing?.catch(() => {});
        await limited(() =>
          bounded.patch(kinds.leases, { namespace: entry.namespace, name: stateName }, freeLease(entry.lease), {}),
        ).catch(() => {});
      }),
    );
    held.clear();
  }

  let other: { readonly namespace: string; readonly holder: Holder } | undefined;
  let failure: unknown;
  async function takeOrEnd(namespace: string): Promise<void> {
    try {
      const holder = await take(namespace);
      if (!holder || ended.signal.aborted) return;
      other = { namespace, holder };
    } catch (error) {
      if (ended.signal.aborted) return;
      failure = error;
    }
    ended.abort();
  }

  keepRenewing();
  await Promise.all([...new Set(namespaces)].sort().map(takeOrEnd));
  if (!ended.signal.aborted) await takeOrEnd(istioNamespace);
  if (failure !== undefined) {
    await release();
    throw request.signal.aborted ? notTaken(request.signal.reason) : failure;
  }
  if (other) {
    await release();
    return { kind: "held", ...(other as { readonly namespace: string; readonly holder: Holder }) };
  }

  return {
    kind: "locked",
    lock: {
      namespaces: new Set(held.keys()),
      ensure: async (namespace) => {
        const entry = held.get(namespace);
        if (!entry) throw new Error(`namespace ${namespace} was not locked`);
        return ageOf(entry) < (seconds * 1000 * 2) / 3 ? "current" : renewOnce(entry);
      },
      release,
    },
  };
}

export const holderText = ({ by, verb, run, since }: Holder): string =>
  `${by} (${[verb === "" ? "" : `kubectl mesh-${verb}`, run === "" ? "" : `run ${run}`, since === "" ? "" : `since ${since}`].filter((part) => part !== "").join(", ")})`;

const notTaken = (cause: unknown): ClusterError =>
  new ClusterError("ended before the lock was taken", { reason: "timeout", cause });
