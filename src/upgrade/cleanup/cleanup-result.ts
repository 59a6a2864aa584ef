/** What a look at a revision came to: whether it may be removed now. */
import { type ExitCode, exit } from "../../mesh/exit-codes.ts";
import type { Finding } from "../../mesh/finding.ts";
import type { CleanupFacts } from "../checks/cleanup/cleanup-facts.ts";
import type { DisuseProof } from "./disuse.ts";
import type { Soak } from "./soak.ts";

/**
 * `unused`: nothing needs it, and the soak is over · `soaking`: nothing needs it, and the soak is not over · `in-use`
 * · `cannot-tell`: a route of the proof could not be seen.
 */
export type CleanupState = "unused" | "soaking" | "in-use" | "cannot-tell";

export interface CleanupResult {
  readonly state: CleanupState;
  readonly revision: string;
  readonly istioNamespace: string;
  /** RFC 3339, by the API server's clock. */
  readonly takenAt: string;
  readonly proof: DisuseProof;
  readonly soakMs: number;
  readonly soak: Soak;
  readonly exitCode: ExitCode;
}

const exitCodes: Readonly<Record<CleanupState, ExitCode>> = {
  unused: exit.done,
  soaking: exit.refused,
  "in-use": exit.refused,
  "cannot-tell": exit.cannotTell,
};

/** The soak counts only for a revision that nothing needs. */
export const checkedResult = (
  { mesh: { istioNamespace } }: CleanupFacts,
  proof: DisuseProof,
  soak: Soak,
  soakMs: number,
): CleanupResult => {
  const state = stateOf(proof, soak);
  const { revision, takenAt } = proof;
  return { state, revision, istioNamespace, takenAt, proof, soakMs, soak, exitCode: exitCodes[state] };
};

const stateOf = ({ state }: DisuseProof, soak: Soak): CleanupState => {
  if (state === "in use") return "in-use";
  if (state === "unknown") return "cannot-tell";
  return soak.state === "over" ? "unused" : "soaking";
};

/** The findings of all routes, in their order. */
export const proofFindings = ({ routes }: DisuseProof): readonly Finding[] =>
  routes.flatMap(({ findings }) => findings);

/** The revisions that the mesh has: by control planes and webhooks, and by what tags lead to. Sorted. */
export const revisionsOfMesh = ({ mesh }: CleanupFacts): readonly string[] =>
  [...new Set([...mesh.controlPlanes, ...mesh.tags].map(({ revision }) => revision))].toSorted();
