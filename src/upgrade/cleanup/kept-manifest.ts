/** An object as it is kept before it is deleted, and created again: without what the API server sets itself. */
import { fields, type RecordFields } from "../record/record-fields.ts";
import type { OwnedObject } from "./revision-inventory.ts";

/** Fields of metadata that the server sets, or that only mean something for the object that was. */
const serverFields = new Set([
  ...["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink"],
  ...["deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences"],
]);

/** `kubectl apply` takes it. The annotation with a Deployment's revision is its controller's. */
export function keptManifest({ ref, manifest }: Pick<OwnedObject, "ref" | "manifest">): RecordFields {
  const { status: _, apiVersion: __, kind: ___, metadata, ...rest } = manifest;
  const { annotations, ...meta } = Object.fromEntries(
    Object.entries(fields(metadata)).filter(([key]) => !serverFields.has(key)),
  );
  const { "deployment.kubernetes.io/revision": ____, ...kept } = fields(annotations);
  return {
    apiVersion: ref.group === "" ? ref.version : `${ref.group}/${ref.version}`,
    kind: ref.kind,
    metadata: { ...meta, ...(Object.keys(kept).length > 0 && { annotations: kept }) },
    ...rest,
  };
}

/** Whether everything that was kept of an object is in the live one, so that it is that object again. */
export const isKept = (kept: unknown, live: unknown): boolean => {
  if (Array.isArray(kept))
    return Array.isArray(live) && live.length === kept.length && kept.every((each, index) => isKept(each, live[index]));
  if (typeof kept !== "object" || kept === null) return kept === live;
  const there = fields(live);
  return Object.entries(kept).every(([key, value]) => Object.hasOwn(there, key) && isKept(value, there[key]));
};
