/** Which object: the texts that name it. */
import type { ObjectRef } from "./model.ts";

/** `production/Deployment/web`: as findings name it, and its key in maps (no part can hold a slash). */
export const refText = ({ namespace, kind, name }: ObjectRef): string => `${namespace}/${kind}/${name}`;

/** `production/deployment/web`: as `--leave` and `--allow-downtime` take it. */
export const refArgument = ({ namespace, kind, name }: ObjectRef): string =>
  `${namespace}/${kind.toLowerCase()}/${name}`;

/** The reference alone, of anything that has one. */
export const refOf = ({ kind, namespace, name }: ObjectRef): ObjectRef => ({ kind, namespace, name });

/** A namespace as an object: it stands in itself. */
export const namespaceRef = (name: string): ObjectRef => ({ kind: "Namespace", namespace: name, name });
