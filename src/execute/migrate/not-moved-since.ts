/** Before a run calls itself done it looks once more at its namespaces, as the next run would. */
import type { Cluster } from "../../cluster/cluster.ts";
import { selectedWorkloads } from "../../gather/selected-workloads.ts";
import { wholeSnapshot } from "../../gather/whole-snapshot.ts";
import { ownersWith } from "../../upgrade/owners/known-owners.ts";
import type { MigrationRequest } from "../../upgrade/plan/migration-request.ts";
import { behindTag, movingOf, namespaceMove, namespaceMoves } from "../../upgrade/plan/namespace-move.ts";
import { type NotMoved, notMoved } from "../../upgrade/plan/not-moved.ts";
import { type MigrationPlan, relabelSteps } from "../../upgrade/plan/plan.ts";
import { tagScope } from "../../upgrade/tags/tag-scope.ts";
import { unplannedSince } from "../../upgrade/unplanned/unplanned-since.ts";

/**
 * What of the namespaces of the plan is on another revision all the same, and with `-A` what came up on one in any other
 * namespace meanwhile. Throws `ClusterError`, also where a part
 * could not be read.
 */
export async function notMovedSince(
  cluster: Cluster,
  plan: MigrationPlan,
  request: MigrationRequest,
  istioNamespace: string,
): Promise<readonly NotMoved[]> {
  const namespaces = relabelSteps(plan).map(({ namespace }) => namespace);
  const isAll = request.namespaces === "all" && request.tag === undefined;
  const where = isAll ? "all" : request.namespaces === "all" ? { most: namespaces } : namespaces;
  const mesh = await wholeSnapshot(cluster, where, istioNamespace, ownersWith(request.owners));
  const selected = await selectedWorkloads(cluster, mesh, request.selector);
  const moving = movingOf(mesh, plan.target, request, selected);
  if (isAll) return [...notMoved(namespaceMoves(moving, namespaces)), ...unplannedSince(plan, mesh, request)];
  if (request.tag === undefined) return notMoved(namespaceMoves(moving, namespaces));
  const webhook = mesh.tags.find(({ tag, webhook }) => tag === request.tag && webhook !== undefined)?.webhook;
  const { asked } = tagScope(mesh, webhook ?? "");
  return notMoved(
    asked.flatMap(({ found }) =>
      found ? [namespaceMove(found, moving, behindTag(found.namespace, plan.target))] : [],
    ),
  );
}
