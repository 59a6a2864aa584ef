/** The program's version. `scripts/build.ts` writes the commit into the executable. */
import manifest from "../../package.json" with { type: "json" };
import { documentText, isDocumentFormat } from "./document-text.ts";

declare const MESH_COMMIT: string | undefined;

export const version: string = manifest.version;
export const commit: string | undefined = typeof MESH_COMMIT === "string" ? MESH_COMMIT : undefined;

/** What `--version` prints, in the format of `-o`. */
export const versionText = (name: string, output: string | undefined): string => {
  const facts = { version, commit: commit ?? "unknown", node: process.versions.node };
  if (isDocumentFormat(output))
    return documentText({ apiVersion: "kubectl-mesh/v1", kind: "Version", name, ...facts }, output);
  return `${name} ${version}`;
};
