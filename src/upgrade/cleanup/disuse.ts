/** Whether a revision is used: one route of proof for each way in which something can need it. */
import type { Finding } from "../../mesh/finding.ts";

/**
 * One way in which a control plane can be needed, and what was found on it. `findings` are those of the check with the
 * same id: blockers where it is in use, `unknown` where that cannot be told.
 */
export interface Route {
  /** Id of the check, e.g. `cleanup-namespaces`. */
  readonly id: string;
  /** e.g. `no namespace selects it`. */
  readonly title: string;
  readonly state: "unused" | "in use" | "unknown";
  /** What was looked at, for a person: `48 namespaces read`. */
  readonly evidence: string;
  readonly findings: readonly Finding[];
}

/** All routes of one look at the mesh. */
export interface DisuseProof {
  readonly revision: string;
  /** When it was looked: RFC 3339, by the API server's clock. */
  readonly takenAt: string;
  /** `in use` where one route is, then `unknown` where one is; `unused` only where every route is. */
  readonly state: Route["state"];
  readonly routes: readonly Route[];
}

/** The proof that these routes are. No flag overrides it. */
export const disuseProof = (revision: string, takenAt: string, routes: readonly Route[]): DisuseProof => {
  const states = new Set(routes.map(({ state }) => state));
  const state = states.has("in use") ? "in use" : states.has("unknown") || routes.length === 0 ? "unknown" : "unused";
  return { revision, takenAt, state, routes };
};
