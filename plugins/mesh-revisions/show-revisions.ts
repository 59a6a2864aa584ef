/** What `kubectl mesh-revisions` shows, once or with `--watch` until it is stopped. */

import { Refusal } from "../../src/cli/exit-errors.ts";
import type { Io } from "../../src/cli/io.ts";
import { clearScreen } from "../../src/cli/screen.ts";
import type { Cluster } from "../../src/cluster/cluster.ts";
import { kinds } from "../../src/cluster/kinds.ts";
import { namespaceNames } from "../../src/gather/namespace-names.ts";
import { type Scope, snapshot } from "../../src/gather/snapshot.ts";
import { createPoller } from "../../src/gather/watch/poller.ts";
import { type ExitCode, exit } from "../../src/mesh/exit-codes.ts";
import type { Mesh } from "../../src/mesh/model.ts";
import { didYouMean } from "../../src/mesh/text/suggestion.ts";
import { jsonLineView, jsonView, yamlView } from "../../src/views/document.ts";
import { revisionNamesView, revisionsView } from "../../src/views/revisions.ts";
import { type RevisionsDocument, type RevisionsScope, revisionsDocument } from "../../src/views/revisions-document.ts";
import type { RevisionsArgs } from "./revisions-flags.ts";

/**
 * Shows the mesh once, or with `--watch` until the program is stopped. `reading` is the first snapshot of `scope`. Throws
 * `Refusal` for a namespace that is not there.
 */
export const showRevisions = async (
  cluster: Cluster,
  scope: Scope,
  reading: Promise<Mesh>,
  shown: RevisionsScope,
  args: RevisionsArgs,
  io: Io,
): Promise<ExitCode> => {
  const first = revisionsDocument(await reading, shown);
  const missing = args.allNamespaces
    ? []
    : args.namespace.filter((name) => first.namespaces.every((found) => found.name !== name));
  if (missing.length > 0) throw noSuchNamespace(missing, await namespaceNames(cluster));
  const lookAgain = async (): Promise<RevisionsDocument> => revisionsDocument(await snapshot(cluster, scope), shown);
  if (args.watch) await keepShowing(cluster, first, lookAgain, args, io);
  else io.out(textOf(first, args));
  return exit.done;
};

const noSuchNamespace = (missing: readonly string[], known: readonly string[]): Refusal =>
  new Refusal(
    missing.map((name) => `there is no namespace ${name}${didYouMean(name, known)}`).join("; "),
    "kubectl get namespaces",
  );

const textOf = (document: RevisionsDocument, { output, noHeaders, watch }: RevisionsArgs): string => {
  switch (output) {
    case "json":
      return watch ? jsonLineView(document) : jsonView(document);
    case "yaml":
      return `${watch ? "---\n" : ""}${yamlView(document)}`;
    case "name":
      return revisionNamesView(document);
    default:
      return revisionsView(document, { wide: output === "wide", noHeaders });
  }
};

/**
 * Shows the mesh whenever it has changed, until the program is stopped: redrawn on a terminal, one result after the
 * other elsewhere.
 */
const keepShowing = (
  cluster: Cluster,
  first: RevisionsDocument,
  lookAgain: () => Promise<RevisionsDocument>,
  args: RevisionsArgs,
  io: Io,
): Promise<void> => {
  const redraws = io.terminal.out && (args.output === "table" || args.output === "wide");
  let shown: string | undefined;
  let lastProblem: string | undefined;
  const show = (document: RevisionsDocument): void => {
    const state = JSON.stringify({ ...document, takenAt: "" });
    if (state === shown) return;
    if (redraws) clearScreen();
    else if (shown !== undefined && args.output !== "json" && args.output !== "yaml") io.out("\n");
    io.out(textOf(document, args));
    shown = state;
  };
  const poller = createPoller({
    read: lookAgain,
    everyMs: 5_000,
    restMs: 500,
    clock: io.clock,
    start: (hint, signal) => {
      for (const kind of [kinds.pods, kinds.namespaces, kinds.deployments, kinds.mutatingWebhooks])
        cluster.watch(kind, {}, hint, signal);
    },
  });
  show(first);
  return new Promise((resolve) => {
    const end = poller.listen(() => {
      const { value, trouble } = poller.reading();
      const problem = trouble instanceof Error ? trouble.message : undefined;
      if (problem !== undefined && problem !== lastProblem) io.warn(`${problem}; what is shown is older`);
      lastProblem = problem;
      if (trouble === undefined && value !== undefined) show(value);
    });
    io.signal.addEventListener("abort", () => {
      end();
      resolve();
    });
  });
};
