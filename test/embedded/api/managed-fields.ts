/**
 * Who owns which field: `metadata.managedFields`, and server-side apply by them. Maps are owned key by key, lists that
 * have a key item by item, any other as a whole. Kept for what clients write, not for what controllers do.
 * https://kubernetes.io/docs/reference/using-api/server-side-apply/
 */
import { isDeepStrictEqual } from "node:util";
import type { Json, KubeJson } from "../object.ts";
import { mergeKeys } from "./patch.ts";
import { Refusal } from "./status.ts";

type Path = readonly string[];

const isMap = (value: Json): boolean => typeof value === "object" && value !== null && !Array.isArray(value);
const unowned = new Set([
  ...["name", "namespace", "generateName", "uid", "resourceVersion", "generation", "creationTimestamp"],
  ...["deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink"],
]);

/** Items of a list that has a key, by it; `undefined` for any other value. */
function keyed(value: Json, path: Path): readonly (readonly [part: string, item: Json])[] | undefined {
  const key = mergeKeys.get(path.at(-1) ?? "");
  if (key === undefined || !Array.isArray(value) || value.length === 0) return undefined;
  return value.every((item) => isMap(item) && item[key] !== undefined)
    ? value.map((item) => [`k:${JSON.stringify({ [key]: item[key] })}`, item])
    : undefined;
}

/** A map that is somebody's beside what is in it: who made it. Of all those there are, the ones that anybody reads. */
const mapsOfOwn = new Set(["metadata.labels", "metadata.annotations", "data"]);
const itself = ".";

/** The leaves of an object that somebody can own. */
function leavesOf(value: Json, path: Path = []): Path[] {
  const items = keyed(value, path);
  if (items) return items.flatMap(([part, item]) => leavesOf(item, [...path, part]));
  if (!isMap(value) || Object.keys(value).length === 0) return path.length === 0 ? [] : [path];
  const whole = mapsOfOwn.has(path.join(".")) ? [[...path, itself]] : [];
  const inside = Object.entries(value).flatMap(([key, inner]) => {
    if (path.length === 0 && (key === "apiVersion" || key === "kind")) return [];
    if (path.length === 1 && path[0] === "metadata" && unowned.has(key)) return [];
    return inner === undefined ? [] : leavesOf(inner, [...path, key]);
  });
  return [...whole, ...inside];
}

function at(value: Json, path: Path): Json {
  let inner = value;
  for (const [index, part] of path.entries()) {
    const items = keyed(inner, path.slice(0, index));
    if (part === itself) inner = isMap(inner) || undefined;
    else if (items) inner = items.find(([key]) => key === part)?.[1];
    else inner = isMap(inner) && Object.hasOwn(inner, part) ? inner[part] : undefined;
  }
  return inner;
}
const keyOf = (path: Path): string => JSON.stringify(path);
const pathOf = (key: string): Path => JSON.parse(key);

function fieldsOf(keys: ReadonlySet<string>): Json {
  const fields: Json = {};
  for (const key of keys) {
    let inner = fields;
    for (const part of pathOf(key)) {
      const field = part.startsWith("k:") || part === itself ? part : `f:${part}`;
      inner[field] ??= {};
      inner = inner[field];
    }
  }
  return fields;
}

function keysOf(fields: Json, path: Path = []): string[] {
  const parts = Object.keys(fields);
  return parts.length === 0
    ? [keyOf(path)]
    : parts.flatMap((part) =>
        keysOf(fields[part], [...path, part.startsWith("k:") || part === itself ? part : part.slice(2)]),
      );
}

export interface Manager {
  readonly name: string;
  readonly operation: "Update" | "Apply";
  readonly time: string;
  readonly subresource?: string;
}

const isOf = (entry: Json, { name, operation, subresource }: Manager): boolean =>
  entry.manager === name && entry.operation === operation && (entry.subresource ?? "") === (subresource ?? "");

/** `after`, with the fields that differ from `before` owned by who wrote them. */
export function owned(before: KubeJson | undefined, after: KubeJson, manager: Manager, applied?: Json): KubeJson {
  const leaves = leavesOf(after);
  const changed = new Set(leaves.filter((path) => !isDeepStrictEqual(at(before, path), at(after, path))).map(keyOf));
  const present = new Set(leaves.map(keyOf));
  const entries: readonly Json[] = before?.metadata.managedFields ?? after.metadata.managedFields ?? [];
  const kept = entries.flatMap((entry) => {
    if (isOf(entry, manager)) return [];
    const keys = new Set(keysOf(entry.fieldsV1).filter((key) => !changed.has(key) && present.has(key)));
    return keys.size === 0 ? [] : [{ ...entry, fieldsV1: fieldsOf(keys) }];
  });
  const mine = entries.find((entry) => isOf(entry, manager));
  const own = applied
    ? new Set(
        leavesOf(applied)
          .filter((path) => path.at(-1) !== itself)
          .map(keyOf),
      )
    : new Set([...(mine ? keysOf(mine.fieldsV1) : []), ...changed].filter((key) => present.has(key)));
  // A manager that only removed fields took none: the server keeps its time (managedfieldsupdater.go).
  const took = applied !== undefined || [...changed].some((key) => present.has(key));
  const time = took || !mine ? manager.time : mine.time;
  const entry = {
    ...{ manager: manager.name, operation: manager.operation, apiVersion: after.apiVersion, time },
    ...{
      fieldsType: "FieldsV1",
      fieldsV1: fieldsOf(own),
      ...(manager.subresource && { subresource: manager.subresource }),
    },
  };
  const { managedFields: _, ...metadata } = after.metadata;
  const all = own.size === 0 ? kept : [...kept, entry];
  return { ...after, metadata: { ...metadata, ...(all.length > 0 && { managedFields: all }) } };
}

/** Throws `Refusal` (409) when the configuration sets fields of others to other values. */
export function assertNoConflict(current: KubeJson, applied: Json, manager: Manager): void {
  const wanted = leavesOf(applied).filter((path) => !isDeepStrictEqual(at(current, path), at(applied, path)));
  const conflicts = (current.metadata.managedFields ?? []).flatMap((entry) => {
    if (isOf(entry, manager)) return [];
    const keys = new Set(keysOf(entry.fieldsV1));
    return wanted.filter((path) => keys.has(keyOf(path))).map((path) => ({ who: entry, field: `.${path.join(".")}` }));
  });
  if (conflicts.length === 0) return;
  const causes = conflicts.map(({ who, field }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with "${who.manager}"${who.operation === "Update" ? ` using ${who.apiVersion}` : ""}`,
    field,
  }));
  const byManager = [
    ...Map.groupBy(causes, ({ message }) => message.replace(/^conflict/, causes.length > 1 ? "conflicts" : "conflict")),
  ];
  const texts = byManager.map(([who, each]) =>
    causes.length === 1 ? `${who}: ${each[0]?.field}` : `${who}:${each.map(({ field }) => `\n- ${field}`).join("")}`,
  );
  throw new Refusal(
    409,
    "Conflict",
    `Apply failed with ${causes.length} conflict${causes.length > 1 ? "s" : ""}: ${texts.join("\n")}`,
    {
      causes,
    },
  );
}

/** `object` without what the manager applied before and applies no more, where nobody else owns it too. */
export function withoutAbandoned(object: KubeJson, applied: Json, manager: Manager): KubeJson {
  const entries = object.metadata.managedFields ?? [];
  const mine = entries.find((entry) => isOf(entry, manager));
  if (!mine) return object;
  const others = new Set(entries.filter((entry) => entry !== mine).flatMap((entry) => keysOf(entry.fieldsV1)));
  const wanted = new Set(leavesOf(applied).map(keyOf));
  const gone = keysOf(mine.fieldsV1).filter((key) => !wanted.has(key) && !others.has(key));
  const copy = structuredClone(object);
  for (const key of gone) {
    const path = pathOf(key);
    const parent = at(copy, path.slice(0, -1));
    if (isMap(parent)) delete parent[path.at(-1) ?? ""];
  }
  return copy;
}
