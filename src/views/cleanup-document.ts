/** The JSON document of `mesh-cleanup`. */
import type { ExitCode } from "../mesh/exit-codes.ts";
import type { Finding } from "../mesh/finding.ts";
import type { CleanupResult, CleanupState } from "../upgrade/cleanup/cleanup-result.ts";
import { proofFindings } from "../upgrade/cleanup/cleanup-result.ts";
import type { DisuseProof, Route } from "../upgrade/cleanup/disuse.ts";
import { apiVersion, type ResultDocument } from "./document.ts";

/** schemas/cleanup.schema.json */
export interface CleanupDocument extends ResultDocument {
  readonly kind: "MeshCleanup";
  readonly state: CleanupState;
  readonly revision: string;
  readonly istioNamespace: string;
  readonly takenAt: string;
  readonly proof: {
    readonly state: DisuseProof["state"];
    readonly routes: readonly Pick<Route, "id" | "title" | "state" | "evidence">[];
  };
  readonly soak: {
    /** Null: it does not count while the revision is in use, or where that cannot be told. */
    readonly state: "over" | "not over" | null;
    /** Seconds. */
    readonly wanted: number;
    readonly left: number | null;
    readonly since: string | null;
    readonly why: string;
  };
  readonly findings: readonly Finding[];
  readonly exitCode: ExitCode;
}

const seconds = (ms: number): number => Math.ceil(ms / 1000);

export const cleanupDocument = (result: CleanupResult): CleanupDocument => {
  const { state, revision, istioNamespace, takenAt, proof, soak, soakMs, exitCode } = result;
  const counts = proof.state === "unused";
  return {
    ...{ apiVersion, kind: "MeshCleanup", state, revision, istioNamespace, takenAt },
    proof: {
      state: proof.state,
      routes: proof.routes.map(({ id, title, state: each, evidence }) => ({ id, title, state: each, evidence })),
    },
    soak: {
      state: counts ? soak.state : null,
      wanted: seconds(soakMs),
      left: counts && soak.state === "not over" ? seconds(soak.leftMs) : null,
      since: soak.since ?? null,
      why: soak.why,
    },
    findings: proofFindings(proof),
    exitCode,
  };
};
