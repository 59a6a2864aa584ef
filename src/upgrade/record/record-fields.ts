/** What the texts of undo records and journals are read with: unknown values in, typed fields out. Nothing throws. */
import type { RevisionLabels } from "../../mesh/revision-labels.ts";

/** What is wrong with a text that is not what it should be. */
export interface Malformed {
  readonly malformed: string;
}

export const isMalformed = (record: object): record is Malformed => "malformed" in record;

export type RecordFields = Readonly<Record<string, unknown>>;

/** The fields of an object; none of any other value. */
export const fields = (value: unknown): RecordFields =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as RecordFields) : {};

export const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

/** Both fields must be there: an absent label is `null`, and a record without one of the fields is damaged. */
export const labelsOf = (value: RecordFields): RevisionLabels | undefined => {
  const { "istio-injection": injection, "istio.io/rev": revision } = value;
  const isLabel = (label: unknown): label is string | null => label === null || typeof label === "string";
  return isLabel(injection) && isLabel(revision)
    ? { "istio-injection": injection, "istio.io/rev": revision }
    : undefined;
};
