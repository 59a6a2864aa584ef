/** What a deletion asks for and what comes of it. */
import type { MeshClock } from "../clock.ts";
import { isGoing, isOver, type KubeJson } from "../object.ts";
import type { Resource } from "./resources.ts";

export interface DeleteOptions {
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly propagation?: "Background" | "Foreground" | "Orphan" | undefined;
  readonly graceSeconds?: number | undefined;
}

/**
 * What a deletion makes of an object: gone, or going.
 * https://kubernetes.io/docs/concepts/architecture/garbage-collection/
 */
export function doomed(
  resource: Resource,
  current: KubeJson,
  options: DeleteOptions,
  clock: MeshClock,
): { object: KubeJson; gone: boolean } {
  const finalizers = new Set(current.metadata.finalizers ?? []);
  if (options.propagation === "Foreground") finalizers.add("foregroundDeletion");
  if (options.propagation === "Orphan") finalizers.add("orphan");
  const isPod = resource.plural === "pods";
  const asked = options.graceSeconds ?? current.spec?.terminationGracePeriodSeconds ?? 30;
  const grace = isPod && current.spec?.nodeName && !isOver(current) ? asked : 0;
  const waits = finalizers.size > 0 || grace > 0 || resource.plural === "namespaces";
  if (!waits) return { object: current, gone: true };
  const sooner = grace < (current.metadata.deletionGracePeriodSeconds ?? Number.POSITIVE_INFINITY);
  if (isGoing(current) && !(isPod && sooner)) return { object: current, gone: false };
  const object: KubeJson = {
    ...current,
    metadata: {
      ...current.metadata,
      ...(finalizers.size > 0 && { finalizers: [...finalizers] }),
      deletionTimestamp:
        current.metadata.deletionTimestamp ?? `${new Date(clock.wall() + grace * 1000).toISOString().slice(0, 19)}Z`,
      deletionGracePeriodSeconds: grace,
      ...(resource.generation && { generation: (current.metadata.generation ?? 0) + 1 }),
    },
    ...(resource.plural === "namespaces" && { status: { ...current.status, phase: "Terminating" } }),
  };
  return { object, gone: false };
}
