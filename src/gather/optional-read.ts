import { ClusterError, type ClusterErrorReason } from "../cluster/cluster-error.ts";
import type { Unknown } from "../mesh/model.ts";

/**
 * Waits for a read that the picture can do without: when it fails, what it was about is noted as unknown and nothing is
 * given back.
 */
export type Optional = <T>(subject: string, read: Promise<T>, namespace?: string) => Promise<T | undefined>;

/** Without these nothing else can be read either, so they are thrown. */
const fatal: ReadonlySet<ClusterErrorReason> = new Set(["config", "unreachable", "unauthorized"]);

/** Collects in `unknown` what could not be read. */
export const noting =
  (unknown: Unknown[]): Optional =>
  async (subject, read, namespace) => {
    try {
      return await read;
    } catch (error) {
      if (!(error instanceof ClusterError) || fatal.has(error.reason)) throw error;
      unknown.push({ subject, reason: error.message, ...(namespace === undefined ? {} : { namespace }) });
      return undefined;
    }
  };
