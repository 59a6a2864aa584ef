/** What it means that a read fails: for a fact that the mesh can be shown without, less than an error. */
import { ClusterError, type ClusterErrorReason } from "../cluster/cluster-error.ts";
import type { Unknown } from "../mesh/model.ts";

/**
 * Waits for a read. Where the read fails it gives `undefined` or throws; `subject` and `namespace` say what was read,
 * for the record of what is unknown.
 */
export type OptionalRead = <T>(subject: string, read: Promise<T>, namespace?: string) => Promise<T | undefined>;

/** Failures after which no other read would succeed either: they are thrown. */
const lasting: ReadonlySet<ClusterErrorReason> = new Set(["config", "unreachable", "unauthorized"]);

/** Adds what could not be read to `unknown`. */
export const recordingUnknown =
  (unknown: Unknown[]): OptionalRead =>
  async (subject, read, namespace) => {
    try {
      return await read;
    } catch (error) {
      if (!(error instanceof ClusterError) || lasting.has(error.reason)) throw error;
      unknown.push({ subject, reason: error.message, ...(namespace === undefined ? {} : { namespace }) });
      return undefined;
    }
  };

/** For what is only a help: nothing is recorded where it cannot be read. */
export const ignoringFailure: OptionalRead = (subject, read, namespace) =>
  recordingUnknown([])(subject, read, namespace);

/** For what is not optional at all: every failure is thrown. */
export const required: OptionalRead = (_subject, read) => read;
