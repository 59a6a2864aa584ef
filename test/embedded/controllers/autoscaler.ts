/**
 * HorizontalPodAutoscalers as far as a scale-up: a target is kept within its bounds, and goes where annotation
 * `embedded/replicas` says.
 */
import { isGoing, type KubeJson } from "../object.ts";
import type { Cluster, Controller } from "./controller.ts";

export const wantedReplicas = "embedded/replicas";

export const autoscalers: Controller = {
  of: "horizontalpodautoscalers",
  concerns: ({ object, resource }, { store, resource: named }) =>
    resource.scale
      ? store
          .list(named("horizontalpodautoscalers"), object.metadata.namespace)
          .filter(({ spec }) => spec.scaleTargetRef.name === object.metadata.name)
      : [],
  reconcile,
};

async function reconcile(autoscaler: KubeJson, cluster: Cluster): Promise<undefined> {
  const { spec, metadata } = autoscaler;
  const resource = cluster.resources.of(spec.scaleTargetRef);
  const target = resource && cluster.store.get(resource, metadata.namespace, spec.scaleTargetRef.name);
  if (!target || isGoing(autoscaler) || target.spec.replicas === 0) return;
  const wanted = Number(metadata.annotations?.[wantedReplicas] ?? target.spec.replicas);
  const replicas = Math.min(spec.maxReplicas, Math.max(spec.minReplicas ?? 1, wanted));
  if (replicas !== target.spec.replicas)
    await cluster.change(target, (now) => ({ ...now, spec: { ...now.spec, replicas } }));
  await cluster.setStatus(autoscaler, { currentReplicas: target.status?.replicas ?? 0, desiredReplicas: replicas });
}
