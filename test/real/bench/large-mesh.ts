/**
 * A mesh with many injected pods: half of its namespaces on one revision, half on the other, each with Deployments and
 * StatefulSets.
 */

import { deployment, statefulSet } from "../../fixtures/workload-objects.ts";
import type { Mesh } from "../kit.ts";

const replicas = 5;
/** Of one namespace: four Deployments for each StatefulSet, as applications are mixed. */
const workloadsEach = 20;

/** Pods of one namespace. */
export const podsEach = workloadsEach * replicas;

/**
 * Fills the mesh namespace by namespace, each ready before the next, so that a small machine is not stampeded. Gives
 * back the namespaces.
 */
export async function seedLargeMesh(
  mesh: Mesh,
  revisions: readonly string[],
  pods: number,
): Promise<readonly string[]> {
  const names = Array.from({ length: Math.ceil(pods / podsEach) }, (_, index) => `team-${index}`);
  for (const [index, namespace] of names.entries()) {
    await mesh.createNamespace({ "istio.io/rev": revisions[index % revisions.length] as string }, namespace);
    await mesh.apply(Array.from({ length: workloadsEach }, (_, workload) => workloadOf(namespace, workload)));
    await mesh.waitReady(namespace, 300);
  }
  return names;
}

const workloadOf = (namespace: string, index: number): object =>
  index % 5 === 4
    ? statefulSet({ namespace, name: `db-${index}`, replicas, spec: { podManagementPolicy: "Parallel" } })
    : deployment({ namespace, name: `web-${index}`, replicas });
