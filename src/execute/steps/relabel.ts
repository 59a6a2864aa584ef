/**
 * Writes the two labels that decide a namespace's injection, together with the undo record, in one patch.
 * One patch and not two: between two, pods would come up without a sidecar (`istio-injection` wins over
 * `istio.io/rev`).
 */
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { kinds } from "../../cluster/kinds.ts";
import type { NamespaceObject } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import { undoAnnotation } from "../../mesh/model.ts";
import type { RevisionLabels, UndoRecord } from "../../upgrade/plan/plan.ts";

/** What is to stand in a namespace; `record: null` removes the undo record, `undefined` leaves it alone. */
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

/** The two labels as they stand on an object. */
export const revisionLabelsOf = (object: NamespaceObject): RevisionLabels => ({
  "istio-injection": labelOf(object.metadata.labels ?? {}, "istio-injection") ?? null,
  "istio.io/rev": labelOf(object.metadata.labels ?? {}, "istio.io/rev") ?? null,
});

/** Whether two pairs of labels say the same; absent is not empty. */
export const sameLabels = (a: RevisionLabels, b: RevisionLabels): boolean =>
  a["istio-injection"] === b["istio-injection"] && a["istio.io/rev"] === b["istio.io/rev"];

const attempts = 5;

/**
 * Patches the namespace under a resourceVersion precondition. Labels that already stand as wanted are not sent, so that
 * no other manager's ownership is touched. A conflict is re-read and re-decided; an ambiguous failure is settled by
 * reading. Throws `ClusterError` when the server refuses or cannot be reached; `ambiguous` where it may be written all
 * the same.
 */
export async function relabel(
  cluster: Cluster,
  change: Relabel,
  options: { readonly dryRun: boolean },
): Promise<RelabelOutcome> {
  let open: ClusterError | undefined;
  for (let attempt = 1; ; attempt++) {
    const now = await cluster.get(kinds.namespaces, change.namespace).catch((error: unknown) => {
      throw open && error instanceof ClusterError ? unsettled(open, error) : error;
    });
    if (now === undefined || now.metadata.uid !== change.uid) return { kind: "changed-by-others", found: undefined };
    const found = revisionLabelsOf(now);
    if (!sameLabels(found, change.expected) && !sameLabels(found, change.labels))
      return { kind: "changed-by-others", found };
    if (sameLabels(found, change.labels) && recordStands(now, change.record))
      return { kind: "written", namespace: now };
    try {
      const reply = await cluster.patch(kinds.namespaces, { name: change.namespace }, patchBody(now, found, change), {
        dryRun: options.dryRun,
      });
      const written = revisionLabelsOf(reply);
      return sameLabels(written, change.labels)
        ? { kind: "written", namespace: reply }
        : { kind: "altered", found: written };
    } catch (error) {
      const again = error instanceof ClusterError && (error.reason === "conflict" || error.ambiguous);
      if (!again || attempt === attempts) throw error;
      if (error.ambiguous) open = error;
    }
  }
}

/** Whether the write was done cannot be read either. */
const unsettled = (write: ClusterError, read: ClusterError): ClusterError =>
  new ClusterError(`${write.message}; whether it was done cannot be told: ${read.message}`, {
    reason: read.reason,
    hint: read.hint,
    ambiguous: true,
    cause: read,
  });

function recordStands(object: NamespaceObject, record: UndoRecord | null | undefined): boolean {
  if (record === undefined) return true;
  const text = labelOf(object.metadata.annotations ?? {}, undoAnnotation);
  return record === null ? text === undefined : text === JSON.stringify(record);
}

function patchBody(now: NamespaceObject, found: RevisionLabels, change: Relabel): object {
  const labels = Object.fromEntries(
    (["istio-injection", "istio.io/rev"] as const)
      .filter((key) => found[key] !== change.labels[key])
      .map((key) => [key, change.labels[key]]),
  );
  const annotations =
    change.record === undefined
      ? undefined
      : { [undoAnnotation]: change.record === null ? null : JSON.stringify(change.record) };
  return {
    metadata: {
      uid: change.uid,
      resourceVersion: now.metadata.resourceVersion,
      ...(Object.keys(labels).length > 0 ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
    },
  };
}
