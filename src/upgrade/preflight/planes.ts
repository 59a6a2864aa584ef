/** The control planes that an upgrade is between. Pure. */
import type { ControlPlane } from "../../mesh/model.ts";
import { oldRevisions } from "../plan/moves.ts";
import type { PreflightFacts } from "./preflight-facts.ts";

/** One that is installed in this cluster. */
export type InstalledPlane = ControlPlane & { readonly deployment: NonNullable<ControlPlane["deployment"]> };

const isInstalled = (plane: ControlPlane): plane is InstalledPlane => plane.deployment !== undefined;

/** The target's control plane, where it is installed in this cluster. */
export const targetPlane = ({ mesh, target }: PreflightFacts): InstalledPlane | undefined =>
  mesh.controlPlanes.filter(isInstalled).find(({ revision }) => revision === target.revision);

/** The revisions that something moves away from. */
export const leftRevisions = (facts: PreflightFacts): readonly string[] =>
  oldRevisions(facts).filter((revision) => revision !== facts.target.revision);

/** Their control planes, where they are installed in this cluster. */
export const leftPlanes = (facts: PreflightFacts): readonly InstalledPlane[] => {
  const left = leftRevisions(facts);
  return facts.mesh.controlPlanes.filter(isInstalled).filter(({ revision }) => left.includes(revision));
};

/** As findings name it. */
export const planeText = ({ namespace, deployment }: InstalledPlane): string =>
  `${namespace}/Deployment/${deployment.name}`;
