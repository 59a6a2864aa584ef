/** What an object belongs to, from its `metadata.ownerReferences`. */
import type { ObjectMeta, OwnerReference } from "../kubernetes.ts";
import type { ObjectOwner } from "../model.ts";

/** An owner as a pod has it: with its UID, by which the workload is found. */
type OwnerWithUid = ObjectOwner & { readonly uid: string };

/** The group of an `apiVersion`, `""` of the core group: `apps/v1` is `apps`, `v1` is the core group. */
const groupOf = (apiVersion: string): string => (apiVersion.includes("/") ? (apiVersion.split("/", 1)[0] ?? "") : "");

/**
 * An owner by its group, kind and name. The version is left out, because it may change while the owner stays the same:
 * https://kubernetes.io/docs/reference/using-api/#api-groups.
 */
export const ownerFrom = ({ apiVersion, kind, name, uid, controller = false }: OwnerReference): OwnerWithUid => ({
  group: groupOf(apiVersion),
  kind,
  name,
  controller,
  uid,
});

/**
 * The controller of an object: the one owner that manages it.
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/ (at most one has `controller`).
 */
export const controllerOf = ({
  ownerReferences = [],
}: Pick<ObjectMeta, "ownerReferences">): OwnerWithUid | undefined => {
  const reference = ownerReferences.find(({ controller }) => controller);
  return reference && ownerFrom(reference);
};

/** Its controller, else its first owner, without the UID. */
export const firstOwnerOf = (metadata: Pick<ObjectMeta, "ownerReferences">): ObjectOwner | undefined => {
  const [first] = metadata.ownerReferences ?? [];
  const owner = controllerOf(metadata) ?? (first && ownerFrom(first));
  if (owner === undefined) return undefined;
  const { uid: _, ...rest } = owner;
  return rest;
};
