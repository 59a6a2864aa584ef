/** Where the istiod of a revision runs, if there is one; and which revision is the default. */
import type { Istiod, Mesh } from "./model.ts";

/** Revisions that have an istiod, in this cluster or outside it. */
export function revisionsWithIstiod(mesh: Mesh): ReadonlySet<string> {
  const planes = mesh.controlPlanes.filter((plane) => plane.deployment !== undefined || plane.istiods.length > 0);
  const external = mesh.injectors.filter((injector) => injector.entry.clientConfig.url !== undefined);
  return new Set([...planes, ...external].map(({ revision }) => revision));
}

/** Whether a revision's istiod runs outside the cluster: it has no Deployment here, and its webhook calls a URL. */
export const isExternal = (mesh: Pick<Mesh, "controlPlanes" | "injectors">, revision: string): boolean =>
  !mesh.controlPlanes.some((plane) => plane.revision === revision && plane.deployment !== undefined) &&
  mesh.injectors.some((injector) => injector.revision === revision && injector.entry.clientConfig.url !== undefined);

/** One that is still coming up or has ended holds no proxies, and is not asked. */
export const isRunningIstiod = ({ phase }: Istiod): boolean => phase === undefined || phase === "Running";

/**
 * The revision behind `istio-injection=enabled`: of the tag `default`, else of an un-revisioned install whose webhook
 * is active.
 */
export function defaultRevision(mesh: Mesh): string | undefined {
  const tag = mesh.tags.find((each) => each.tag === "default" && each.injects);
  if (tag !== undefined) return tag.revision;
  return mesh.injectors.some(
    (injector) => injector.revision === "default" && injector.tag === undefined && !injector.deactivated,
  )
    ? "default"
    : undefined;
}
