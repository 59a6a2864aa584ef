/** The JSON documents of `mesh-preflight`. */
import { type ExitCode, exit } from "../mesh/exit-codes.ts";
import type { Finding } from "../mesh/finding.ts";
import { type ListedCheck, listedCheck } from "../upgrade/preflight/preflight-list.ts";
import type { CheckState, Opinion, PreflightResult, PreflightState } from "../upgrade/preflight/preflight-result.ts";
import { apiVersion, type ResultDocument } from "./document.ts";

/** schemas/preflight.schema.json */
export interface PreflightDocument extends ResultDocument {
  readonly kind: "MeshPreflight";
  readonly state: PreflightState;
  readonly to: string;
  /** Null where `to` stands for no revision, or not certainly for one. */
  readonly revision: string | null;
  readonly installed: boolean;
  readonly namespaces: readonly string[];
  readonly takenAt: string;
  readonly checks: readonly (ListedCheck & { readonly state: CheckState; readonly findings: readonly Finding[] })[];
  readonly opinions: readonly Opinion[];
  readonly exitCode: ExitCode;
}

export const preflightDocument = (result: PreflightResult): PreflightDocument => {
  const { state, to, revision, installed, namespaces, takenAt, checks, opinions, exitCode } = result;
  return {
    ...{ apiVersion, kind: "MeshPreflight", state, to, revision: revision ?? null, installed, namespaces, takenAt },
    checks: checks.map((check) => ({ ...listedCheck(check), state: check.state, findings: check.findings })),
    opinions,
    exitCode,
  };
};

/** schemas/checks.schema.json */
export interface ChecksDocument extends ResultDocument {
  readonly kind: "MeshChecks";
  readonly checks: readonly ListedCheck[];
}

export const checksDocument = (checks: readonly ListedCheck[]): ChecksDocument => ({
  apiVersion,
  kind: "MeshChecks",
  checks,
  exitCode: exit.done,
});
