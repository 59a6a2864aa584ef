/** Reads what pods count in a ResourceQuota. */
import type { Cluster } from "../cluster/cluster.ts";
import { kinds } from "../cluster/kinds.ts";
import type { Labels } from "../mesh/kubernetes.ts";
import { usageOf } from "../upgrade/evidence/pod-usage.ts";
import { listKind } from "./list-kind.ts";
import type { OptionalRead } from "./optional-read.ts";

/** What each pod of these namespaces counts in a quota, by its UID. */
export const countedPodUsage = async (
  cluster: Cluster,
  namespaces: ReadonlySet<string>,
  optional: OptionalRead,
): Promise<ReadonlyMap<string, Labels>> =>
  new Map(
    await listKind(
      cluster,
      [...namespaces],
      optional,
      kinds.pods,
      ({ metadata, spec }) => [metadata.uid, usageOf(spec)] as const,
    ),
  );
