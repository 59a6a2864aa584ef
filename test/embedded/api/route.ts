/** What a path and a method ask for. https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris */
import type { Resource, Resources } from "./resources.ts";
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

/** `undefined` for a path that is no resource's. */
export function routeOf(resources: Resources, method: string, url: URL): Route | undefined {
  const parts = url.pathname
    .split("/")
    .filter((part) => part !== "")
    .map(decodeURIComponent);
  const [root, ...rest] = parts;
  if (root !== "api" && root !== "apis") return undefined;
  const [group, version = "", ...inside] = root === "api" ? ["", ...rest] : rest;
  if (group === undefined) return undefined;
  const inNamespace = inside[0] === "namespaces" && inside.length >= 3 && resources.at(group, version, inside[2] ?? "")?.namespaced;
  const [plural = "", name = "", subresource = ""] = inNamespace ? inside.slice(2) : inside;
  const resource = resources.at(group, version, plural);
  if (!resource) return undefined;
  const verb = verbOf(method, url, name);
  return { verb, resource, namespace: inNamespace ? inside[1] : undefined, name, subresource };
}

function verbOf(method: string, url: URL, name: string): string {
  const verb = verbs.get(method) ?? method.toLowerCase();
  if (verb === "get" && isWatch(url.searchParams)) return "watch";
  if (verb === "get" && name === "") return "list";
  return verb === "delete" && name === "" ? "deletecollection" : verb;
}
