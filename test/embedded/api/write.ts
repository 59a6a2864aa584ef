/**
 * How anything is written: by a client's request and by controllers alike. Admission first, then the checks of the
 * object, then the store.
 */
import type { MeshClock } from "../clock.ts";
import { timestamp } from "../clock.ts";
import { isGoing, type Json, type KubeJson, type Meta } from "../object.ts";
import type { Admission } from "./admission.ts";
import { assertMeant, isConditional, isOfSpec, isUnchanged, settled } from "./change.ts";
import { withDefaults } from "./defaults.ts";
import { type DeleteOptions, doomed } from "./deletion.ts";
import { assertNoConflict, owned, withoutAbandoned } from "./managed-fields.ts";
import { patched } from "./patch.ts";
import type { By, Place } from "./place.ts";
import {
  alreadyExists,
  badRequest,
  conflict,
  invalid,
  invalidValue,
  notFound,
  preconditionFailed,
  Refusal,
  requiredValue,
  unsupportedPatchType,
} from "./status.ts";
import type { Store } from "./store.ts";
import { readAs } from "./typed.ts";
import { assertValid } from "./validation.ts";

export interface Writer {
  create(place: Place, body: Json, by: By): Promise<KubeJson>;
  /**
   * `change` makes the new object from the current one, and is asked again when somebody else was faster, unless
   * `optimistic`.
   */
  update(
    place: Place,
    name: string,
    change: (current: KubeJson) => Json,
    by: By,
    optimistic?: boolean,
  ): Promise<KubeJson>;
  /** A whole object in the place of what is there. */
  replace(place: Place, name: string, body: Json, by: By): Promise<KubeJson>;
  patch(place: Place, name: string, type: string, patch: Json, by: By): Promise<KubeJson>;
  apply(
    place: Place,
    name: string,
    config: Json,
    by: By,
    force: boolean,
  ): Promise<{ object: KubeJson; created: boolean }>;
  /** Gives back the object while it is still there, `undefined` once it is gone. */
  delete(place: Place, name: string, options: DeleteOptions, by: By): Promise<{ object: KubeJson; gone: boolean }>;
  /** Takes a finalizer off; the object goes when it was the last. */
  release(place: Place, name: string, finalizer: string): Promise<void>;
}

export interface WriterParts {
  readonly store: Store;
  readonly clock: MeshClock;
  readonly admission: Admission;
  /** 0 to 1. */
  readonly random: () => number;
}

const letters = "bcdfghjklmnpqrstvwxz2456789";

export function createWriter({ store, clock, admission, random }: WriterParts): Writer {
  const suffix = (): string => Array.from({ length: 5 }, () => letters[Math.floor(random() * letters.length)]).join("");
  const uid = (): string => {
    const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join("");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
  };
  const managerOf = ({ manager = "unknown", subresource }: By, operation: "Update" | "Apply") => ({
    ...{ name: manager, operation, time: timestamp(clock), ...(subresource && { subresource }) },
  });
  const claimed = (before: KubeJson | undefined, after: KubeJson, by: By): KubeJson =>
    by.manager === undefined ? after : owned(before, after, managerOf(by, "Update"));

  /** It gets a version when it is stored. */
  const newMeta = ({ resource, namespace }: Place, given: Json): Omit<Meta, "resourceVersion"> => ({
    ...given,
    name: given.name || `${given.generateName.slice(0, 58)}${suffix()}`,
    ...(resource.namespaced && { namespace }),
    uid: uid(),
    creationTimestamp: timestamp(clock),
    ...(resource.generation && { generation: 1 }),
  });

  const create = async (place: Place, body: Json, by: By, applied = false): Promise<KubeJson> => {
    const { resource, namespace } = place;
    const given = body?.metadata ?? {};
    if (given.resourceVersion) throw new Refusal(500, "", "resourceVersion should not be set on objects to be created");
    if (resource.namespaced && given.namespace !== undefined && given.namespace !== namespace)
      throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
    if (!given.name && !given.generateName)
      throw invalid(resource, "", [requiredValue("metadata.name", "name or generateName is required")]);
    const { status, ...rest } = body;
    const { deletionTimestamp, deletionGracePeriodSeconds, uid: _, generation, resourceVersion, ...metadata } = given;
    const made = withDefaults(resource, {
      ...structuredClone(resource.status ? rest : body),
      metadata: newMeta(place, structuredClone(metadata)),
    });
    const admitted = await admission.create(place, made, by);
    const object = withDefaults(resource, admitted);
    assertValid(resource, undefined, object);
    const there = store.get(resource, namespace, object.metadata.name);
    if (there) throw alreadyExists(resource, object.metadata.name, isGoing(there));
    admission.count(place, object);
    const whole = applied ? object : claimed(undefined, object, by);
    return by.dryRun ? whole : store.put(resource, whole);
  };

  const commit = async (place: Place, current: KubeJson, next: Json, by: By): Promise<KubeJson | "raced"> => {
    const { resource, namespace } = place;
    const { name } = current.metadata;
    const merged = settled(resource, current, next, by);
    const admitted = by.subresource === "status" ? merged : await admission.update(place, current, merged, by);
    const complete = withDefaults(resource, admitted);
    if (isUnchanged(current, complete)) return current;
    const object = claimed(
      current,
      {
        ...complete,
        metadata: {
          ...complete.metadata,
          ...(isOfSpec(resource, current, complete) && { generation: (current.metadata.generation ?? 0) + 1 }),
        },
      },
      by,
    );
    assertValid(resource, current, object);
    const now = store.get(resource, namespace, name);
    if (now !== current) return "raced";
    return by.dryRun ? object : (leave(place, object) ?? store.put(resource, object));
  };

  /** An object that is going and has lost its last finalizer is gone. */
  const leave = ({ resource }: Place, object: KubeJson): KubeJson | undefined => {
    const waits =
      (object.metadata.finalizers ?? []).length > 0 ||
      (resource.plural === "namespaces" && object.spec.finalizers?.length > 0);
    const graceful = resource.plural === "pods" && (object.metadata.deletionGracePeriodSeconds ?? 0) > 0;
    return isGoing(object) && !waits && !graceful ? store.remove(resource, object) : undefined;
  };

  const mustGet = ({ resource, namespace }: Place, name: string): KubeJson => {
    const found = store.get(resource, namespace, name);
    if (!found) throw notFound(resource, name);
    return found;
  };

  const update: Writer["update"] = async (place, name, change, by, optimistic = false) => {
    for (let attempt = 1; ; attempt++) {
      const current = mustGet(place, name);
      const next = change(current);
      assertMeant(place, name, current, next);
      const done = await commit(place, current, next, by);
      if (done !== "raced") return done;
      if (optimistic || attempt === 5) throw conflict(place.resource, name);
    }
  };

  return {
    create: (place, body, by) => create(place, body, by),
    update,

    replace: (place, name, body, by) => {
      const { uid: wanted, resourceVersion } = body.metadata ?? {};
      const change = ({ metadata }: KubeJson): Json => {
        if (!resourceVersion && isConditional(place.resource))
          throw invalid(place.resource, name, [
            invalidValue("metadata.resourceVersion", 0, "must be specified for an update"),
          ]);
        if (wanted && wanted !== metadata.uid)
          throw conflict(
            place.resource,
            name,
            `Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${metadata.uid}`,
          );
        return body;
      };
      return update(place, name, change, by, resourceVersion !== undefined);
    },

    patch: (place, name, type, patch, by) => {
      const pinned = typeof patch?.metadata?.resourceVersion === "string";
      if (place.resource.custom && type === "application/strategic-merge-patch+json") throw unsupportedPatchType();
      const refuse = (why: string): Refusal =>
        new Refusal(422, "Invalid", ` "" is invalid: patch: Invalid value: ${why}`);
      return update(
        place,
        name,
        (current) => readAs(place.resource, patched(current, type, patch), refuse),
        by,
        pinned,
      );
    },

    async apply(place, name, config, by, force) {
      const manager = managerOf(by, "Apply");
      const named = config.metadata?.name ?? name;
      if (named !== name)
        throw badRequest(`the name of the object (${named}) does not match the name on the URL (${name})`);
      if (!store.get(place.resource, place.namespace, name)) {
        const body = { ...config, metadata: { ...config.metadata, name } };
        const object = owned(undefined, await create(place, body, { ...by, dryRun: true }, true), manager, config);
        return { object: by.dryRun ? object : store.put(place.resource, object), created: true };
      }
      const { manager: _, ...unclaimed } = by;
      const change = (current: KubeJson): Json => {
        if (!force) assertNoConflict(current, config, manager);
        const merged = patched(
          withoutAbandoned(current, config, manager),
          "application/strategic-merge-patch+json",
          config,
        );
        return owned(current, merged, manager, config);
      };
      return { object: await update(place, name, change, unclaimed), created: false };
    },

    async delete(place, name, options, by) {
      const { resource } = place;
      const current = mustGet(place, name);
      const { uid: now, resourceVersion } = current.metadata;
      if (options.uid !== undefined && options.uid !== now)
        throw preconditionFailed(resource, name, "UID", options.uid, now);
      if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion)
        throw preconditionFailed(resource, name, "ResourceVersion", options.resourceVersion, resourceVersion);
      await admission.remove(place, current, by);
      if (store.get(resource, place.namespace, name) !== current) return this.delete(place, name, options, by);
      const { object, gone } = doomed(resource, current, options, clock);
      if (by.dryRun) return { object, gone };
      return gone
        ? { object: store.remove(resource, object), gone }
        : { object: object === current ? current : store.put(resource, object), gone };
    },

    async release(place, name, finalizer) {
      const without = (list: readonly string[] | undefined) => list?.filter((each) => each !== finalizer);
      const release = (current: KubeJson): Json => ({
        ...current,
        metadata: { ...current.metadata, finalizers: without(current.metadata.finalizers) },
        ...(place.resource.plural === "namespaces" && {
          spec: { ...current.spec, finalizers: without(current.spec.finalizers) },
        }),
      });
      const current = store.get(place.resource, place.namespace, name);
      if (!current) return;
      const next = release(current);
      if (!leave(place, next)) store.put(place.resource, next);
    },
  };
}
