/** What `kubectl mesh-rollback` does. A file of its own: `--help` and completion do not load it. */

import { UsageError } from "../../src/cli/exit-errors.ts";
import { clusterFlags } from "../../src/cli/flags/cluster-flags.ts";
import { commonFlags, ownerFlags, writeFlags } from "../../src/cli/flags/flags.ts";
import { proofOf } from "../../src/cli/flags/request-fields.ts";
import { refuseBothScopes } from "../../src/cli/flags/scope.ts";
import { typedFlags } from "../../src/cli/flags/typed-flags.ts";
import { headlineOf } from "../../src/cli/headline.ts";
import type { Io } from "../../src/cli/io.ts";
import { openProgress } from "../../src/cli/progress/open-progress.ts";
import { interruptionOf } from "../../src/cli/signals.ts";
import { withCluster } from "../../src/cli/with-cluster.ts";
import { readGivenFile } from "../../src/cli/yaml-file.ts";
import type { Cluster } from "../../src/cluster/cluster.ts";
import { wayBackFindings } from "../../src/execute/rollback/gather-rollback.ts";
import { type Rollback, rollbackNamespaces } from "../../src/execute/rollback/rollback-namespaces.ts";
import { readHistory } from "../../src/gather/read-history.ts";
import { type ExitCode, exit } from "../../src/mesh/exit-codes.ts";
import { listed } from "../../src/mesh/phrase.ts";
import { safe } from "../../src/mesh/safe.ts";
import { undoableNamespaces } from "../../src/upgrade/history.ts";
import { ownersFrom } from "../../src/upgrade/owners/owners-file.ts";
import type { RollbackRequest } from "../../src/upgrade/rollback/rollback-request.ts";
import { type RepeatedRollback, rollbackCommandOf } from "../../src/upgrade/rollback/rollback-result.ts";
import { jsonView, yamlView } from "../../src/views/document.ts";
import { historyText } from "../../src/views/history-view.ts";
import { endedUnchanged, unchangedView, withNextCommand } from "../../src/views/migration-view.ts";
import { rollbackDocument, rollbackNamesView, rollbackView } from "../../src/views/rollback-view.ts";
import { type RollbackArgs, rollbackFlags } from "./rollback-flags.ts";

export const runRollback = async (args: RollbackArgs, io: Io): Promise<ExitCode> => {
  if (args.list) return listRuns(args, io);
  checkScope(args);
  const owners = readGivenFile("--owners", args.owners, ownersFrom);
  const { parallel, parallelNamespaces, timeout, workloadTimeout } = rollbackFlags;
  return withCluster("mesh-rollback", args, io, async (cluster) => {
    const repeated: RepeatedRollback = {
      request: { ...(await requestOf(args, cluster)), ...owners },
      clusterFlags: typedFlags(args, clusterFlags),
      ownFlags: typedFlags(args, {
        ...{ parallel, parallelNamespaces, timeout, workloadTimeout },
        istioNamespace: commonFlags.istioNamespace,
        fieldManager: writeFlags.fieldManager,
        owners: ownerFlags.owners,
      }),
    };
    const rollback = await rollbackNamespaces(cluster, {
      istioNamespace: args.istioNamespace,
      dryRun: args.dryRun,
      timeouts: { overall: args.timeout, workload: args.workloadTimeout, probe: 30_000 },
      parallel: args.parallel,
      parallelNamespaces: args.parallelNamespaces,
      announce: (namespaces, revisions) =>
        io.err(headlineOf(cluster.identity, args, whatOf(namespaces, revisions, args.tag))),
      by: io.operator,
      fieldManager: args.fieldManager ?? "mesh-rollback",
      openProgress: () => openProgress(io),
      warn: io.warn,
      interrupted: io.signal,
      clock: io.clock,
      interruptedCode: () => interruptionOf(io.signal)?.code,
      whenStopped: io.whenStopped,
      repeated,
    });
    print(rollback, args, io, rollbackCommandOf(repeated));
    return rollback.result.exitCode;
  });
};

/** Without -n it lists every namespace that has a history. */
async function listRuns(args: RollbackArgs, io: Io): Promise<ExitCode> {
  const { namespace, allNamespaces, run, tag, toBefore, pin, dryRun, output, noHeaders, istioNamespace } = args;
  refuseBothScopes({ allNamespaces, namespace });
  if (tag !== undefined || run !== undefined || toBefore !== undefined || pin || dryRun !== "none")
    throw new UsageError("--list changes nothing: give it with -n or -A alone");
  return withCluster("mesh-rollback", args, io, async (cluster) => {
    const { facts, missing } = await readHistory(cluster, namespace.length > 0 ? namespace : "all");
    const wayBack = await wayBackFindings(cluster, undoableNamespaces(facts), istioNamespace);
    if (namespace.length === 0 || facts.namespaces.length > 0)
      io.out(historyText(facts, wayBack, { output, noHeaders }));
    if (missing.length === 0) return exit.done;
    io.err(`error: there is no namespace ${listed(missing, 12)}\n  → kubectl get namespaces`);
    return exit.refused;
  });
}

/** What changes is always named: namespaces, all of them, or a run. */
function checkScope({ namespace, allNamespaces, run, tag, toBefore, pin }: RollbackArgs): void {
  if (tag !== undefined) {
    if (allNamespaces || namespace.length > 0 || run !== undefined || toBefore !== undefined || pin)
      throw new UsageError(
        "--tag puts back everything that moved with the tag: give it without -n, -A, --run, --to-before and --pin",
      );
    return;
  }
  refuseBothScopes({ allNamespaces, namespace });
  if (!allNamespaces && namespace.length === 0 && run === undefined)
    throw new UsageError(
      "which namespaces?",
      "name them with -n, a tag with --tag, a run with --run, or take every namespace that a migration has changed with -A",
    );
}

/** A length of time counts back from the server's clock; the commands that are printed have the time itself. */
async function requestOf(args: RollbackArgs, cluster: Cluster): Promise<RollbackRequest> {
  const { namespace, allNamespaces, run, tag, toBefore, pin, leave, allowDowntime, endsByItself } = args;
  const since =
    typeof toBefore === "number"
      ? `${new Date((await cluster.now()).getTime() - toBefore).toISOString().slice(0, 19)}Z`
      : toBefore;
  const namespaces = allNamespaces || namespace.length === 0 ? "all" : namespace;
  const accepted = { leave, allowDowntime, endsByItself, ...proofOf(args) };
  return { namespaces, ...(tag === undefined ? {} : { tag }), run, toBefore: since, pin, ...accepted };
}

const whatOf = (namespaces: readonly string[], revisions: readonly string[], tag: string | undefined): string => {
  const inside = namespaces.length === 0 ? "no namespace has an undo record" : `namespace ${listed(namespaces, 12)}`;
  const where = tag === undefined ? inside : `tag ${tag}${namespaces.length === 0 ? "" : `, ${inside}`}`;
  const back = revisions.length === 0 ? "nothing recorded to go back to" : `back to ${safe(listed(revisions, 6))}`;
  return `${where}, ${back}`;
};

/** What ended without a change is an error and goes to stderr, but for those who asked for a document. */
function print({ result, plan }: Rollback, { output, noHeaders }: RollbackArgs, io: Io, command: string): void {
  const options = { wide: output === "wide", noHeaders };
  if (output === "json") io.out(jsonView(rollbackDocument(withNextCommand(result, command))));
  else if (output === "yaml") io.out(yamlView(rollbackDocument(withNextCommand(result, command))));
  else if (endedUnchanged(result)) io.err(unchangedView(result, command));
  else io.out(output === "name" ? rollbackNamesView(result) : rollbackView(result, options, plan));
}
