import { injectionOf } from "../injection.ts";
import type { ManagedFields, NamespaceObject } from "../kubernetes.ts";
import type { Injector, Namespace } from "../model.ts";

/** A namespace, with what a pod without labels of its own would get in it today. */
export const namespaceFrom = ({ metadata, status }: NamespaceObject, injectors: readonly Injector[]): Namespace => {
  const { name, uid, labels = {} } = metadata;
  return {
    name,
    uid,
    resourceVersion: metadata.resourceVersion ?? "",
    labels,
    annotations: metadata.annotations ?? {},
    terminating: metadata.deletionTimestamp !== undefined || status?.phase === "Terminating",
    injection: injectionOf(injectors, { name, labels }, {}),
    labelManagers: labelManagersFrom(metadata.managedFields ?? []),
  };
};

const injectionLabels = ["istio-injection", "istio.io/rev"];

/**
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management (`f:metadata`, `f:labels`,
 * `f:KEY`).
 */
const labelManagersFrom = (entries: readonly ManagedFields[]): Namespace["labelManagers"] =>
  entries.flatMap(({ manager = "", fieldsV1 }) => {
    const owned = fieldOf(fieldOf(fieldsV1, "f:metadata"), "f:labels");
    const labels = injectionLabels.filter((label) => fieldOf(owned, `f:${label}`) !== undefined);
    return labels.length === 0 ? [] : [{ manager, labels }];
  });

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
