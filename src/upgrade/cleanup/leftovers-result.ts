/** What a look at leftovers, or their removal, came to: a result for each revision that left something. */
import { type ExitCode, exit } from "../../mesh/exit-codes.ts";
import type { CleanupResult } from "./cleanup-result.ts";
import type { RemovalResult } from "./removal-result.ts";

/** The proof of a revision where nothing is removed, else its removal. */
export type LeftoverResult =
  | { readonly kind: "checked"; readonly result: CleanupResult }
  | { readonly kind: "removed"; readonly result: RemovalResult };

export interface LeftoversResult {
  /** By the names of the revisions; none: nothing is left over. */
  readonly revisions: readonly LeftoverResult[];
  readonly exitCode: ExitCode;
}

/**
 * The exit code of all: that of a signal first, then `notDone`, also where one revision was removed and another one was
 * not; then `refused`, `cannotTell` and `couldNot`, which mean that nothing was changed.
 */
export function leftoversResult(revisions: readonly LeftoverResult[]): LeftoversResult {
  const codes = revisions.map(({ result }) => result.exitCode);
  const isAny = (code: ExitCode): boolean => codes.includes(code);
  const isChanged = revisions.some(({ kind, result }) => kind === "removed" && result.state === "removed");
  const signal = codes.find((code) => code > exit.cannotTell);
  const failed = [exit.refused, exit.cannotTell, exit.couldNot].find(isAny);
  const worst = isAny(exit.notDone) || (isChanged && failed !== undefined) ? exit.notDone : failed;
  return { revisions, exitCode: signal ?? worst ?? exit.done };
}
