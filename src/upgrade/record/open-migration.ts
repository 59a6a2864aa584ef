/** The unfinished migration of a namespace, by its annotation. */
import { labelOf } from "../../mesh/labels.ts";
import { type Namespace, undoAnnotation } from "../../mesh/model.ts";
import { isMalformed } from "./record-fields.ts";
import { parseUndoRecord } from "./undo-record.ts";

/**
 * The label that an unfinished migration of the namespace goes to; `undefined` where none is unfinished. A record that
 * cannot be read counts as an unfinished one without a target, because nobody can tell that it ended.
 */
export function openMigration(namespace: Namespace): { readonly target: string | undefined } | undefined {
  const text = labelOf(namespace.annotations, undoAnnotation);
  if (text === undefined) return undefined;
  const record = parseUndoRecord(text);
  if (isMalformed(record)) return { target: undefined };
  return record.state === "done" ? undefined : { target: record.target.label };
}
