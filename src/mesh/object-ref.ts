/** References to objects, and their texts. */
import type { ObjectOwner, ObjectRef } from "./model.ts";

/** `production/Deployment/web`: for findings, and as a key in maps (no part contains a slash). */
export const refText = ({ namespace, kind, name }: ObjectRef): string => `${namespace}/${kind}/${name}`;

/** `production/deployment/web`: the form of `--leave`, `--allow-downtime` and `--restart-owned`. */
export const refArgument = ({ namespace, kind, name }: ObjectRef): string =>
  `${namespace}/${kind.toLowerCase()}/${name}`;

/** `ZookeeperCluster/zk of zookeeper.pravega.io`: an owner in words for a person. */
export const ownerText = ({ group, kind, name }: Pick<ObjectOwner, "group" | "kind" | "name">): string =>
  `${kind}/${name}${group === "" ? "" : ` of ${group}`}`;

/** Only the reference, of an object that has more fields. */
export const refOf = ({ kind, namespace, name }: ObjectRef): ObjectRef => ({ kind, namespace, name });

/** The reference to a namespace; its `namespace` is its own name. */
export const namespaceRef = (name: string): ObjectRef => ({ kind: "Namespace", namespace: name, name });
