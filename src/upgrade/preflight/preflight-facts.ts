/** What the checks of a preflight judge: all that a migration is judged by, and what only a preflight reads. */
import type { MissingEvidence } from "../evidence/cluster-evidence.ts";
import type { Facts } from "../plan/moves.ts";
import type { ConfigEvidence } from "./evidence/config-evidence.ts";
import type { ControlPlaneEvidence } from "./evidence/control-plane-evidence.ts";
import type { NodeEvidence } from "./evidence/node-evidence.ts";

export interface PreflightFacts extends Facts {
  /**
   * False: no control plane of the target's name is installed yet. Then the mesh has an injector for it as it will be,
   * and the checks that judge the target's istiods find nothing.
   */
  readonly installed: boolean;
  readonly around: Surroundings;
}

/** What only a preflight reads. */
export interface Surroundings {
  readonly controlPlanes: ControlPlaneEvidence;
  readonly nodes: NodeEvidence;
  readonly config: ConfigEvidence;
  /** Reads that failed, each with the check that needs them. */
  readonly unknown: readonly MissingEvidence[];
}
