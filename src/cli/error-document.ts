/** The document of a run that ended without a result, for `-o json` and `-o yaml`. */
import type { ExitCode } from "../mesh/exit-codes.ts";

/** schemas/error.schema.json */
export interface ErrorDocument {
  readonly apiVersion: "kubectl-mesh/v1";
  readonly kind: "MeshError";
  readonly exitCode: ExitCode;
  readonly error: {
    readonly message: string;
    /** How to fix it, often a command. */
    readonly hint: string | null;
    readonly reason: string;
  };
  /** What is half done, and the commands to go on and to go back. */
  readonly halfDone: string | null;
}

/** `reason` is that of a `ClusterError`, or says where the error comes from. */
export const errorDocument = (
  exitCode: ExitCode,
  error: { readonly message: string; readonly hint?: string | undefined; readonly reason: string },
  halfDone: string | undefined,
): ErrorDocument => ({
  apiVersion: "kubectl-mesh/v1",
  kind: "MeshError",
  exitCode,
  error: { message: error.message, hint: error.hint ?? null, reason: error.reason },
  halfDone: halfDone ?? null,
});
