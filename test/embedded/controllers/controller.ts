/**
 * What calls the controllers: whatever a change concerns is reconciled a moment later, one object at a time by each
 * controller.
 */

import type { Resource, Resources } from "../api/resources.ts";
import { Refusal } from "../api/status.ts";
import type { Change, Store } from "../api/store.ts";
import type { Writer } from "../api/write.ts";
import { type MeshClock, timestamp } from "../clock.ts";
import { controllerOf, type Json, type KubeJson } from "../object.ts";

/** What controllers have of the cluster. */
export interface Cluster {
  readonly store: Store;
  readonly resources: Resources;
  readonly writer: Writer;
  readonly clock: MeshClock;
  readonly random: () => number;
  resource(plural: string): Resource;
  /** The time, as objects carry it. */
  now(): string;
  create(plural: string, namespace: string | undefined, body: Json): Promise<KubeJson>;
  /** Changes an object, unless it is gone. */
  change(object: KubeJson, make: (current: KubeJson) => Json): Promise<KubeJson | undefined>;
  setStatus(object: KubeJson, status: Json): Promise<void>;
  /** Deletes this very object, unless it is gone. */
  remove(object: KubeJson, graceSeconds?: number): Promise<void>;
  /** Tells of an object; the same thing again is counted. */
  tell(about: KubeJson, type: "Normal" | "Warning", reason: string, message: string): Promise<void>;
}

export interface Controller {
  /** Plural of what it reconciles. */
  readonly of: string;
  /** Further objects that a change concerns, beside the object itself and whoever controls it. */
  readonly concerns?: (change: Change, cluster: Cluster) => readonly KubeJson[];
  /** Gives the milliseconds after which to look again. Throws for another try soon. */
  reconcile(object: KubeJson, cluster: Cluster): Promise<number | undefined>;
  /** Called once an object is gone. */
  gone?(object: KubeJson, cluster: Cluster): Promise<void>;
}

/** Milliseconds from a change to the controllers' seeing it. */
const lag = 5;
/** A controller's patience with failures: doubled at each (client-go workqueue's default). */
const backOff = { first: 5, most: 1_000_000 };

export function startControllers(controllers: readonly Controller[], cluster: Cluster): () => void {
  const stops = controllers.map((controller) => start(controller, cluster));
  return () => {
    for (const stop of stops) stop();
  };
}

interface Item {
  state: "idle" | "due" | "running" | "running, due again";
  failures: number;
  cancel: () => void;
}

function start(controller: Controller, cluster: Cluster): () => void {
  const { store, clock } = cluster;
  const resource = cluster.resource(controller.of);
  const items = new Map<string, Item>();
  let stopped = false;

  const itemOf = (key: string): Item => {
    const item = items.get(key) ?? { state: "idle", failures: 0, cancel: () => {} };
    items.set(key, item);
    return item;
  };
  const due = (key: string, millis: number): void => {
    const item = itemOf(key);
    if (item.state === "running" || item.state === "running, due again") {
      if (millis === lag) item.state = "running, due again";
      return;
    }
    if (item.state === "due" && millis !== lag) return;
    item.cancel();
    item.state = millis === lag ? "due" : "idle";
    item.cancel = clock.after(millis, () => void run(key));
  };
  const run = async (key: string): Promise<void> => {
    const item = itemOf(key);
    const [namespace, name = ""] = key.split("/");
    const object = store.get(resource, namespace || undefined, name);
    if (!object || stopped) return void items.delete(key);
    item.state = "running";
    let next: number | undefined;
    try {
      next = await controller.reconcile(object, cluster);
      item.failures = 0;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      next = Math.min(backOff.first * 2 ** item.failures++, backOff.most);
    }
    const again = (item.state as Item["state"]) === "running, due again";
    item.state = "idle";
    if (again) due(key, lag);
    else if (typeof next === "number") due(key, Math.max(next, lag + 1));
  };
  const keyOf = ({ metadata }: KubeJson): string => `${metadata.namespace ?? ""}/${metadata.name}`;

  const unsubscribe = store.onChange((change) => {
    const { type, object } = change;
    if (change.resource === resource) {
      if (type === "DELETED") void controller.gone?.(object, cluster);
      else due(keyOf(object), lag);
    }
    for (const each of [object, ...(change.before ? [change.before] : [])]) {
      const owner = controllerOf(each);
      if (owner?.kind === resource.kind) due(`${each.metadata.namespace ?? ""}/${owner.name}`, lag);
    }
    for (const each of controller.concerns?.(change, cluster) ?? []) due(keyOf(each), lag);
  });
  for (const object of store.list(resource)) due(keyOf(object), lag);
  return () => {
    stopped = true;
    unsubscribe();
    for (const item of items.values()) item.cancel();
  };
}

/** The view that controllers have; `user` is whom admission webhooks and quotas see. */
export function clusterFor(
  parts: Pick<Cluster, "store" | "resources" | "writer" | "clock" | "random">,
  user: string,
): Cluster {
  const { store, resources, writer, clock } = parts;
  const by = { user };
  const placeOf = (object: KubeJson) => ({
    resource: mustBe(resources.of(object), object),
    namespace: object.metadata.namespace,
  });
  const ifThere = async <T>(write: Promise<T>): Promise<T | undefined> => {
    try {
      return await write;
    } catch (error) {
      if (error instanceof Refusal && (error.code === 404 || error.code === 409)) return undefined;
      throw error;
    }
  };
  const told = new Map<string, string>();
  return {
    ...parts,
    resource: (plural) => resources.named(plural),
    now: () => timestamp(clock),
    create: (plural, namespace, body) => writer.create({ resource: resources.named(plural), namespace }, body, by),
    change: (object, make) => ifThere(writer.update(placeOf(object), object.metadata.name, make, by)),
    setStatus: async (object, status) => {
      const place = placeOf(object);
      await ifThere(
        writer.update(place, object.metadata.name, (current) => ({ ...current, status }), {
          ...by,
          subresource: "status",
        }),
      );
    },
    remove: async (object, graceSeconds) => {
      await ifThere(
        writer.delete(placeOf(object), object.metadata.name, { uid: object.metadata.uid, graceSeconds }, by),
      );
    },
    tell: async (about, type, reason, message) => {
      const namespace = about.metadata.namespace ?? "default";
      const key = JSON.stringify([about.metadata.uid, reason, message]);
      const events = resources.named("events");
      const before = store.get(events, namespace, told.get(key) ?? "");
      const now = timestamp(clock);
      if (before) {
        const count = (current: KubeJson) => ({ ...current, count: current.count + 1, lastTimestamp: now });
        await ifThere(writer.update({ resource: events, namespace }, before.metadata.name, count, by));
        return;
      }
      const { apiVersion, kind, metadata } = about;
      const component = Object.hasOwn(components, kind) ? components[kind] : user;
      const { name, uid, resourceVersion } = metadata;
      const body = {
        ...{ apiVersion: "v1", kind: "Event", metadata: { generateName: `${name.slice(0, 200)}.`, namespace } },
        involvedObject: { apiVersion, kind, name, uid, resourceVersion, ...(metadata.namespace && { namespace }) },
        ...{ type, reason, message, count: 1, firstTimestamp: now, lastTimestamp: now, eventTime: null },
        ...{ source: { component }, reportingComponent: component, reportingInstance: "" },
      };
      const made = await ifThere(writer.create({ resource: events, namespace }, body, by));
      if (made) told.set(key, made.metadata.name);
    },
  };
}

/** Who tells of what kind. */
const components: Readonly<Record<string, string>> = {
  ...{
    Deployment: "deployment-controller",
    ReplicaSet: "replicaset-controller",
    StatefulSet: "statefulset-controller",
  },
  ...{ DaemonSet: "daemonset-controller", Job: "job-controller", Pod: "default-scheduler" },
};

const mustBe = <T>(value: T | undefined, object: KubeJson): T => {
  if (value === undefined) throw new Error(`no resource for ${object.apiVersion} ${object.kind}`);
  return value;
};
