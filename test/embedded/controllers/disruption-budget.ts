/** What PodDisruptionBudgets allow just now. pkg/controller/disruption/disruption.go */
import { matchesSelector } from "../../../src/mesh/labels.ts";
import { isGoing, isOver, isReady, type KubeJson } from "../object.ts";
import type { Cluster, Controller } from "./controller.ts";
import { scaled } from "./template.ts";

export const disruptionBudgets: Controller = {
  of: "poddisruptionbudgets",
  concerns: ({ resource, object }, { store, resource: named }) =>
    resource.plural === "pods" ? store.list(named("poddisruptionbudgets"), object.metadata.namespace) : [],
  reconcile,
};

async function reconcile(budget: KubeJson, cluster: Cluster): Promise<undefined> {
  const { spec, metadata } = budget;
  const pods = cluster.store
    .list(cluster.resource("pods"), metadata.namespace)
    .filter((pod) => matchesSelector(spec.selector, pod.metadata.labels) && !isOver(pod));
  const currentHealthy = pods.filter((pod) => isReady(pod) && !isGoing(pod)).length;
  const expectedPods = pods.length;
  const desiredHealthy =
    spec.minAvailable === undefined
      ? Math.max(0, expectedPods - scaled(spec.maxUnavailable, expectedPods, "up"))
      : scaled(spec.minAvailable, expectedPods, "up");
  await cluster.setStatus(budget, {
    ...{ observedGeneration: metadata.generation, currentHealthy, desiredHealthy, expectedPods },
    disruptionsAllowed: Math.max(0, currentHealthy - desiredHealthy),
  });
}
