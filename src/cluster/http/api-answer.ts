/** Checks that an answer is what was asked for; every other answer is thrown as `malformed`. */
import type { KubeObject } from "../../mesh/kubernetes.ts";
import type { Kind } from "../kinds.ts";
import { printable } from "../printable.ts";
import { malformed } from "./api-failure.ts";
import type { ApiRequest } from "./api-request.ts";
import type { Whereabouts } from "./connection-failure.ts";
import type { Answer } from "./transport.ts";

/** The body as JSON. */
export function parseJson(answer: Answer, request: ApiRequest, where: Whereabouts): unknown {
  if (!isType(answer, "application/json")) throw malformed(request, typeWording(answer), where);
  try {
    return JSON.parse(answer.body);
  } catch {
    throw malformed(request, "JSON that is broken off or damaged", where);
  }
}

/** Is the answer's body said to be of this media type? */
export function isType({ headers }: Answer, wanted: string): boolean {
  return (headers["content-type"]?.[0] ?? "").toLowerCase().startsWith(wanted);
}

/** The media type of a body that has not the right one, in words. */
export function typeWording({ headers }: Answer): string {
  const type = headers["content-type"]?.[0] ?? "";
  return /^text\/html/i.test(type)
    ? "a web page (HTML)"
    : /^[a-z]+\/[a-z0-9.+-]+/i.test(type)
      ? `content of type ${type.split(";")[0]}`
      : "content of no known type";
}

/** What an object says it is. */
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
  request: ApiRequest,
  where: Whereabouts,
): T {
  checkKind(value, expected, request, where);
  const { metadata } = value as unknown as { metadata?: unknown };
  if (!isNamed(metadata) || typeof (metadata as { uid?: unknown }).uid !== "string")
    throw malformed(request, "an object without a name or UID", where);
  if (request.name !== undefined && metadata.name !== request.name)
    throw malformed(request, `another object, "${printable(metadata.name)}"`, where);
  return value as unknown as T;
}

/** A list of the kind asked for. */
export interface Page {
  /** Each has metadata with a name; throws where one has not. */
  items(): Iterable<KubeObject>;
  readonly resourceVersion: string;
  readonly continue: string | undefined;
}

export function checkPage(value: unknown, expected: Expected, request: ApiRequest, where: Whereabouts): Page {
  checkKind(value, expected, request, where);
  const { metadata, items } = value as unknown as {
    metadata?: { resourceVersion?: unknown; continue?: unknown };
    items?: unknown;
  };
  // Go writes an empty list as null; a body without the field is no list.
  const found = items === null && Object.hasOwn(value, "items") ? [] : items;
  if (!Array.isArray(found)) throw malformed(request, "a list without items", where);
  const version = metadata?.resourceVersion;
  const more = metadata?.continue;
  if (typeof version !== "string" || (more !== undefined && typeof more !== "string"))
    throw malformed(request, "a list without a resourceVersion", where);
  return { items: () => checkItems(found, request, where), resourceVersion: version, continue: more || undefined };
}

/** Items of a list, each with metadata and a name, or `malformed` is thrown. */
export function checkItems(items: readonly unknown[], request: ApiRequest, where: Whereabouts): readonly KubeObject[] {
  if (!items.every((item) => isNamed((item as { metadata?: unknown } | null)?.metadata)))
    throw malformed(request, "a list with an object that has no name", where);
  return items as readonly KubeObject[];
}

/** Throws `malformed` unless `value` says that it is of the kind and version expected. */
export function checkKind(
  value: unknown,
  expected: Expected,
  request: ApiRequest,
  where: Whereabouts,
): asserts value is object {
  const { kind, apiVersion } = (value ?? {}) as { kind?: unknown; apiVersion?: unknown };
  if (kind === expected.kind && apiVersion === expected.apiVersion) return;
  const found =
    typeof kind === "string"
      ? `a ${printable(`${String(apiVersion)} ${kind}`, 80)} instead of ${expected.apiVersion} ${expected.kind}`
      : "JSON that is no Kubernetes object";
  throw malformed(request, found, where);
}

function isNamed(metadata: unknown): metadata is { name: string } {
  return (
    typeof metadata === "object" &&
    metadata !== null &&
    typeof (metadata as { name?: unknown }).name === "string" &&
    (metadata as { name: string }).name !== ""
  );
}
