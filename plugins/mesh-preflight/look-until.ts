import { type Clock, sleep } from "../../src/cluster/clock.ts";
import { ClusterError } from "../../src/cluster/cluster-error.ts";
import { exit } from "../../src/mesh/exit-codes.ts";
import { listed } from "../../src/mesh/phrase.ts";
import { ageText } from "../../src/mesh/text/duration.ts";
import { didNotPass, type PreflightResult } from "../../src/upgrade/preflight/preflight-result.ts";

export interface Waiting {
  readonly look: () => Promise<PreflightResult>;
  /** How long to look again (ms); 0 looks once. */
  readonly waitMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told between two looks. */
  readonly say: (text: string) => void;
}

/** Between two looks. */
const restMs = 5_000;

/**
 * The first look that passes, else the last one. Throws what the first look throws; a later look that fails because of
 * the cluster is one that has not passed, and is thrown only where no time is left.
 */
export const lookUntil = async ({ look, waitMs, clock, signal, say }: Waiting): Promise<PreflightResult> => {
  const until = clock.now() + waitMs;
  for (let hasLooked = false; ; hasLooked = true) {
    const found = await look().catch((error: unknown) => {
      if (!hasLooked || !(error instanceof ClusterError)) throw error;
      return error;
    });
    const left = until - clock.now();
    if (found instanceof ClusterError) {
      if (left <= 0) throw found;
    } else if (found.exitCode === exit.done || left <= 0) return found;
    say(`waiting, ${ageText(left)} left: ${found instanceof ClusterError ? found.message : listed(openIn(found), 6)}`);
    await sleep(clock, Math.min(restMs, left), signal);
  }
};

const openIn = ({ checks }: PreflightResult): readonly string[] => checks.filter(didNotPass).map(({ id }) => id);
