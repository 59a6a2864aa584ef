/**
 * What a run of `kubectl mesh-revisions` begins with. In a part of its own, which neither --help nor wrong usage loads.
 */

import { UsageError } from "../../src/cli/exit-errors.ts";
import type { Io } from "../../src/cli/io.ts";
import { withCluster } from "../../src/cli/with-cluster.ts";
import { type Scope, snapshot } from "../../src/gather/snapshot.ts";
import type { ExitCode } from "../../src/mesh/exit-codes.ts";
import { isMalformedSelector, parseSelector } from "../../src/mesh/selector-text.ts";
import type { RevisionsScope } from "../../src/views/revisions-document.ts";
import type { RevisionsArgs } from "./revisions-flags.ts";

export const runRevisions = async (args: RevisionsArgs, io: Io): Promise<ExitCode> => {
  const selector = selectorOf(args.selector);
  const namespaces = args.allNamespaces ? "all" : args.namespace.length > 0 ? args.namespace : "overview";
  return withCluster("mesh-revisions", args, io, async (cluster) => {
    const scope = scopeOf(args.istioNamespace, namespaces);
    // The requests are sent before the rest of the program is loaded, so that the server works meanwhile.
    const first = snapshot(cluster, scope);
    first.catch(() => {});
    await new Promise(setImmediate);
    const [{ showRevisions }] = await Promise.all([
      import("./show-revisions.ts"),
      import("../../src/cluster/tunnel/tunnel.ts"),
    ]);
    return await showRevisions(cluster, scope, first, { namespaces, selector }, args, io);
  });
};

const selectorOf = (text: string | undefined): RevisionsScope["selector"] => {
  if (text === undefined) return undefined;
  const selector = parseSelector(text);
  if (isMalformedSelector(selector))
    throw new UsageError(
      `${JSON.stringify(text)} is no label selector: ${selector.malformed}`,
      "write for example app=web,tier!=cache",
    );
  return selector;
};

const scopeOf = (istioNamespace: string, namespaces: RevisionsScope["namespaces"]): Scope => {
  const whole = { istioNamespace, workloads: true, askIstiods: true } as const;
  return namespaces === "overview" ? { ...whole, namespaces: "all", podMetadataOnly: true } : { ...whole, namespaces };
};
