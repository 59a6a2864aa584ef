/** What `kubectl mesh-cleanup` does. A file of its own: `--help` and completion do not load it. */

import { Refusal, UsageError } from "../../src/cli/exit-errors.ts";
import type { Io } from "../../src/cli/io.ts";
import { interruptionOf } from "../../src/cli/signals.ts";
import { withCluster } from "../../src/cli/with-cluster.ts";
import { sleep } from "../../src/cluster/clock.ts";
import type { Cluster, Identity } from "../../src/cluster/cluster.ts";
import { kinds } from "../../src/cluster/kinds.ts";
import { openRemovalStore } from "../../src/execute/cleanup/removal-store.ts";
import { readDisuse } from "../../src/gather/disuse/read-disuse.ts";
import { readInventory } from "../../src/gather/inventory/read-inventory.ts";
import type { ExitCode } from "../../src/mesh/exit-codes.ts";
import { listed } from "../../src/mesh/phrase.ts";
import { safe } from "../../src/mesh/safe.ts";
import { ageText } from "../../src/mesh/text/duration.ts";
import { didYouMean } from "../../src/mesh/text/suggestion.ts";
import type { CleanupFacts } from "../../src/upgrade/checks/cleanup/cleanup-facts.ts";
import { type CleanupResult, checkedResult, revisionsOfMesh } from "../../src/upgrade/cleanup/cleanup-result.ts";
import { proveDisuse } from "../../src/upgrade/cleanup/prove-disuse.ts";
import { isOpenRemoval } from "../../src/upgrade/cleanup/removal-record.ts";
import { soakFactsOf, soakMarks, soakOf } from "../../src/upgrade/cleanup/soak.ts";
import { cleanupDocument } from "../../src/views/cleanup-document.ts";
import { cleanupNamesView, cleanupView } from "../../src/views/cleanup-view.ts";
import { jsonView, yamlView } from "../../src/views/document.ts";
import type { CleanupArgs } from "./cleanup-flags.ts";

/** What was seen of the revision. */
export interface CheckedRevision {
  readonly facts: CleanupFacts;
  readonly result: CleanupResult;
}

/**
 * Looks at the revision, with `--wait` until the soak is over. With `--check-only` and `--dry-run` it prints the proof,
 * else it removes the revision where the proof allows it. A removal that was begun goes on whatever the proof is: it
 * puts everything back where the revision is in use again.
 */
export const runCleanup = async (args: CleanupArgs, io: Io): Promise<ExitCode> => {
  const readsOnly = args.checkOnly || args.dryRun !== "none";
  if (!readsOnly && args.soak === 0 && args.reason === undefined && !args.restore)
    throw new UsageError("a removal without a soak needs a reason", 'add --reason "…": it is kept with the removal');
  return withCluster("mesh-cleanup", args, io, async (cluster) => {
    io.err(headline(cluster.identity, args));
    if (args.restore) return (await import("./remove-checked.ts")).restoreRemoved(cluster, args.revision, args, io);
    const begun = !readsOnly && (await isBegun(cluster, args));
    if (begun) return (await import("./remove-checked.ts")).removeChecked(cluster, args.revision, args, io);
    let checked = await check(cluster, args);
    while (args.wait && checked.result.soak.state === "not over" && checked.result.state === "soaking") {
      const { leftMs, why } = checked.result.soak;
      io.err(`soak: ${ageText(leftMs)} left (${safe(why)})`);
      await sleep(io.clock, Math.min(leftMs, Math.max(60_000, leftMs / 10)), io.signal);
      const interruption = interruptionOf(io.signal);
      if (interruption) return interruption.code;
      checked = await check(cluster, args);
    }
    if (!readsOnly) await markSoak(cluster, checked);
    if (!readsOnly && checked.result.state === "unused")
      return (await import("./remove-checked.ts")).removeChecked(cluster, args.revision, args, io);
    if (args.dryRun === "none" || args.output === "table" || args.output === "wide") print(checked.result, args, io);
    if (args.dryRun !== "none")
      await (await import("./remove-checked.ts")).showInventory(cluster, args.revision, args, io);
    return checked.result.exitCode;
  });
};

/** Whether a removal of the revision has changed something and has not ended. */
const isBegun = async (cluster: Cluster, { revision, istioNamespace }: CleanupArgs): Promise<boolean> => {
  const { found } = await openRemovalStore(cluster, { revision, istioNamespace });
  return found !== undefined && isOpenRemoval(found.record) && found.record.phase !== "proven";
};

/** Keeps on istiod's Deployment when the revision was seen in use, or unused for the first time. */
const markSoak = async (cluster: Cluster, { facts, result }: CheckedRevision): Promise<void> => {
  const annotations = soakMarks(result.proof, soakFactsOf(facts));
  if (annotations === undefined) return;
  for (const { revision, namespace, deployment } of facts.mesh.controlPlanes)
    if (revision === result.revision && deployment) {
      const metadata = { uid: deployment.uid, annotations };
      await cluster.patch(kinds.deployments, { namespace, name: deployment.name }, { metadata }, {});
    }
};

/** Throws `Refusal` for a revision that is not there. */
const check = async (
  cluster: Cluster,
  { revision, istioNamespace, soak: soakMs }: CleanupArgs,
): Promise<CheckedRevision> => {
  const facts = await readDisuse(cluster, { revision, istioNamespace });
  const known = revisionsOfMesh(facts);
  if (!known.includes(revision) && !(await isSomethingLeft(cluster, revision, istioNamespace)))
    throw noSuchRevision(facts, revision, known);
  const result = checkedResult(facts, proveDisuse(facts), soakOf(soakFactsOf(facts), soakMs), soakMs);
  return { facts, result };
};

/**
 * What a removal that was stopped, by whatever tool, leaves last has neither webhook nor istiod; and a revision that was
 * removed is known by its record, so that the command again has nothing to do.
 */
const isSomethingLeft = async (cluster: Cluster, revision: string, istioNamespace: string): Promise<boolean> => {
  const { owned, unknown } = await readInventory(cluster, revision, istioNamespace);
  if (owned.length > 0 || unknown.length > 0) return true;
  return (await openRemovalStore(cluster, { revision, istioNamespace })).found !== undefined;
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
