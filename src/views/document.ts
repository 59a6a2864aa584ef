/** Results as JSON and YAML for scripts. */

import { dump, SCALAR_STYLE, visit } from "js-yaml";
import type { ExitCode } from "../mesh/exit-codes.ts";
import { safeLines } from "../mesh/safe.ts";

export const apiVersion = "kubectl-mesh/v1";

/** The first and the last fields of every JSON result; a new release keeps them. */
export interface ResultDocument {
  readonly apiVersion: typeof apiVersion;
  readonly kind: string;
  /** The exit code again: kubectl on Windows turns every exit code but 0 into 1. */
  readonly exitCode: ExitCode;
}

/** Objects of the cluster, as kubectl takes them: no result of ours. */
export interface ManifestList {
  readonly apiVersion: "v1";
  readonly kind: "List";
  readonly items: readonly object[];
}

/**
 * A value as indented JSON, with a newline at the end. Undefined fields are `null`, so that every document has the same
 * fields; control characters are escaped.
 */
export const jsonView = (document: ResultDocument | ManifestList): string =>
  `${safeLines(JSON.stringify(document, nullForAbsent, 2))}\n`;

/** The same on one line: a document in a stream of documents. */
export const jsonLineView = (document: ResultDocument): string =>
  `${safeLines(JSON.stringify(document, nullForAbsent))}\n`;

/** The same value as YAML; texts with escapes are in double quotes. */
export function yamlView(document: ResultDocument | ManifestList): string {
  const plain: unknown = JSON.parse(JSON.stringify(document, nullForAbsent));
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

const nullForAbsent = (_: string, value: unknown): unknown => (value === undefined ? null : value);
