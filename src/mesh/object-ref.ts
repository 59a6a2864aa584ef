/** References to objects, and their texts. */
import type { ObjectRef } from "./model.ts";

/** `production/Deployment/web`: for findings, and as a key in maps (no part contains a slash). */
export const refText = ({ namespace, kind, name }: ObjectRef): string => `${namespace}/${kind}/${name}`;

/** `production/deployment/web`: the form of `--leave` and `--allow-downtime`. */
export const refArgument = ({ namespace, kind, name }: ObjectRef): string =>
  `${namespace}/${kind.toLowerCase()}/${name}`;

/** Only the reference, of an object that has more fields. */
export const refOf = ({ kind, namespace, name }: ObjectRef): ObjectRef => ({ kind, namespace, name });

/** The reference to a namespace; its `namespace` is its own name. */
export const namespaceRef = (name: string): ObjectRef => ({ kind: "Namespace", namespace: name, name });
