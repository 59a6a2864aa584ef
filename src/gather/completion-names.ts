/** Reads the names that the shell offers while a command is typed. */

import type { ClusterFlags } from "../cluster/auth/connection-flags.ts";
import { loadKubeconfig } from "../cluster/auth/kubeconfig-files.ts";
import { systemClock } from "../cluster/clock.ts";
import { connect } from "../cluster/connect.ts";
import { kinds } from "../cluster/kinds.ts";
import { labelOf } from "../mesh/labels.ts";
import { undoAnnotation } from "../mesh/model.ts";
import { counted } from "../mesh/phrase.ts";
import { isMalformed } from "../upgrade/record/record-fields.ts";
import { parseUndoRecord } from "../upgrade/record/undo-record.ts";

/** A name, and what the shell shows beside it. */
export type Name = readonly [name: string, help: string | undefined];

/** What names are wanted of: objects in the cluster, checks of a preflight, or (the last three) entries of the kubeconfig. */
export type CompletionKind =
  | "namespace"
  | "run"
  | "revision"
  | "tag"
  | "revision-or-tag"
  | "check"
  | "context"
  | "cluster"
  | "user";

/** Sorted by name. Throws what `connect` and the cluster throw. */
export const namesFor = async (what: CompletionKind, flags: ClusterFlags): Promise<readonly Name[]> => {
  const names =
    what === "check"
      ? await namesOfChecks()
      : what === "context" || what === "cluster" || what === "user"
        ? namesInConfig(what, flags)
        : await namesInCluster(what, flags);
  // Names with white space or control characters would be more than one word to the shell.
  const safe = names.filter(([name, help]) => /^[^\s\p{C}]+$/u.test(name) && !/\p{C}/u.test(help ?? ""));
  return safe.sort(([a], [b]) => (a < b ? -1 : 1));
};

/** Loaded when they are wanted: the checks of a preflight are most of the program. */
const namesOfChecks = async (): Promise<Name[]> => {
  const { preflightList } = await import("../upgrade/preflight/preflight-list.ts");
  return preflightList.map(({ id, title }) => [id, title]);
};

const namesInConfig = (what: "context" | "cluster" | "user", { kubeconfig }: ClusterFlags): Name[] => {
  const { contexts, clusters, users } = loadKubeconfig(kubeconfig, process.env);
  if (what === "context")
    return [...contexts].map(([name, { cluster }]) => [name, cluster === undefined ? undefined : `cluster ${cluster}`]);
  return [...(what === "cluster" ? clusters : users).keys()].map((name) => [name, undefined]);
};

const namesInCluster = async (
  what: "namespace" | "run" | "revision" | "tag" | "revision-or-tag",
  flags: ClusterFlags,
): Promise<Name[]> => {
  const cluster = await connect(flags, {
    userAgent: "kubectl-mesh-completion",
    fieldManager: "kubectl-mesh-completion",
    warn: () => {},
    clock: systemClock,
  });
  try {
    if (what === "namespace") {
      const listed = await cluster.list(kinds.namespaces, { metadataOnly: true }, ({ metadata }) => metadata);
      return (listed?.items ?? []).map(({ name, labels }) => [
        name,
        injectionOf(new Map(Object.entries(labels ?? {}))),
      ]);
    }
    if (what === "run") {
      const listed = await cluster.list(kinds.namespaces, { metadataOnly: true }, ({ metadata }) => metadata);
      return runsOfRecords((listed?.items ?? []).map(({ annotations }) => labelOf(annotations ?? {}, undoAnnotation)));
    }
    const query = { metadataOnly: true, labelSelector: "istio.io/rev" };
    const listed = await cluster.list(
      kinds.mutatingWebhooks,
      query,
      ({ metadata }) => new Map(Object.entries(metadata.labels ?? {})),
    );
    const found = new Map<string, string>();
    for (const labels of listed?.items ?? []) {
      const [revision = "", tag] = [labels.get("istio.io/rev"), labels.get("istio.io/tag")];
      if (tag === undefined && what !== "tag") found.set(revision, "revision");
      else if (tag !== undefined && what !== "revision" && !found.has(tag)) found.set(tag, `tag of ${revision}`);
    }
    return [...found];
  } finally {
    await cluster.close();
  }
};

/** The runs that can be undone, as the undo records of the namespaces have them. */
const runsOfRecords = (texts: readonly (string | undefined)[]): Name[] => {
  const records = texts.flatMap((text) => {
    const record = text === undefined ? undefined : parseUndoRecord(text);
    return record === undefined || isMalformed(record) ? [] : [record];
  });
  return [...Map.groupBy(records, ({ run }) => run)].map(([run, all]) => {
    const [{ from, target } = {}] = all;
    return [run, `${from?.revision} to ${target?.revision}, ${counted(all.length, "namespace")}`];
  });
};

const injectionOf = (labels: ReadonlyMap<string, string>): string | undefined => {
  const label = ["istio-injection", "istio.io/rev"].find((name) => labels.has(name));
  return label && `${label}=${labels.get(label)}`;
};
