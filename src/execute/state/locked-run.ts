/** Runs something that writes under the lock of its namespaces, on what was read after the lock was taken. */
import { randomBytes } from "node:crypto";
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import type { Finding } from "../../mesh/finding.ts";
import { blocker, observe } from "../../upgrade/checks/check.ts";
import { lockFree } from "../../upgrade/checks/single-checks.ts";
import { holderText } from "./lease.ts";
import type { Ledger } from "./ledger.ts";
import { type Lock, type LockRequest, takeLock } from "./lock.ts";

export interface LockedRun<P, R> {
  /** Reads and decides anew. It is called again where it needs namespaces that are not locked. */
  readonly prepare: () => Promise<P>;
  /** The namespaces that it would write to. */
  readonly namespacesOf: (prepared: P) => readonly string[];
  readonly run: (prepared: P, lock: Lock) => Promise<R>;
  /** Somebody else is at work there. */
  readonly refuse: (finding: Finding) => R;
}

const attempts = 3;

/** Names a run in records, journals and Leases. */
export const newRunId = (): string => randomBytes(6).toString("hex");

/** `first`: what was prepared without the lock. Throws `ClusterError` while nothing has been written. */
export async function lockedRun<P, R>(
  cluster: Cluster,
  first: P,
  request: Omit<LockRequest, "namespaces">,
  { prepare, namespacesOf, run, refuse }: LockedRun<P, R>,
): Promise<R> {
  let namespaces = namespacesOf(first);
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const locking = await takeLock(cluster, { ...request, namespaces });
    if (locking.kind === "held") {
      const { namespace, holder } = locking;
      const where = namespace === request.istioNamespace ? "the whole mesh" : "it";
      const remedy = `wait until that run has ended, or look at it: kubectl mesh-rollback --list -n ${namespace}`;
      return refuse(
        observe(
          lockFree,
          blocker(`namespace/${namespace}`, `${where} is being changed by ${holderText(holder)}`, remedy),
        ),
      );
    }
    const { lock } = locking;
    try {
      const prepared = await prepare();
      namespaces = namespacesOf(prepared);
      if (namespaces.every((name) => lock.namespaces.has(name))) return await run(prepared, lock);
    } finally {
      await lock.release();
    }
  }
  throw new ClusterError("other namespaces had to be changed each time that they were locked", {
    reason: "conflict",
    hint: "name the namespaces with -n",
  });
}

/** Of a run that writes nothing: a write is a bug. */
export const readingLedger: Ledger = {
  begin: () => Promise.reject(new Error("a run without a lock has begun a write")),
  record: () => {},
  runOf: (namespace) => {
    throw new Error(`namespace ${namespace} has no run`);
  },
  forUndo: () => readingLedger,
  restored: () => {},
};
