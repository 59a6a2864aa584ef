/**
 * etcd and the watch cache: objects by resource, namespace and name, one counter of versions, and what happened lately.
 */
import { controllerOf, type KubeJson } from "../object.ts";
import type { Resource } from "./resources.ts";

export interface Change {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly resource: Resource;
  readonly object: KubeJson;
  /** As it was before; absent for what is new. */
  readonly before: KubeJson | undefined;
  readonly version: number;
}

export interface Store {
  /** The version of the latest change. */
  version(): number;
  get(resource: Resource, namespace: string | undefined, name: string): KubeJson | undefined;
  /** By namespace and name, as etcd has its keys. */
  list(resource: Resource, namespace?: string): readonly KubeJson[];
  /** As it was at a version; `undefined` when that is not remembered. */
  listAt(version: number, resource: Resource, namespace?: string): readonly KubeJson[] | undefined;
  /** What the object with this UID owns. */
  dependents(uid: string): readonly KubeJson[];
  /** What of it the object controls. */
  controlled(uid: string): readonly KubeJson[];
  /** Puts it in the place of what was there, with a version of its own. */
  put(resource: Resource, object: KubeJson): KubeJson;
  /** Takes it away; gives it back as watchers see it last. */
  remove(resource: Resource, object: KubeJson): KubeJson;
  /** Told of each change as it happens. */
  onChange(listener: (change: Change) => void): () => void;
  /** The changes after a version; `undefined` when not all of them are remembered. */
  since(version: number): readonly Change[] | undefined;
  /** Forgets what happened: places in watches and lists are then too old. */
  compact(): void;
  /** The oldest version from which changes are remembered. */
  oldest(): number;
}

const remembered = 10_000;

export function createStore(): Store {
  const tables = new Map<string, Map<string, KubeJson>>();
  const byNamespace = new Map<string, Map<string, KubeJson>>();
  const sorted = new Map<string, readonly KubeJson[]>();
  const owned = new Map<string, Map<string, KubeJson>>();
  const listeners = new Set<(change: Change) => void>();
  let version = 1_000;
  let history: Change[] = [];
  let oldest = version;

  const tableOf = ({ group, plural }: Resource): string => `${plural}.${group}`;
  const keyOf = (namespace: string | undefined, name: string): string => `${namespace ?? ""}/${name}`;
  const mapIn = <V>(maps: Map<string, Map<string, V>>, key: string): Map<string, V> => {
    const found = maps.get(key) ?? new Map<string, V>();
    maps.set(key, found);
    return found;
  };
  const places = (resource: Resource, { metadata }: KubeJson): Map<string, KubeJson>[] => [
    mapIn(tables, tableOf(resource)),
    mapIn(byNamespace, `${tableOf(resource)}/${metadata.namespace ?? ""}`),
  ];
  const unsort = (resource: Resource, { metadata }: KubeJson): void => {
    sorted.delete(tableOf(resource));
    sorted.delete(`${tableOf(resource)}/${metadata.namespace ?? ""}`);
  };
  const record = (change: Change): void => {
    history.push(change);
    if (history.length > 2 * remembered) {
      history = history.slice(-remembered);
      oldest = (history[0]?.version ?? version) - 1;
    }
    for (const listener of [...listeners]) listener(change);
  };
  const ownersOf = ({ metadata }: KubeJson): readonly string[] =>
    (metadata.ownerReferences ?? []).map(({ uid }) => uid);
  const disown = (object: KubeJson): void => {
    for (const owner of ownersOf(object)) owned.get(owner)?.delete(object.metadata.uid);
  };
  const dependents = (uid: string): readonly KubeJson[] => [...(owned.get(uid)?.values() ?? [])];

  const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);
  const since = (asked: number): readonly Change[] | undefined => {
    if (asked < oldest) return undefined;
    let [first, end] = [0, history.length]; // versions rise: halved until what lies before `first` is known
    while (first < end) {
      const middle = (first + end) >> 1;
      if ((history[middle]?.version ?? 0) > asked) end = middle;
      else first = middle + 1;
    }
    return history.slice(first);
  };
  const list: Store["list"] = (resource, namespace) => {
    const key = namespace === undefined ? tableOf(resource) : `${tableOf(resource)}/${namespace}`;
    const map = namespace === undefined ? tables.get(key) : byNamespace.get(key);
    const found = sorted.get(key) ?? [...(map ?? [])].toSorted(byKey).map(([, object]) => object);
    sorted.set(key, found);
    return found;
  };

  return {
    version: () => version,
    oldest: () => oldest,
    get: (resource, namespace, name) => tables.get(tableOf(resource))?.get(keyOf(namespace, name)),
    list,
    listAt: (asked, resource, namespace) => {
      const undone = since(asked)?.filter(
        ({ resource: of, object }) =>
          of === resource && (namespace === undefined || object.metadata.namespace === namespace),
      );
      if (undone === undefined || undone.length === 0) return undone && list(resource, namespace);
      const objects = new Map(
        list(resource, namespace).map((object) => [keyOf(object.metadata.namespace, object.metadata.name), object]),
      );
      for (const { object, before } of undone.toReversed()) {
        const key = keyOf(object.metadata.namespace, object.metadata.name);
        if (before) objects.set(key, before);
        else objects.delete(key);
      }
      return [...objects].toSorted(byKey).map(([, object]) => object);
    },
    dependents,
    controlled: (uid) => dependents(uid).filter((each) => controllerOf(each)?.uid === uid),
    put: (resource, object) => {
      const { namespace, name, uid } = object.metadata;
      const before = tables.get(tableOf(resource))?.get(keyOf(namespace, name));
      version++;
      const stored: KubeJson = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
      for (const map of places(resource, stored)) map.set(keyOf(namespace, name), stored);
      unsort(resource, stored);
      if (before) disown(before);
      for (const owner of ownersOf(stored)) mapIn(owned, owner).set(uid, stored);
      record({ type: before ? "MODIFIED" : "ADDED", resource, object: stored, before, version });
      return stored;
    },
    remove: (resource, object) => {
      const { namespace, name } = object.metadata;
      version++;
      for (const map of places(resource, object)) map.delete(keyOf(namespace, name));
      unsort(resource, object);
      disown(object);
      const last: KubeJson = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
      record({ type: "DELETED", resource, object: last, before: object, version });
      return last;
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    since,
    compact: () => {
      history = [];
      oldest = version;
    },
  };
}
