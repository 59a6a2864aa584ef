/** What a path and a method ask for. https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris */
import type { Access } from "./access.ts";
import type { Resource, Resources } from "./resources.ts";
import { badRequest } from "./status.ts";
import { isWatch } from "./watch.ts";

export interface Route {
  readonly verb: string;
  readonly resource: Resource;
  readonly namespace: string | undefined;
  /** Empty for a collection. */
  readonly name: string;
  readonly subresource: string;
}

const verbs = new Map([
  ["GET", "get"],
  ["POST", "create"],
  ["PUT", "update"],
  ["PATCH", "patch"],
  ["DELETE", "delete"],
]);

interface Path {
  readonly group: string;
  readonly version: string;
  /** Of a namespace itself too, where it is its own. */
  readonly namespace: string | undefined;
  /** Whether there is more than a namespace in the path. */
  readonly inside: boolean;
  readonly plural: string;
  readonly name: string;
  readonly subresource: string;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw badRequest(`the path has ${part}, which is no text`);
  }
}

/** The parts of a namespace that are not what is in it. */
const ofNamespaces = new Set(["status", "finalize"]);

function pathOf({ pathname }: URL): Path | undefined {
  const [root, ...rest] = pathname
    .split("/")
    .filter((part) => part !== "")
    .map(decoded);
  const [group, version, ...parts] = root === "api" ? ["", ...rest] : root === "apis" ? rest : [];
  if (group === undefined || version === undefined || parts.length === 0) return undefined;
  const [first, namespace, third] = parts;
  const inside = first === "namespaces" && third !== undefined && !ofNamespaces.has(third);
  const [plural = "", name = "", subresource = ""] = inside ? parts.slice(2) : parts;
  return {
    group,
    version,
    namespace: first === "namespaces" ? namespace : undefined,
    inside,
    plural,
    name,
    subresource,
  };
}

/**
 * What rights are asked about, whether it is served or not; `undefined` for a path that is no resource's. The name is
 * also that which a list or a watch is limited to (apiserver/pkg/endpoints/request/requestinfo.go).
 */
export function accessOf(method: string, url: URL): Access | undefined {
  const path = pathOf(url);
  if (!path) return undefined;
  const { group, namespace, plural, subresource } = path;
  const [, only] = /(?:^|,)metadata\.name==?([^,]+)/.exec(url.searchParams.get("fieldSelector") ?? "") ?? [];
  return {
    verb: verbOf(method, url, path.name),
    group,
    resource: plural,
    subresource,
    namespace,
    name: path.name || (only ?? ""),
  };
}

/** `undefined` for a path that is no resource's, or of one that is not served. */
export function routeOf(resources: Resources, method: string, url: URL): Route | undefined {
  const path = pathOf(url);
  const resource = path && resources.at(path.group, path.version, path.plural);
  if (!resource || (path.inside && !resource.namespaced)) return undefined;
  const { namespace, name, subresource } = path;
  return {
    verb: verbOf(method, url, name),
    resource,
    namespace: resource.namespaced ? namespace : undefined,
    name,
    subresource,
  };
}

function verbOf(method: string, url: URL, name: string): string {
  const verb = verbs.get(method) ?? method.toLowerCase();
  if (verb === "get" && isWatch(url.searchParams)) return "watch";
  if (verb === "get" && name === "") return "list";
  return verb === "delete" && name === "" ? "deletecollection" : verb;
}
