/** The two labels of a namespace that decide its injection: read, compared and shown. */
import type { Labels } from "./kubernetes.ts";
import { labelOf } from "./labels.ts";

/** `istio-injection` wins over `istio.io/rev` in Istio's own selectors. `null` is absent, which is not empty. */
export interface RevisionLabels {
  readonly "istio-injection": string | null;
  readonly "istio.io/rev": string | null;
  /** Other labels that a run was told to write beside them (`--set-label`); absent: none was looked at. */
  readonly also?: OtherLabels;
}

/** Labels by their keys; `null` is absent. */
export type OtherLabels = Readonly<Record<string, string | null>>;

/** The names of the two labels. */
export const revisionLabelKeys = ["istio-injection", "istio.io/rev"] as const;

/** The two labels out of all labels of a namespace, and the other ones that are in `like`. */
export const revisionLabelsOf = (
  labels: Labels | undefined,
  like: Pick<RevisionLabels, "also"> = {},
): RevisionLabels => ({
  "istio-injection": labelOf(labels, "istio-injection") ?? null,
  "istio.io/rev": labelOf(labels, "istio.io/rev") ?? null,
  ...(like.also && {
    also: Object.fromEntries(Object.keys(like.also).map((key) => [key, labelOf(labels, key) ?? null])),
  }),
});

/** Whether both labels are equal, and all others that both know; an absent label and an empty one differ. */
export const sameRevisionLabels = (a: RevisionLabels, b: RevisionLabels): boolean =>
  sameTwoLabels(a, b) &&
  Object.entries(a.also ?? {}).every(([key, value]) => !hasOther(b, key) || b.also?.[key] === value);

/** Whether the two labels of Istio's own are equal. */
export const sameTwoLabels = (a: RevisionLabels, b: RevisionLabels): boolean =>
  revisionLabelKeys.every((key) => a[key] === b[key]);

const hasOther = ({ also = {} }: RevisionLabels, key: string): boolean => Object.hasOwn(also, key);

/** Every label with its key, the absent ones as `null`. */
export const labelEntries = (labels: RevisionLabels): readonly (readonly [string, string | null])[] => [
  ...revisionLabelKeys.map((key) => [key, labels[key]] as const),
  ...Object.entries(labels.also ?? {}),
];

/** `istio-injection=enabled`, `istio-injection=disabled,istio.io/rev=1-20`, or `<none>` without any label. */
export const revisionLabelsText = (labels: RevisionLabels): string =>
  labelEntries(labels)
    .flatMap(([key, value]) => (value === null ? [] : [`${key}=${value}`]))
    .join(",") || "<none>";
