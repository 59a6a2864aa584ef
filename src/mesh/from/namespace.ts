/** Namespaces, with their injection and the owners of their injection labels. */
import { injectionOf } from "../injection.ts";
import type { ManagedFields, NamespaceObject } from "../kubernetes.ts";
import type { Injector, Namespace } from "../model.ts";
import { revisionLabelKeys } from "../revision-labels.ts";
import { ownedAt } from "./managed-fields.ts";
import { firstOwnerOf } from "./owner-references.ts";

/** A namespace, with the injection that a new pod without labels would get in it today. */
export const namespaceFrom = ({ metadata, status }: NamespaceObject, injectors: readonly Injector[]): Namespace => {
  const { name, uid, labels = {} } = metadata;
  const owner = firstOwnerOf(metadata);
  return {
    name,
    uid,
    resourceVersion: metadata.resourceVersion ?? "",
    labels,
    annotations: metadata.annotations ?? {},
    terminating: metadata.deletionTimestamp !== undefined || status?.phase === "Terminating",
    injection: injectionOf(injectors, { name, labels }, {}),
    labelManagers: labelManagersFrom(metadata.managedFields ?? []),
    ...(owner && { owner }),
  };
};

const labelManagersFrom = (entries: readonly ManagedFields[]): Namespace["labelManagers"] =>
  entries.flatMap(({ manager = "", fieldsV1 }) => {
    const owned = (label: string): unknown => ownedAt(fieldsV1, ["f:metadata", "f:labels", `f:${label}`]);
    const labels = revisionLabelKeys.filter((label) => owned(label) !== undefined);
    return labels.length === 0 ? [] : [{ manager, labels }];
  });
