/** What the API server is asked for: as a path, as words in a message, and as RBAC names it. */
import { ClusterError } from "../cluster-error.ts";
import type { Kind } from "../kinds.ts";
import { printable } from "../printable.ts";

/** What a path addresses: a collection, an object, or a subresource of one. */
export interface Address {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
}

/** A request, in the terms of a message that says that it failed. */
export interface ApiRequest extends Address {
  readonly verb: "list" | "get" | "patch" | "create" | "delete" | "watch" | "reach";
  readonly kind: Pick<Kind, "plural" | "group" | "kind" | "namespaced">;
  /** It changes something: without an answer it is open whether that was done. */
  readonly writes: boolean;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * The path of a resource below the server's address, without a leading slash, each segment checked and encoded
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris). Throws `ClusterError` (invalid) for a
 * name that no object can have.
 */
export function resourcePath(
  kind: Pick<Kind, "group" | "version" | "plural" | "namespaced">,
  address: Address,
  query: Query = {},
): string {
  const { namespace, name, subresource } = address;
  const root = kind.group === "" ? ["api"] : ["apis", kind.group];
  const scope = kind.namespaced && namespace !== undefined ? ["namespaces", namespace] : [];
  if (kind.namespaced && namespace === undefined && name !== undefined)
    throw new ClusterError(`${kind.plural} "${printable(name)}" needs a namespace`, { reason: "invalid" });
  const segments = [
    ...root,
    kind.version,
    ...scope,
    kind.plural,
    ...(name === undefined ? [] : [name]),
    ...(subresource === undefined ? [] : [subresource]),
  ];
  return segments.map(segment).join("/") + queryString(query);
}

/** `?a=b&c=d`, or nothing. Undefined values and false are left out. */
export function queryString(query: Query): string {
  const set = Object.entries(query).flatMap(([key, value]) =>
    value === undefined || value === false || value === "" ? [] : [[key, String(value)]],
  );
  return set.length === 0 ? "" : `?${new URLSearchParams(set)}`;
}

// k8s.io/apimachinery/pkg/api/validation/path: `.` and `..` walk, `/` and `%` split.
function segment(text: string): string {
  if (text === "" || text === "." || text === ".." || /[/%\\?#]/.test(text) || printable(text) !== text) {
    throw new ClusterError(`"${printable(text)}" is no name of a Kubernetes object`, { reason: "invalid" });
  }
  return encodeURIComponent(text);
}

/** `list pods in namespace "a"`, `patch Deployment "a/b"`, `get the log of Pod "a/b"`. */
export function wording({ verb, kind, namespace, name, subresource }: ApiRequest): string {
  if (name === undefined)
    return `${verb} ${kind.plural}${namespace === undefined ? "" : ` in namespace "${printable(namespace)}"`}`;
  const object = `${kind.kind} "${namespace === undefined ? "" : `${printable(namespace)}/`}${printable(name)}"`;
  if (subresource === "portforward") return `forward a port of ${object}`;
  return subresource === undefined ? `${verb} ${object}` : `${verb} the ${subresource} of ${object}`;
}

/** As RBAC calls it: `pods/portforward`, `deployments.apps`. */
export const rbacResource = ({ kind, subresource }: ApiRequest): string =>
  `${kind.plural}${kind.group === "" ? "" : `.${kind.group}`}${subresource === undefined ? "" : `/${subresource}`}`;
