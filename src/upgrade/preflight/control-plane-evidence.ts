/** What a preflight reads of the control planes beside the mesh: their settings, their rights and what scales them. */

export interface ControlPlaneEvidence {
  /** Version of the API server as it says itself, e.g. `v1.29.3`; undefined where it could not be read. */
  readonly kubernetes: string | undefined;
}

/** Nothing was found; tests begin with it. */
export const noControlPlaneEvidence: ControlPlaneEvidence = { kubernetes: undefined };
