import type { Mesh } from "../../mesh/model.ts";

/** Istio's version of a revision: of its istiod, else of its injector; undefined where neither says it. */
export const versionOf = (mesh: Mesh, revision: string): string | undefined =>
  mesh.controlPlanes.find((plane) => plane.revision === revision)?.version ??
  mesh.injectors.find((injector) => injector.revision === revision)?.version;
