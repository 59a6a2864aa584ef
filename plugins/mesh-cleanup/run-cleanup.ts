/** What `kubectl mesh-cleanup` does. A file of its own: `--help` and completion do not load it. */

import { Refusal, UsageError } from "../../src/cli/exit-errors.ts";
import { headlineOf } from "../../src/cli/headline.ts";
import type { Io } from "../../src/cli/io.ts";
import { interruptionOf } from "../../src/cli/signals.ts";
import { withCluster } from "../../src/cli/with-cluster.ts";
import { sleep } from "../../src/cluster/clock.ts";
import type { Cluster } from "../../src/cluster/cluster.ts";
import { kinds } from "../../src/cluster/kinds.ts";
import { openRemovalStore } from "../../src/execute/cleanup/removal-store.ts";
import { readDisuse } from "../../src/gather/disuse/read-disuse.ts";
import { readInventory } from "../../src/gather/inventory/read-inventory.ts";
import { type ExitCode, exit } from "../../src/mesh/exit-codes.ts";
import { listed } from "../../src/mesh/phrase.ts";
import { safe } from "../../src/mesh/safe.ts";
import { ageText } from "../../src/mesh/text/duration.ts";
import { didYouMean } from "../../src/mesh/text/suggestion.ts";
import type { CleanupFacts } from "../../src/upgrade/checks/cleanup/cleanup-facts.ts";
import { type CleanupResult, checkedResult, revisionsOfMesh } from "../../src/upgrade/cleanup/cleanup-result.ts";
import { isOpenRemoval } from "../../src/upgrade/cleanup/removal-record.ts";
import { soakFactsOf, soakMarks } from "../../src/upgrade/cleanup/soak.ts";
import { type CleanupArgs, cleanupFlags, type RevisionArgs } from "./cleanup-flags.ts";
import { printProof, printRemoval } from "./print-cleanup.ts";

/** What was seen of the revision. */
export interface CheckedRevision {
  readonly facts: CleanupFacts;
  readonly result: CleanupResult;
}

/**
 * Looks at the revision, with `--wait` until the soak is over. With `--check-only` and `--dry-run` it prints the proof,
 * else it removes the revision where the proof allows it. A removal that was begun goes on whatever the proof is: it
 * puts everything back where the revision is in use again. With `--leftovers`: run-leftovers.ts.
 */
export const runCleanup = async (given: CleanupArgs, io: Io): Promise<ExitCode> => {
  const { revision, restore, leftovers } = given;
  if (leftovers && restore)
    throw new UsageError("--restore is about one revision", "give it with --revision, without --leftovers");
  if (!leftovers && revision === undefined)
    throw new UsageError(`--revision is missing`, `it is needed: ${cleanupFlags.revision.describe}`);
  const readsOnly = given.checkOnly || given.dryRun !== "none";
  if (!readsOnly && given.soak === 0 && given.reason === undefined && !restore && !leftovers)
    throw new UsageError("a removal without a soak needs a reason", 'add --reason "…": it is kept with the removal');
  return withCluster("mesh-cleanup", given, io, async (cluster) => {
    io.err(headlineOf(cluster.identity, given, whatOf(given)));
    if (leftovers) return (await import("./run-leftovers.ts")).runLeftovers(cluster, given, io);
    return revision === undefined ? exit.wrongUsage : lookAndRemove(cluster, { ...given, revision }, io);
  });
};

const lookAndRemove = async (cluster: Cluster, args: RevisionArgs, io: Io): Promise<ExitCode> => {
  const readsOnly = args.checkOnly || args.dryRun !== "none";
  if (args.restore) return act("restore", cluster, args, io);
  if (!readsOnly && (await isBegun(cluster, args))) return act("remove", cluster, args, io);
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
  if (!readsOnly && checked.result.state === "unused") return act("remove", cluster, args, io);
  if (args.dryRun === "none" || args.output === "table" || args.output === "wide") printProof(checked.result, args, io);
  if (args.dryRun !== "none") {
    const { showInventories } = await import("./remove-checked.ts");
    await showInventories(cluster, [await readInventory(cluster, args.revision, args.istioNamespace)], args, io);
  }
  return checked.result.exitCode;
};

const act = async (what: "remove" | "restore", cluster: Cluster, args: RevisionArgs, io: Io): Promise<ExitCode> => {
  const { removeChecked, restoreRemoved } = await import("./remove-checked.ts");
  const result = await (what === "remove" ? removeChecked : restoreRemoved)(cluster, args, io);
  printRemoval(result, args, io);
  return result.exitCode;
};

/** Whether a removal of the revision has changed something and has not ended. */
const isBegun = async (cluster: Cluster, { revision, istioNamespace }: RevisionArgs): Promise<boolean> => {
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
  { revision, istioNamespace, soak: soakMs }: RevisionArgs,
): Promise<CheckedRevision> => {
  const facts = await readDisuse(cluster, { revision, istioNamespace });
  const known = revisionsOfMesh(facts);
  if (!known.includes(revision) && !(await isSomethingLeft(cluster, revision, istioNamespace)))
    throw noSuchRevision(facts, revision, known);
  return { facts, result: checkedResult(facts, soakMs) };
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

const whatOf = ({ revision, istioNamespace, leftovers }: CleanupArgs): string =>
  `${leftovers ? "leftovers of " : ""}${revision === undefined ? "all revisions" : `revision ${revision}`} of namespace ${istioNamespace}`;
