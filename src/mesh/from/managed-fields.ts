/**
 * Which field manager wrote which field of an object: `metadata.managedFields`.
 * https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
import { isBefore } from "../instant.ts";
import type { ManagedFields } from "../kubernetes.ts";

/** What of the field at this path (`f:spec`, `f:template`) an entry owns; undefined: nothing. */
export const ownedAt = (fields: unknown, path: readonly string[]): unknown =>
  path.reduce(
    (value, name) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, name)
        ? (value as Record<string, unknown>)[name]
        : undefined,
    fields,
  );

/** A field manager, and whether the server says that it wrote since a time. */
export interface LastWriter {
  readonly manager: string;
  readonly since: boolean;
}

/**
 * The manager that wrote the field at this path last. Of a field that was removed the server keeps
 * no writer, and no time (k8s.io/apimachinery pkg/util/managedfields/internal/managedfieldsupdater.go): where none
 * wrote since `time`, it is only the one that wrote what is left. Undefined: the server names none.
 */
export const lastWriterOf = (
  entries: readonly ManagedFields[],
  path: readonly string[],
  time: string,
): LastWriter | undefined => {
  const writers = entries.filter(
    ({ manager = "", subresource, fieldsV1 }) =>
      manager !== "" && !subresource && ownedAt(fieldsV1, path) !== undefined,
  );
  const last = writers.reduce<ManagedFields | undefined>(
    (best, each) => (best && !isBefore(best.time, each.time) ? best : each),
    undefined,
  );
  return last?.manager === undefined
    ? undefined
    : { manager: last.manager, since: last.time !== undefined && !isBefore(last.time, time) };
};
