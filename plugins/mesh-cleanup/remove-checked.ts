/** What follows the look at a revision: its removal, its restore, or what earlier removals left. */
import { createInterface } from "node:readline/promises";
import { UsageError } from "../../src/cli/exit-errors.ts";
import { clusterFlags } from "../../src/cli/flags/cluster-flags.ts";
import { commonFlags, writeFlags } from "../../src/cli/flags/flags.ts";
import { typedFlags } from "../../src/cli/flags/typed-flags.ts";
import type { Io } from "../../src/cli/io.ts";
import { analyzeMesh } from "../../src/cli/istioctl-analysis.ts";
import { openProgress } from "../../src/cli/progress/open-progress.ts";
import { interruptionOf } from "../../src/cli/signals.ts";
import type { Cluster } from "../../src/cluster/cluster.ts";
import { deleteOwned } from "../../src/execute/cleanup/delete-owned.ts";
import type { RemovalOptions } from "../../src/execute/cleanup/removal-run.ts";
import { removeRevision } from "../../src/execute/cleanup/remove-revision.ts";
import { restoreRevision } from "../../src/execute/cleanup/restore-revision.ts";
import { readDisuse } from "../../src/gather/disuse/read-disuse.ts";
import type { ObjectMeta } from "../../src/mesh/kubernetes.ts";
import { labelOf } from "../../src/mesh/labels.ts";
import { cleanupChecks, leftoverChecks } from "../../src/upgrade/checks/cleanup/cleanup-checks.ts";
import { refKey } from "../../src/upgrade/cleanup/chart-objects.ts";
import { proveDisuse } from "../../src/upgrade/cleanup/prove-disuse.ts";
import type { RemovalResult } from "../../src/upgrade/cleanup/removal-result.ts";
import type { Inventory } from "../../src/upgrade/cleanup/revision-inventory.ts";
import { shellWord } from "../../src/upgrade/commands.ts";
import { jsonView, yamlView } from "../../src/views/document.ts";
import { inventoryList, inventoryView } from "../../src/views/removal-view.ts";
import { type CleanupArgs, cleanupFlags, type RevisionArgs } from "./cleanup-flags.ts";

/** A drain without `--drain` (ms): time for every proxy to connect again, unless a longer soak was clean. */
const longDrainMs = 30 * 60_000;
const shortDrainMs = 60_000;

/** Removes the revision, which the proof and the soak allow, or goes on with an open removal. */
export const removeChecked = (cluster: Cluster, args: RevisionArgs, io: Io): Promise<RemovalResult> =>
  withProgress(cluster, args, io, (options) => removeRevision(cluster, options));

/** Creates again what a removal deleted. */
export const restoreRemoved = (cluster: Cluster, args: RevisionArgs, io: Io): Promise<RemovalResult> =>
  withProgress(cluster, args, io, (options) => restoreRevision(cluster, options));

async function withProgress(
  cluster: Cluster,
  args: RevisionArgs,
  io: Io,
  act: (options: RemovalOptions) => Promise<RemovalResult>,
): Promise<RemovalResult> {
  const { revision, istioNamespace, leftovers } = args;
  const progress = await openProgress(io);
  const command = commandOf(args);
  const checks = leftovers ? leftoverChecks : cleanupChecks;
  io.whenStopped(() => `it is half done; go on: ${command([])}`);
  try {
    return await act({
      ...{ revision, istioNamespace, reason: args.reason, by: io.operator, clock: io.clock },
      drainMs: args.drain ?? (args.soak >= longDrainMs ? shortDrainMs : longDrainMs),
      prove: async () => proveDisuse(await readDisuse(cluster, { revision, istioNamespace }), checks),
      analyze: () => analyzeMesh(revision, { istioNamespace, flags: args, env: process.env, signal: io.signal }),
      confirm: (inventory) => confirmed(inventory, args, io),
      ...{ progress, warn: io.warn, interrupted: io.signal, command },
      interruptedCode: () => interruptionOf(io.signal)?.code,
    });
  } finally {
    await progress.close();
    io.whenStopped(undefined);
  }
}

/**
 * A dry run: what would be deleted of these revisions, and what stays. With `-o yaml` and `-o json` it is the manifests,
 * for Git. `server` also sends every deletion as a dry run, so that admission and RBAC answer; throws `ClusterError`
 * where one is refused.
 */
export async function showInventories(
  cluster: Cluster,
  inventories: readonly Inventory[],
  args: CleanupArgs,
  io: Io,
): Promise<void> {
  for (const inventory of inventories) await tryDeletions(cluster, inventory, args, io);
  const { output, noHeaders } = args;
  if (output === "json") return io.out(jsonView(inventoryList(inventories)));
  if (output === "yaml") return io.out(yamlView(inventoryList(inventories)));
  for (const inventory of inventories)
    if (output === "name") io.out(inventory.owned.map(({ ref }) => refKey(ref)).join("\n"));
    else io.out(inventoryView(inventory, { wide: output === "wide", noHeaders }));
}

async function tryDeletions(
  cluster: Cluster,
  { owner, owned, unknown }: Inventory,
  args: CleanupArgs,
  io: Io,
): Promise<void> {
  for (const { subject, reason } of unknown) io.warn(`${subject} could not be read: ${reason}`);
  if (owner.kind !== "nobody")
    io.warn(`${owner.name} looks after it: ${owner.command ?? owner.advice ?? "nothing is deleted here"}`);
  if (args.dryRun === "server" && owner.kind === "nobody")
    for (const { ref, uid, manifest } of owned) {
      const labels = (manifest.metadata as ObjectMeta).labels;
      await deleteOwned(cluster, { ref, uid, revisionLabel: labelOf(labels, "istio.io/rev") }, true);
    }
}

/** The same command again, with other flags of this kind. */
const commandOf =
  (args: RevisionArgs) =>
  (extra: readonly string[]): string =>
    [
      ...["kubectl", "mesh-cleanup", "--revision", args.revision],
      ...typedFlags(args, clusterFlags),
      ...typedFlags(args, {
        ...{ istioNamespace: commonFlags.istioNamespace, fieldManager: writeFlags.fieldManager },
        ...(extra.length === 0 && {
          leftovers: cleanupFlags.leftovers,
          soak: cleanupFlags.soak,
          drain: cleanupFlags.drain,
          reason: cleanupFlags.reason,
          yes: cleanupFlags.yes,
        }),
      }),
      ...extra,
    ]
      .map(shellWord)
      .join(" ");

/** On a terminal the name of the revision has to be typed; elsewhere `--yes` is needed. */
async function confirmed(inventory: Inventory, args: CleanupArgs, io: Io): Promise<boolean> {
  io.err(inventoryView(inventory, { wide: args.output === "wide", noHeaders: args.noHeaders }));
  if (args.yes) return true;
  if (!io.terminal.err || process.stdin.isTTY !== true)
    throw new UsageError("nobody can be asked here", "add --yes to delete what is listed above");
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`Type ${inventory.revision} to remove it: `, { signal: io.signal });
    return answer.trim() === inventory.revision;
  } catch {
    return false;
  } finally {
    lines.close();
  }
}
