/** What a look at a revision came to: whether it may be removed now. */
import { type ExitCode, exit } from "../../mesh/exit-codes.ts";
import type { Finding } from "../../mesh/finding.ts";
import { cleanupChecks } from "../checks/cleanup/cleanup-checks.ts";
import type { CleanupFacts } from "../checks/cleanup/cleanup-facts.ts";
import type { RouteCheck } from "../checks/cleanup/revision-use.ts";
import type { DisuseProof } from "./disuse.ts";
import { proveDisuse } from "./prove-disuse.ts";
import { type Soak, soakFactsOf, soakOf } from "./soak.ts";

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

/** By these routes of proof, and a soak of so long (ms), which counts only for a revision that nothing needs. */
export const checkedResult = (
  facts: CleanupFacts,
  soakMs: number,
  checks: readonly RouteCheck[] = cleanupChecks,
): CleanupResult => {
  const { istioNamespace } = facts.mesh;
  const proof = proveDisuse(facts, checks);
  const soak = soakOf(soakFactsOf(facts), soakMs);
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
