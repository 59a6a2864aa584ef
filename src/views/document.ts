/** Results as JSON and YAML for scripts. */

import { dump, SCALAR_STYLE, visit } from "js-yaml";
import type { ExitCode } from "../mesh/exit-codes.ts";
import { safeLines } from "../mesh/safe.ts";

export const apiVersion = "kubectl-mesh/v1";

/** What every machine-readable result begins and ends with; its fields stay from release to release. */
export interface ResultDocument {
  readonly apiVersion: typeof apiVersion;
  readonly kind: string;
  /** The exit code, repeated: kubectl on Windows turns every one but zero into 1. */
  readonly exitCode: ExitCode;
}

/**
 * A value as indented JSON, ended by a newline. What is not there is `null`, so that fields do not come and go; what a
 * terminal would act on is escaped.
 */
export const jsonView = (document: ResultDocument): string =>
  `${safeLines(JSON.stringify(document, nullForAbsent, 2))}\n`;

/** The same on one line: one document of a stream. */
export const jsonLineView = (document: ResultDocument): string =>
  `${safeLines(JSON.stringify(document, nullForAbsent))}\n`;

/** The same value as YAML; texts that need escapes stand in double quotes. */
export function yamlView(document: ResultDocument): string {
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
