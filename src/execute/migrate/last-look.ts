/** Before a run calls itself done it looks once more at its namespaces, as the next run would. */

import { ClusterError } from "../../cluster/cluster-error.ts";
import { snapshot } from "../../gather/snapshot.ts";
import { type NotMoved, notMoved } from "../../upgrade/plan/not-moved.ts";
import { type Run, relabelSteps } from "../tools.ts";
import { selectedWorkloads } from "./gather-and-plan.ts";

/**
 * What of the namespaces of the plan is on another revision all the same. Throws `ClusterError`, also where a part
 * could not be read.
 */
export async function lookForStragglers({ cluster, plan, options }: Run): Promise<readonly NotMoved[]> {
  const { istioNamespace, request } = options;
  const namespaces = relabelSteps(plan).map(({ namespace }) => namespace);
  const mesh = await snapshot(cluster, { istioNamespace, namespaces, workloads: true, askIstiods: false });
  const gap = mesh.unknown[0];
  if (gap) throw new ClusterError(`${gap.subject} could not be read: ${gap.reason}`, { reason: "server" });
  const selected =
    request.selector === undefined ? undefined : await selectedWorkloads(cluster, mesh, request.selector);
  return notMoved({ mesh, target: plan.target, request, selected }, namespaces);
}
