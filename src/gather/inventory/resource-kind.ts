/** The API resource of an object of an inventory. */
import { type Kind, kinds } from "../../cluster/kinds.ts";
import type { KubeObject } from "../../mesh/kubernetes.ts";
import type { InstalledObject } from "../../upgrade/cleanup/inventory-of.ts";
import type { ResourceRef } from "../../upgrade/cleanup/revision-inventory.ts";

const optional = new Set<string>(
  Object.values(kinds)
    .filter((kind) => kind.optional)
    .map(({ group, plural }) => `${plural}.${group}`),
);

/** As the port needs it: an object without a namespace is cluster-scoped. */
export const kindOfResource = ({ group, version, plural, kind, namespace }: ResourceRef): Kind<InstalledObject> => ({
  ...{ group, version, plural, kind, namespaced: namespace !== undefined },
  optional: optional.has(`${plural}.${group}`),
});

/** The reference to an object that was read as one of this kind. */
export const resourceRefOf = (
  { group, version, plural, kind, namespaced }: Kind,
  { metadata }: KubeObject,
): ResourceRef => ({
  ...{ group, version, plural, kind, name: metadata.name },
  namespace: namespaced ? metadata.namespace : undefined,
});
