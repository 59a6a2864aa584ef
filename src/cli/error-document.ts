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

/** Whether the output format is one for programs. */
export const isDocumentFormat = (output: string | undefined): output is "json" | "yaml" =>
  output === "json" || output === "yaml";

type Field = string | number | null | { readonly [name: string]: Field };

/** A small document as text. In YAML, texts stand in double quotes, as JSON writes them. */
export const documentText = (document: object, output: "json" | "yaml"): string =>
  output === "json" ? JSON.stringify(document, undefined, 2) : yamlLines(document as Record<string, Field>).join("\n");

const yamlLines = (fields: { readonly [name: string]: Field }): readonly string[] =>
  Object.entries(fields).flatMap(([name, value]) =>
    typeof value === "object" && value !== null
      ? [`${name}:`, ...yamlLines(value).map((line) => `  ${line}`)]
      : [`${name}: ${JSON.stringify(value)}`],
  );
