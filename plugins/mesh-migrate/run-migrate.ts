/** What `kubectl mesh-migrate` does. In a part of its own, which nothing but a real run loads. */

import { UsageError } from "../../src/cli/exit-errors.ts";
import { clusterFlags, clusterFlagsOf } from "../../src/cli/flags/cluster-flags.ts";
import { commonFlags, speedFlags, writeFlags } from "../../src/cli/flags/flags.ts";
import { typedFlags } from "../../src/cli/flags/typed-flags.ts";
import type { Io } from "../../src/cli/io.ts";
import { openProgress } from "../../src/cli/progress/open-progress.ts";
import { interruptionOf } from "../../src/cli/signals.ts";
import { version } from "../../src/cli/version.ts";
import type { Identity } from "../../src/cluster/cluster.ts";
import { connect } from "../../src/cluster/connect.ts";
import { paceOf } from "../../src/cluster/http/retry.ts";
import { type Migration, migrateNamespaces } from "../../src/execute/migrate/migrate-namespaces.ts";
import { commandOf, type RepeatedCommand } from "../../src/execute/migrate/migration-result.ts";
import type { ExitCode } from "../../src/mesh/exit-codes.ts";
import type { MigrationRequest } from "../../src/upgrade/plan/plan.ts";
import { jsonView, yamlView } from "../../src/views/document.ts";
import { refusalView } from "../../src/views/findings-view.ts";
import { migrationDocument, migrationNamesView, migrationView } from "../../src/views/migration-view.ts";
import type { MigrateArgs } from "./migrate-flags.ts";

export const runMigrate = async (args: MigrateArgs, io: Io): Promise<ExitCode> => {
  const request = requestOf(args);
  const typed: RepeatedCommand = {
    request,
    clusterFlags: typedFlags(args, clusterFlags),
    ownFlags: typedFlags(args, {
      ...speedFlags,
      istioNamespace: commonFlags.istioNamespace,
      fieldManager: writeFlags.fieldManager,
    }),
  };
  const cluster = await connect(clusterFlagsOf(args), {
    userAgent: `mesh-migrate/${version}`,
    fieldManager: args.fieldManager ?? "mesh-migrate",
    warn: io.warn,
    pace: paceOf(io.clock),
  });
  try {
    io.err(headline(cluster.identity, request, args));
    const migration = await migrateNamespaces(cluster, request, {
      istioNamespace: args.istioNamespace,
      dryRun: args.dryRun,
      timeouts: { overall: args.timeout, workload: args.workloadTimeout, probe: 30_000 },
      parallel: args.parallel,
      parallelNamespaces: args.parallelNamespaces,
      openProgress: () => openProgress(io),
      warn: io.warn,
      interrupted: io.signal,
      clock: io.clock,
      interruptedCode: () => interruptionOf(io.signal)?.code,
      whenStopped: io.whenStopped,
      typed,
    });
    print(migration, args, io, commandOf(typed));
    return migration.result.exitCode as ExitCode;
  } finally {
    await cluster.close();
  }
};

/** What changes is always named: namespaces, or all of them. */
function requestOf({
  to,
  namespace,
  allNamespaces,
  from,
  selector,
  leave,
  allowDowntime,
  skipCheck,
}: MigrateArgs): MigrationRequest {
  if (allNamespaces && namespace.length > 0) throw new UsageError("-A means every namespace: give either -A or -n");
  if (!allNamespaces && namespace.length === 0)
    throw new UsageError("which namespaces?", "name them with -n, or take every injected one with -A");
  if (from !== undefined && !allNamespaces) throw new UsageError("--from limits -A: give it together with -A");
  return { to, namespaces: allNamespaces ? "all" : namespace, from, selector, leave, allowDowntime, skipCheck };
}

const headline = (
  { context, server, user }: Identity,
  { namespaces, to }: MigrationRequest,
  { dryRun, as }: MigrateArgs,
): string =>
  `context ${context ?? "<none>"}, server ${server}, user ${user ?? "<none>"}${as === undefined ? "" : ` as ${as}`}: ${namespaces === "all" ? "every injected namespace" : `namespace ${namespaces.join(", ")}`} to ${to}${dryRun === "none" ? "" : ` (dry run: ${dryRun})`}`;

/** A refusal is an error and goes to stderr, but for those who asked for a document. */
function print({ result, plan }: Migration, { output, noHeaders }: MigrateArgs, io: Io, command: string): void {
  const options = { wide: output === "wide", noHeaders };
  if (output === "json") io.out(jsonView(migrationDocument(result)));
  else if (output === "yaml") io.out(yamlView(migrationDocument(result)));
  else if (result.state === "refused" || result.state === "cannot-tell")
    io.err(
      `${refusalView(result.findings, command)}error: ${result.state === "refused" ? "refused" : "cannot tell"}; nothing was changed`,
    );
  else io.out(output === "name" ? migrationNamesView(result) : migrationView(result, options, plan));
}
