/** Reads on behalf of routes of a proof: a failure is recorded as what these routes lack. */
import type { Unknown } from "../../mesh/model.ts";
import type { MissingEvidence } from "../../upgrade/evidence/cluster-evidence.ts";
import { recordingUnknown } from "../optional-read.ts";

/** Waits for a read that these routes (ids of checks) need. Gives `undefined` where it fails. */
export type NeededRead = <T>(routes: readonly string[], subject: string, read: Promise<T>) => Promise<T | undefined>;

/**
 * Adds to `missing` what could not be read, once for each route that needs it. Throws `ClusterError` where nothing can
 * be read (no connection, no valid credentials).
 */
export const needing =
  (missing: MissingEvidence[]): NeededRead =>
  async (routes, subject, read) => {
    const failed: Unknown[] = [];
    const result = await recordingUnknown(failed)(subject, read);
    missing.push(
      ...failed.flatMap((unknown) => routes.map((check) => ({ ...unknown, check, essential: true }) as const)),
    );
    return result;
  };
