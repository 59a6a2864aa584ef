/**
 * Writes the two labels that decide a namespace's injection, together with the undo record, in one patch.
 * One patch and not two: between two, pods would come up without a sidecar (`istio-injection` wins over `istio.io/rev`).
 */
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { kinds } from "../../cluster/kinds.ts";
import type { NamespaceObject } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import { undoAnnotation } from "../../mesh/model.ts";
import { labelEntries, type RevisionLabels, revisionLabelsOf, sameRevisionLabels } from "../../mesh/revision-labels.ts";
import { isMalformed } from "../../upgrade/record/record-fields.ts";
import { parseUndoRecord, sameRecord, type UndoRecord, undoText } from "../../upgrade/record/undo-record.ts";
import { goneIsDone, settle } from "../settle.ts";

/** What a namespace is to have; `record: null` removes the undo record, `undefined` leaves it alone. */
export interface Relabel {
  readonly namespace: string;
  readonly uid: string;
  /** Only if these are the labels now: what the decision was made on. */
  readonly expected: RevisionLabels;
  readonly labels: RevisionLabels;
  readonly record: UndoRecord | null | undefined;
}

/** `changed-by-others`: the premise is gone, nothing was written. `altered`: admission changed what was asked for. */
export type RelabelOutcome =
  | { readonly kind: "written"; readonly namespace: NamespaceObject }
  | { readonly kind: "changed-by-others"; readonly found: RevisionLabels | undefined }
  | { readonly kind: "altered"; readonly found: RevisionLabels };

/**
 * Patches the namespace under a resourceVersion precondition. Labels that are already as wanted are not sent, so that
 * no other manager's ownership is touched. Throws `ClusterError` when the server refuses or cannot be reached:
 * `ambiguous` where it may be written all the same.
 */
export const relabel = (
  cluster: Cluster,
  change: Relabel,
  options: { readonly dryRun: boolean },
): Promise<RelabelOutcome> =>
  settle<NamespaceObject | undefined, RelabelOutcome>({
    read: () => cluster.get(kinds.namespaces, change.namespace),
    settled: (now) => {
      if (now === undefined || now.metadata.uid !== change.uid) return { kind: "changed-by-others", found: undefined };
      const found = revisionLabelsOf(now.metadata.labels, change.labels);
      if (sameRevisionLabels(found, change.labels))
        return hasRecord(now, change.record) ? { kind: "written", namespace: now } : undefined;
      return sameRevisionLabels(found, change.expected) ? undefined : { kind: "changed-by-others", found };
    },
    write: async (now) => {
      const body = patchBody(now as NamespaceObject, change);
      const reply = await cluster
        .patch(kinds.namespaces, { name: change.namespace }, body, { dryRun: options.dryRun })
        .catch(goneIsDone);
      if (!reply) return { kind: "changed-by-others", found: undefined };
      const found = revisionLabelsOf(reply.metadata.labels, change.labels);
      return sameRevisionLabels(found, change.labels)
        ? { kind: "written", namespace: reply }
        : { kind: "altered", found };
    },
  });

function hasRecord({ metadata }: NamespaceObject, record: UndoRecord | null | undefined): boolean {
  if (record === undefined) return true;
  const text = labelOf(metadata.annotations ?? {}, undoAnnotation);
  if (record === null || text === undefined) return record === null && text === undefined;
  const found = parseUndoRecord(text);
  return !isMalformed(found) && sameRecord(found, record);
}

function patchBody({ metadata }: NamespaceObject, change: Relabel): object {
  const found = new Map(labelEntries(revisionLabelsOf(metadata.labels, change.labels)));
  const changed = labelEntries(change.labels).filter(([key, value]) => found.get(key) !== value);
  const text = change.record === null ? null : change.record && undoText(change.record);
  return {
    metadata: {
      uid: change.uid,
      resourceVersion: metadata.resourceVersion,
      ...(changed.length > 0 ? { labels: Object.fromEntries(changed) } : {}),
      ...(text === undefined ? {} : { annotations: { [undoAnnotation]: text } }),
    },
  };
}

/** Labels that are not what the run wrote any more; undefined where the namespace was deleted, or created again. */
export const labelsChanged = (
  namespace: string,
  found: RevisionLabels | undefined,
  when = "meanwhile",
): ClusterError =>
  found === undefined
    ? new ClusterError(`namespace ${namespace} was deleted or created again ${when}`, {
        reason: "conflict",
        hint: "run the command again: it takes the namespace as it is now",
      })
    : new ClusterError(
        `the labels of namespace ${namespace} were changed by somebody else ${when}: ${stateText(found)}`,
        {
          reason: "conflict",
          hint: "find what owns them (GitOps, Helm, a policy), change it there, and run the command again",
        },
      );

/** The labels, also the absent ones. */
export const stateText = (labels: RevisionLabels): string =>
  labelEntries(labels)
    .map(([key, value]) => (value === null ? `no ${key}` : `${key}=${value}`))
    .join(", ");
