/** `kubectl mesh-preflight`: looks, judges and prints, with `--wait` until it passes. */

import { UsageError } from "../../src/cli/exit-errors.ts";
import { proofOf, setLabelsOf } from "../../src/cli/flags/request-fields.ts";
import { refuseBothScopes } from "../../src/cli/flags/scope.ts";
import { headlineOf } from "../../src/cli/headline.ts";
import type { Io } from "../../src/cli/io.ts";
import { withCluster } from "../../src/cli/with-cluster.ts";
import { readGivenFile } from "../../src/cli/yaml-file.ts";
import type { Cluster } from "../../src/cluster/cluster.ts";
import { lookAhead } from "../../src/execute/preflight/look-ahead.ts";
import { type ExitCode, exit } from "../../src/mesh/exit-codes.ts";
import { didYouMean } from "../../src/mesh/text/suggestion.ts";
import { ownersFrom } from "../../src/upgrade/owners/owners-file.ts";
import type { MigrationRequest } from "../../src/upgrade/plan/migration-request.ts";
import { type Choice, isChosen, listedCheck, preflightList } from "../../src/upgrade/preflight/preflight-list.ts";
import { type PreflightResult, preflightResult } from "../../src/upgrade/preflight/preflight-result.ts";
import { jsonView, yamlView } from "../../src/views/document.ts";
import { checksDocument, preflightDocument } from "../../src/views/preflight-document.ts";
import { checkListView, preflightNamesView, preflightView } from "../../src/views/preflight-view.ts";
import { istioctlOpinions } from "./istioctl-opinions.ts";
import { lookUntil } from "./look-until.ts";
import { type PreflightArgs, preflightFlags } from "./preflight-flags.ts";

export const runPreflight = async (args: PreflightArgs, io: Io): Promise<ExitCode> => {
  const choice = choiceOf(args);
  if (args.list) return printList(choice, args, io);
  const { to } = args;
  if (to === undefined) throw new UsageError("--to is missing", `it is needed: ${preflightFlags.to.describe}`);
  refuseBothScopes(args);
  const request = { ...requestOf(args, to), ...readGivenFile("--owners", args.owners, ownersFrom) };
  return withCluster("mesh-preflight", args, io, async (cluster) => {
    io.err(headlineOf(cluster.identity, args, whatOf(request)));
    const result = await lookUntil({
      look: () => lookOnce(cluster, request, choice, args, io),
      ...{ waitMs: args.wait ?? 0, clock: io.clock, signal: io.signal, say: io.err },
    });
    print(result, args, io);
    return result.exitCode;
  });
};

/** Throws `UsageError` for an id that no check has: what was meant would be skipped, or not be looked at. */
const choiceOf = ({ check, skip }: PreflightArgs): Choice => {
  const ids = preflightList.map(({ id }) => id);
  for (const [flag, named] of [["--check", check] as const, ["--skip", skip] as const])
    for (const id of named)
      if (!ids.includes(id))
        throw new UsageError(
          `${flag} ${id}: no check has this id${didYouMean(id, ids)}`,
          "kubectl mesh-preflight --list",
        );
  return { only: check, skip };
};

/** Without -n it is the whole mesh. */
const requestOf = (args: PreflightArgs, to: string): MigrationRequest => {
  const { namespace, selector, leave, allowDowntime, restartOwned, endsByItself, outdated } = args;
  return {
    to,
    namespaces: namespace.length > 0 ? namespace : "all",
    from: undefined,
    skipCheck: [],
    ...{ selector, leave, allowDowntime, restartOwned, endsByItself, outdated },
    ...proofOf(args),
    ...setLabelsOf(args),
  };
};

/** istioctl does not outlive a look that fails. */
const lookOnce = async (
  cluster: Cluster,
  request: MigrationRequest,
  choice: Choice,
  args: PreflightArgs,
  io: Io,
): Promise<PreflightResult> => {
  const { istioNamespace } = args;
  const failed = new AbortController();
  const signal = AbortSignal.any([io.signal, failed.signal]);
  const [looked, opinions] = await Promise.all([
    lookAhead(cluster, request, { istioNamespace, choice }),
    istioctlOpinions({ istioNamespace, flags: args, env: process.env, signal }),
  ]).finally(() => failed.abort());
  return preflightResult({ ...looked, opinions }, choice, args.strict);
};

const whatOf = ({ namespaces, to }: MigrationRequest): string =>
  `${namespaces === "all" ? "the whole mesh" : `namespace ${namespaces.join(", ")}`} to ${to}`;

const print = (result: PreflightResult, { output }: PreflightArgs, io: Io): void => {
  if (output === "json") io.out(jsonView(preflightDocument(result)));
  else if (output === "yaml") io.out(yamlView(preflightDocument(result)));
  else if (output === "name") io.out(preflightNamesView(result));
  else io.out(preflightView(result, output === "short" || output === "wide" ? output : "table"));
};

const printList = (choice: Choice, { output, noHeaders }: PreflightArgs, io: Io): ExitCode => {
  const checks = preflightList.filter(({ id }) => isChosen(choice, id)).map(listedCheck);
  if (output === "json") io.out(jsonView(checksDocument(checks)));
  else if (output === "yaml") io.out(yamlView(checksDocument(checks)));
  else if (output === "name") io.out(checks.map(({ id }) => id).join("\n"));
  else io.out(checkListView(checks, { wide: output === "wide", noHeaders }));
  return exit.done;
};
