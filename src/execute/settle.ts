/** The one idempotent write: read, already so?, write under a precondition; a lost answer is settled by reading. */
import { ClusterError } from "../cluster/cluster-error.ts";

export interface Settlement<T, R> {
  /** Reads what is there now. */
  readonly read: () => Promise<T>;
  /** What is there now answers the question without a write: it is so already, or it may not be written any more. */
  readonly settled: (now: T) => R | undefined;
  /** Writes under a precondition on what was read, so that nobody's change in between is lost. */
  readonly write: (now: T) => Promise<R>;
}

const attempts = 5;

/**
 * Reads and writes until the answer is certain. A conflict is read and decided anew; so is a write of which it is not
 * known whether it was done. Throws `ClusterError` where the server refuses or cannot be reached: `ambiguous` where it
 * may have been written all the same.
 */
export async function settle<T, R>({ read, settled, write }: Settlement<T, R>): Promise<R> {
  let open: ClusterError | undefined;
  for (let attempt = 1; ; attempt++) {
    const now = await read().catch((error: unknown) => {
      throw open && error instanceof ClusterError ? unsettled(open, error) : error;
    });
    const answer = settled(now);
    if (answer !== undefined) return answer;
    try {
      return await write(now);
    } catch (error) {
      const again =
        error instanceof ClusterError && (["conflict", "already-exists"].includes(error.reason) || error.ambiguous);
      if (!again || attempt === attempts) throw error;
      if (error.ambiguous) open = error;
    }
  }
}

/** For a delete, or a write that then has nothing to write to: the object was deleted since it was read. */
export const goneIsDone = (error: unknown): undefined => {
  if (!(error instanceof ClusterError) || error.reason !== "not-found") throw error;
};

/** For a write that `settle` repeats: the object was deleted since it was read, so it is created again. */
export const goneIsConflict = (error: unknown): never => {
  goneIsDone(error);
  throw new ClusterError((error as ClusterError).message, { reason: "conflict", cause: error });
};

/** Whether the write was done cannot be read either. */
const unsettled = (write: ClusterError, read: ClusterError): ClusterError =>
  new ClusterError(`${write.message}; whether it was done is unknown: ${read.message}`, {
    reason: read.reason,
    hint: read.hint,
    ambiguous: true,
    cause: read,
  });
