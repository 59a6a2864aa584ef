/** The two labels of a namespace that decide its injection: read, compared and shown. */
import type { Labels } from "./kubernetes.ts";
import { labelOf } from "./labels.ts";

/** `istio-injection` wins over `istio.io/rev` in Istio's own selectors. `null` is absent, which is not empty. */
export interface RevisionLabels {
  readonly "istio-injection": string | null;
  readonly "istio.io/rev": string | null;
}

/** The names of the two labels. */
export const revisionLabelKeys = ["istio-injection", "istio.io/rev"] as const;

/** The two labels out of all labels of a namespace. */
export const revisionLabelsOf = (labels: Labels | undefined): RevisionLabels => ({
  "istio-injection": labelOf(labels, "istio-injection") ?? null,
  "istio.io/rev": labelOf(labels, "istio.io/rev") ?? null,
});

/** Whether both labels are equal; an absent label and an empty one differ. */
export const sameRevisionLabels = (a: RevisionLabels, b: RevisionLabels): boolean =>
  revisionLabelKeys.every((key) => a[key] === b[key]);

/** `istio-injection=enabled`, `istio-injection=disabled,istio.io/rev=1-20`, or `<none>` without either label. */
export const revisionLabelsText = (labels: RevisionLabels): string =>
  revisionLabelKeys
    .filter((key) => labels[key] !== null)
    .map((key) => `${key}=${labels[key]}`)
    .join(",") || "<none>";
