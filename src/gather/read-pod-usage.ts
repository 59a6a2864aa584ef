import type { Cluster } from "../cluster/cluster.ts";
import { kinds } from "../cluster/kinds.ts";
import type { Labels } from "../mesh/kubernetes.ts";
import { usageOf } from "../upgrade/evidence/pod-usage.ts";
import type { Optional } from "./optional-read.ts";

/** What each pod of these namespaces counts in a quota, by its UID. */
export const countedPodUsage = async (
  cluster: Cluster,
  namespaces: ReadonlySet<string>,
  optional: Optional,
): Promise<ReadonlyMap<string, Labels>> => {
  const lists = [...namespaces].map((namespace) =>
    optional(
      `pods in namespace ${namespace}`,
      cluster.list(kinds.pods, { namespace }, ({ metadata, spec }) => [metadata.uid, usageOf(spec)] as const),
      namespace,
    ),
  );
  return new Map((await Promise.all(lists)).flatMap((list) => list?.items ?? []));
};
