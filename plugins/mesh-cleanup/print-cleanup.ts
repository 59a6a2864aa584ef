/** Prints what a look at a revision or its removal came to, in the format that was asked for. */
import type { Io } from "../../src/cli/io.ts";
import { refKey } from "../../src/upgrade/cleanup/chart-objects.ts";
import type { CleanupResult } from "../../src/upgrade/cleanup/cleanup-result.ts";
import type { RemovalResult } from "../../src/upgrade/cleanup/removal-result.ts";
import { cleanupDocument } from "../../src/views/cleanup-document.ts";
import { cleanupNamesView, cleanupView } from "../../src/views/cleanup-view.ts";
import { jsonView, yamlView } from "../../src/views/document.ts";
import { removalDocument, removalSummary, removalView } from "../../src/views/removal-view.ts";
import type { CleanupArgs } from "./cleanup-flags.ts";

/** Prints the proof. */
export const printProof = (result: CleanupResult, { output, noHeaders }: CleanupArgs, io: Io): void => {
  if (output === "json") io.out(jsonView(cleanupDocument(result)));
  else if (output === "yaml") io.out(yamlView(cleanupDocument(result)));
  else if (output === "name") io.out(cleanupNamesView(result));
  else io.out(cleanupView(result, { wide: output === "wide", noHeaders }));
};

/** Prints how it ended. With `-o name` the objects that were deleted. */
export function printRemoval(result: RemovalResult, { output, noHeaders }: CleanupArgs, io: Io): void {
  const deleted = result.objects.filter(({ stage }) => stage === "deleted");
  if (output === "json") io.out(jsonView(removalDocument(result)));
  else if (output === "yaml") io.out(yamlView(removalDocument(result)));
  else if (["refused", "unknown", "declined"].includes(result.state)) io.err(`error: ${removalSummary(result)}`);
  else if (output === "name") io.out(deleted.map(({ ref }) => refKey(ref)).join("\n"));
  else io.out(removalView(result, { wide: output === "wide", noHeaders }));
}
