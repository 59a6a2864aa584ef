/** What `kubectl mesh-cleanup` does. A file of its own: `--help` and completion do not load it. */

import { Refusal, UsageError } from "../../src/cli/exit-errors.ts";
import type { Io } from "../../src/cli/io.ts";
import { interruptionOf } from "../../src/cli/signals.ts";
import { withCluster } from "../../src/cli/with-cluster.ts";
import { sleep } from "../../src/cluster/clock.ts";
import type { Cluster, Identity } from "../../src/cluster/cluster.ts";
import { readDisuse } from "../../src/gather/disuse/read-disuse.ts";
import type { ExitCode } from "../../src/mesh/exit-codes.ts";
import { listed } from "../../src/mesh/phrase.ts";
import { safe } from "../../src/mesh/safe.ts";
import { ageText } from "../../src/mesh/text/duration.ts";
import { didYouMean } from "../../src/mesh/text/suggestion.ts";
import type { CleanupFacts } from "../../src/upgrade/checks/cleanup/cleanup-facts.ts";
import { type CleanupResult, checkedResult, revisionsOfMesh } from "../../src/upgrade/cleanup/cleanup-result.ts";
import { proveDisuse } from "../../src/upgrade/cleanup/prove-disuse.ts";
import { soakFactsOf, soakOf } from "../../src/upgrade/cleanup/soak.ts";
import { cleanupDocument } from "../../src/views/cleanup-document.ts";
import { cleanupNamesView, cleanupView } from "../../src/views/cleanup-view.ts";
import { jsonView, yamlView } from "../../src/views/document.ts";
import type { CleanupArgs } from "./cleanup-flags.ts";

/** What was seen of the revision. */
export interface CheckedRevision {
  readonly facts: CleanupFacts;
  readonly result: CleanupResult;
}

/** Removes a revision that was looked at, or ends with what keeps it from that. */
export type Removal = (cluster: Cluster, checked: CheckedRevision, args: CleanupArgs, io: Io) => Promise<ExitCode>;

/**
 * Looks at the revision, with `--wait` until the soak is over, and prints the proof. `remove` is what follows where
 * neither `--check-only` nor `--dry-run=client` is given; without it only these are offered.
 */
export const runCleanup = async (args: CleanupArgs, io: Io, remove?: Removal): Promise<ExitCode> => {
  const readsOnly = args.checkOnly || args.dryRun === "client";
  if (!readsOnly && remove === undefined)
    throw new UsageError("mesh-cleanup proves whether a revision is unused, and removes nothing", "add --check-only");
  return withCluster("mesh-cleanup", args, io, async (cluster) => {
    io.err(headline(cluster.identity, args));
    let checked = await check(cluster, args);
    while (args.wait && checked.result.soak.state === "not over" && checked.result.state === "soaking") {
      const { leftMs, why } = checked.result.soak;
      io.err(`soak: ${ageText(leftMs)} left (${safe(why)})`);
      await sleep(io.clock, Math.min(leftMs, Math.max(60_000, leftMs / 10)), io.signal);
      const interruption = interruptionOf(io.signal);
      if (interruption) return interruption.code;
      checked = await check(cluster, args);
    }
    if (!readsOnly && remove !== undefined) return remove(cluster, checked, args, io);
    print(checked.result, args, io);
    return checked.result.exitCode;
  });
};

/** Throws `Refusal` for a revision that is not there. */
const check = async (
  cluster: Cluster,
  { revision, istioNamespace, soak: soakMs }: CleanupArgs,
): Promise<CheckedRevision> => {
  const facts = await readDisuse(cluster, { revision, istioNamespace });
  const known = revisionsOfMesh(facts);
  if (!known.includes(revision)) throw noSuchRevision(facts, revision, known);
  const result = checkedResult(facts, proveDisuse(facts), soakOf(soakFactsOf(facts), soakMs), soakMs);
  return { facts, result };
};

const noSuchRevision = ({ mesh }: CleanupFacts, revision: string, known: readonly string[]): Refusal => {
  const tag = mesh.tags.find((each) => each.tag === revision);
  if (tag) return new Refusal(`${revision} is a tag of revision ${safe(tag.revision)}, and no revision`);
  const there = known.length === 0 ? "the mesh has none" : `there are ${safe(listed(known, 8))}`;
  return new Refusal(
    `there is no revision ${revision}${didYouMean(revision, known)}: ${there}`,
    "kubectl mesh-revisions",
  );
};

const headline = ({ context, server, user }: Identity, { revision, istioNamespace, as, dryRun }: CleanupArgs): string =>
  `context ${context ?? "<none>"}, server ${server}, user ${user ?? "<none>"}${as === undefined ? "" : ` as ${as}`}: revision ${revision} of namespace ${istioNamespace}${dryRun === "none" ? "" : ` (dry run: ${dryRun})`}`;

const print = (result: CleanupResult, { output, noHeaders }: CleanupArgs, io: Io): void => {
  if (output === "json") io.out(jsonView(cleanupDocument(result)));
  else if (output === "yaml") io.out(yamlView(cleanupDocument(result)));
  else if (output === "name") io.out(cleanupNamesView(result));
  else io.out(cleanupView(result, { wide: output === "wide", noHeaders }));
};
