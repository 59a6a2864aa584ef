/** What the texts of undo records and journals are read with: unknown values in, typed fields out. Nothing throws. */
import { instantOf } from "../../mesh/instant.ts";
import { isLabelKey } from "../../mesh/labels.ts";
import { type OtherLabels, type RevisionLabels, revisionLabelKeys } from "../../mesh/revision-labels.ts";

/** What is wrong with a text that is not what it should be. */
export interface Malformed {
  readonly malformed: string;
}

export const isMalformed = (record: object): record is Malformed => "malformed" in record;

export type RecordFields = Readonly<Record<string, unknown>>;

/** The fields of an object; none of any other value. */
export const fields = (value: unknown): RecordFields =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as RecordFields) : {};

/** The fields of a text that is JSON and of version 1. What a later release wrote is not guessed at. */
export const versionedFields = (text: string): { readonly record: RecordFields } | Malformed => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { malformed: "it is not JSON" };
  }
  const record = fields(value);
  if (record.version === 1) return { record };
  return {
    malformed:
      typeof record.version === "number"
        ? `its version is ${record.version}, and this release supports version 1`
        : "it has no version",
  };
};

/** Not empty, and no longer than any name, UID or address in a record is: what is longer was not written by a run. */
export const isText = (value: unknown): value is string =>
  typeof value === "string" && value !== "" && value.length <= 1_000;

/**
 * A value of a label that is not empty, as a revision, a tag and a run id are. So no text of a record is more than a
 * word where it is printed in a command:
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
 */
export const isLabelValue = (value: unknown): value is string =>
  isText(value) && value.length <= 63 && /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(value);

/** A time in RFC 3339. */
export const isInstant = (value: unknown): value is string => isText(value) && instantOf(value) !== undefined;

/** Both fields must be there: an absent label is `null`, and a record without one of the fields is damaged. */
export const labelsOf = (value: RecordFields): RevisionLabels | undefined => {
  const { "istio-injection": injection, "istio.io/rev": revision } = value;
  const isLabel = (label: unknown): label is string | null => label === null || label === "" || isLabelValue(label);
  if (!isLabel(injection) || !isLabel(revision)) return undefined;
  const also = value.also === undefined ? undefined : otherLabelsOf(value.also);
  if (value.also !== undefined && also === undefined) return undefined;
  return { "istio-injection": injection, "istio.io/rev": revision, ...(also && { also }) };
};

/** Other labels of a record; undefined where they have another form. Istio's own two are never among them. */
export const otherLabelsOf = (value: unknown): OtherLabels | undefined => {
  const entries = Object.entries(fields(value));
  const isOther = ([key, label]: readonly [string, unknown]): boolean =>
    isLabelKey(key) &&
    !revisionLabelKeys.some((own) => own === key) &&
    (label === null || label === "" || isLabelValue(label));
  return entries.length > 0 && entries.every(isOther) ? (Object.fromEntries(entries) as OtherLabels) : undefined;
};
