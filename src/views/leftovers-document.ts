/** The JSON document of `mesh-cleanup --leftovers`. */
import type { LeftoverResult, LeftoversResult } from "../upgrade/cleanup/leftovers-result.ts";
import { type CleanupDocument, cleanupDocument } from "./cleanup-document.ts";
import { apiVersion, type ResultDocument } from "./document.ts";
import { type RemovalDocument, removalDocument } from "./removal-view.ts";

/** schemas/leftovers.schema.json */
export interface LeftoversDocument extends ResultDocument {
  readonly kind: "MeshLeftovers";
  readonly revisions: readonly (CleanupDocument | RemovalDocument)[];
}

export const leftoversDocument = ({ revisions, exitCode }: LeftoversResult): LeftoversDocument => ({
  ...{ apiVersion, kind: "MeshLeftovers", exitCode },
  revisions: revisions.map(documentOf),
});

const documentOf = (each: LeftoverResult): CleanupDocument | RemovalDocument =>
  each.kind === "checked" ? cleanupDocument(each.result) : removalDocument(each.result);
