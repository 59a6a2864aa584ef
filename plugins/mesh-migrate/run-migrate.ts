/** What `kubectl mesh-migrate` does. A file of its own: `--help` and completion do not load it. */

import { UsageError } from "../../src/cli/exit-errors.ts";
import { clusterFlags } from "../../src/cli/flags/cluster-flags.ts";
import { commonFlags, ownerFlags, speedFlags, writeFlags } from "../../src/cli/flags/flags.ts";
import { proofOf, setLabelsOf } from "../../src/cli/flags/request-fields.ts";
import { refuseBothScopes } from "../../src/cli/flags/scope.ts";
import { typedFlags } from "../../src/cli/flags/typed-flags.ts";
import { headlineOf } from "../../src/cli/headline.ts";
import type { Io } from "../../src/cli/io.ts";
import { openProgress } from "../../src/cli/progress/open-progress.ts";
import { interruptionOf } from "../../src/cli/signals.ts";
import { withCluster } from "../../src/cli/with-cluster.ts";
import { readGivenFile } from "../../src/cli/yaml-file.ts";
import { type Migration, migrateNamespaces } from "../../src/execute/migrate/migrate-namespaces.ts";
import type { ExitCode } from "../../src/mesh/exit-codes.ts";
import { commandOf, type RepeatedCommand } from "../../src/upgrade/migration-result.ts";
import { ownersFrom } from "../../src/upgrade/owners/owners-file.ts";
import type { MigrationRequest } from "../../src/upgrade/plan/migration-request.ts";
import { jsonView, yamlView } from "../../src/views/document.ts";
import {
  endedUnchanged,
  migrationDocument,
  migrationNamesView,
  migrationView,
  unchangedView,
  withNextCommand,
} from "../../src/views/migration-view.ts";
import { type MigrateArgs, migrateFlags, paceFlags } from "./migrate-flags.ts";

export const runMigrate = async (args: MigrateArgs, io: Io): Promise<ExitCode> => {
  const request = { ...requestOf(args), ...readGivenFile("--owners", args.owners, ownersFrom) };
  const repeated: RepeatedCommand = {
    request,
    clusterFlags: typedFlags(args, clusterFlags),
    meshFlags: typedFlags(args, { istioNamespace: commonFlags.istioNamespace, owners: ownerFlags.owners }),
    ownFlags: typedFlags(args, {
      onFailure: migrateFlags.onFailure,
      ...speedFlags,
      ...paceFlags,
      fieldManager: writeFlags.fieldManager,
    }),
  };
  return withCluster("mesh-migrate", args, io, async (cluster) => {
    io.err(headlineOf(cluster.identity, args, whatOf(request)));
    const migration = await migrateNamespaces(cluster, {
      istioNamespace: args.istioNamespace,
      dryRun: args.dryRun,
      onFailure: args.onFailure,
      timeouts: { overall: args.timeout, workload: args.workloadTimeout, probe: 30_000 },
      parallel: args.parallel,
      parallelNamespaces: args.parallelNamespaces,
      by: io.operator,
      openProgress: () => openProgress(io),
      warn: io.warn,
      interrupted: io.signal,
      clock: io.clock,
      fieldManager: args.fieldManager ?? "mesh-migrate",
      interruptedCode: () => interruptionOf(io.signal)?.code,
      whenStopped: io.whenStopped,
      repeated,
    });
    print(migration, args, io, commandOf(repeated));
    return migration.result.exitCode;
  });
};

/** What changes is always named: namespaces, or all of them. */
function requestOf(args: MigrateArgs): MigrationRequest {
  const { to, tag, namespace, allNamespaces, from, selector, workloadPods, workloadPause } = args;
  if (workloadPods === undefined && workloadPause !== undefined)
    throw new UsageError("--workload-pause comes after how many new pods?", "give --workload-pods too");
  const { leave, allowDowntime, restartOwned, endsByItself, skipCheck, outdated, timeout } = args;
  const accepted = {
    ...{ leave, allowDowntime, restartOwned, endsByItself, skipCheck, outdated },
    workloadTimeoutMs: args.workloadTimeout,
    ...proofOf(args),
    ...setLabelsOf(args),
    ...(workloadPods === undefined
      ? {}
      : { pace: { pods: workloadPods, pauseMs: workloadPause ?? 0, withinMs: timeout } }),
  };
  if (tag !== undefined) {
    if (allNamespaces || namespace.length > 0 || from !== undefined || selector !== undefined)
      throw new UsageError(
        "--tag moves everything behind the tag: give it without -n, -A, -l and --from",
        "to leave a workload on the old revision, name it with --leave",
      );
    if (accepted.setLabels !== undefined)
      throw new UsageError("--set-label writes labels of namespaces, and --tag leaves them as they are");
    return { to, tag, namespaces: "all", from, selector, ...accepted };
  }
  refuseBothScopes({ allNamespaces, namespace });
  if (!allNamespaces && namespace.length === 0)
    throw new UsageError(
      "which namespaces?",
      "name them with -n, take every injected one with -A, or move a tag with --tag",
    );
  if (from !== undefined && !allNamespaces) throw new UsageError("--from limits -A: give it together with -A");
  return { to, namespaces: allNamespaces ? "all" : namespace, from, selector, ...accepted };
}

const whatOf = ({ namespaces, tag, to }: MigrationRequest): string => {
  const inside = namespaces === "all" ? "every injected namespace" : `namespace ${namespaces.join(", ")}`;
  return `${tag === undefined ? inside : `tag ${tag}`} to ${to}`;
};

/** What ended without a change is an error and goes to stderr, but for those who asked for a document. */
function print({ result, plan }: Migration, { output, noHeaders }: MigrateArgs, io: Io, command: string): void {
  const options = { wide: output === "wide", noHeaders };
  if (output === "json") io.out(jsonView(migrationDocument(withNextCommand(result, command))));
  else if (output === "yaml") io.out(yamlView(migrationDocument(withNextCommand(result, command))));
  else if (endedUnchanged(result)) io.err(unchangedView(result, command));
  else io.out(output === "name" ? migrationNamesView(result) : migrationView(result, options, plan));
}
