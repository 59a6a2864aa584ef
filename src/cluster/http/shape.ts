import type { KubeObject } from "../../mesh/kubernetes.ts";
import type { Kind } from "../kinds.ts";
import { printable } from "../printable.ts";
import { type ApiRequest, malformed, type Whereabouts } from "./api-failure.ts";

/** What an answer must be before it is believed; anything else is thrown as `malformed`. */
export interface Expected {
  readonly kind: string;
  readonly apiVersion: string;
}

export function expectedOf(kind: Pick<Kind, "group" | "version" | "kind">): Expected {
  return { kind: kind.kind, apiVersion: kind.group === "" ? kind.version : `${kind.group}/${kind.version}` };
}

/** An object of the kind asked for, with a name (the one asked for, if any) and a UID. */
export function checkObject<T extends KubeObject>(
  value: unknown,
  expected: Expected,
  wish: ApiRequest,
  where: Whereabouts,
): T {
  checkKind(value, expected, wish, where);
  const { metadata } = value as unknown as { metadata?: unknown };
  if (!isNamed(metadata) || typeof (metadata as { uid?: unknown }).uid !== "string")
    throw malformed(wish, "an object without a name or UID", where);
  if (wish.name !== undefined && metadata.name !== wish.name)
    throw malformed(wish, `another object, "${printable(metadata.name)}"`, where);
  return value as unknown as T;
}

/** A list of the kind asked for. */
export interface Page {
  /** Each has metadata with a name; throws where one has not. */
  items(): Iterable<KubeObject>;
  readonly resourceVersion: string;
  readonly continue: string | undefined;
}

export function checkPage(value: unknown, expected: Expected, wish: ApiRequest, where: Whereabouts): Page {
  checkKind(value, expected, wish, where);
  const { metadata, items } = value as unknown as {
    metadata?: { resourceVersion?: unknown; continue?: unknown };
    items?: unknown;
  };
  // Go writes an empty list as null; a list without the field is none.
  const found = items === null && Object.hasOwn(value, "items") ? [] : items;
  if (!Array.isArray(found)) throw malformed(wish, "a list without items", where);
  const version = metadata?.resourceVersion;
  const more = metadata?.continue;
  if (typeof version !== "string" || (more !== undefined && typeof more !== "string"))
    throw malformed(wish, "a list without a resourceVersion", where);
  return { items: () => checkItems(found, wish, where), resourceVersion: version, continue: more || undefined };
}

/** Items of a list, each with metadata and a name, or `malformed` is thrown. */
export function checkItems(items: readonly unknown[], wish: ApiRequest, where: Whereabouts): readonly KubeObject[] {
  if (!items.every((item) => isNamed((item as { metadata?: unknown } | null)?.metadata)))
    throw malformed(wish, "a list with an object that has no name", where);
  return items as readonly KubeObject[];
}

/** Throws `malformed` unless `value` says that it is of the kind and version expected. */
export function checkKind(
  value: unknown,
  expected: Expected,
  wish: ApiRequest,
  where: Whereabouts,
): asserts value is object {
  const { kind, apiVersion } = (value ?? {}) as { kind?: unknown; apiVersion?: unknown };
  if (kind === expected.kind && apiVersion === expected.apiVersion) return;
  const found =
    typeof kind === "string"
      ? `a ${printable(`${String(apiVersion)} ${kind}`, 80)} instead of ${expected.apiVersion} ${expected.kind}`
      : "JSON that is no Kubernetes object";
  throw malformed(wish, found, where);
}

function isNamed(metadata: unknown): metadata is { name: string } {
  return (
    typeof metadata === "object" &&
    metadata !== null &&
    typeof (metadata as { name?: unknown }).name === "string" &&
    (metadata as { name: string }).name !== ""
  );
}
