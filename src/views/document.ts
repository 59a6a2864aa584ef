/** Results as JSON and YAML for scripts. */
import { dump, SCALAR_STYLE, visit } from "js-yaml";
import { safeLines } from "./safe.ts";

/** What every machine-readable result begins and ends with; its fields stay from release to release. */
export interface ResultDocument {
  readonly apiVersion: typeof apiVersion;
  readonly kind: string;
  /** The exit code, repeated: kubectl on Windows turns every one but zero into 1. */
  readonly exitCode: number;
}

export const apiVersion = "kubectl-mesh/v1";

/** A value as indented JSON, ended by a newline; hidden characters stand as `\uXXXX`. */
export const jsonView = (document: ResultDocument): string => `${safeLines(JSON.stringify(document, undefined, 2))}\n`;

/** The same on one line: one document of a stream. */
export const jsonLineView = (document: ResultDocument): string => `${safeLines(JSON.stringify(document))}\n`;

/** The same value as YAML; texts with hidden characters stand double-quoted with escapes. */
export function yamlView(document: ResultDocument): string {
  const plain: unknown = JSON.parse(JSON.stringify(document));
  const text = dump(plain, {
    lineWidth: -1,
    noRefs: true,
    transform: (documents) =>
      visit(documents, (node) => {
        if (node.kind === "scalar" && safeLines(node.value) !== node.value) node.style = SCALAR_STYLE.DOUBLE_QUOTED;
      }),
  });
  return safeLines(text);
}
