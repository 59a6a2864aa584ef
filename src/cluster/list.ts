import type { KubeObject } from "../mesh/kubernetes.ts";
import type { Api } from "./api.ts";
import type { Wish } from "./api-failure.ts";
import { resourcePath } from "./api-path.ts";
import type { Kind, Listed, ListQuery } from "./cluster.ts";
import { checkKind, checkPage, expectedOf, type Page } from "./shape.ts";

/** Pods are large: pages that keep a few megabytes in memory at once. */
const pageSize = (kind: Kind, query: ListQuery): number => (kind.plural === "pods" && !query.metadataOnly ? 250 : 500);

const metadataList = { kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1" };
const metadataAccept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/**
 * Lists in pages, all of one resourceVersion. When the server forgets that version on the way (410, etcd compaction), the list begins anew, twice, and
 * then comes in one piece (client-go/tools/pager falls back at once; a half-old list is no picture). Gives `undefined` where an optional kind is not
 * installed.
 */
export async function listAll<T extends KubeObject, R>(
  api: Api,
  kind: Kind<T>,
  query: ListQuery,
  project: (object: T) => R,
): Promise<Listed<R> | undefined> {
  const size = pageSize(kind, query);
  for (const limit of [size, size, size, undefined]) {
    const listed = await listOnce(api, kind, query, project, limit);
    if (listed !== "expired") return listed;
  }
  throw new Error("a list in one piece cannot expire");
}

async function listOnce<T extends KubeObject, R>(
  api: Api,
  kind: Kind<T>,
  query: ListQuery,
  project: (object: T) => R,
  limit: number | undefined,
): Promise<Listed<R> | undefined | "expired"> {
  const items: R[] = [];
  for (let token: string | undefined; ; ) {
    const page = await readPage(api, kind, query, limit, token);
    if (page === "expired" || page === undefined) return page;
    for (const item of page.items) items.push(project(item as T));
    if (page.continue === undefined) return { items, resourceVersion: page.resourceVersion };
    token = page.continue;
  }
}

async function readPage(
  api: Api,
  kind: Kind,
  query: ListQuery,
  limit: number | undefined,
  token: string | undefined,
): Promise<Page | undefined | "expired"> {
  const wish: Wish = { verb: "list", kind, namespace: query.namespace, writes: false };
  const { labelSelector, fieldSelector } = query;
  const path = resourcePath(kind, query, { labelSelector, fieldSelector, limit, continue: token });
  const answer = await api.ask({ method: "GET", path, wish, ...(query.metadataOnly && { accept: metadataAccept }) });
  if (answer.status === 410 && token !== undefined) return "expired";
  if (answer.status === 404 && kind.optional && !(await isInstalled(api, kind))) return undefined;
  const expected = query.metadataOnly ? metadataList : { ...expectedOf(kind), kind: `${kind.kind}List` };
  return checkPage(api.parse(answer, wish), expected, wish, api.where);
}

const discovery = (plural: string, kind: string, group = ""): Wish => ({
  verb: "get",
  kind: { plural, group, kind, namespaced: false },
  writes: false,
});

/** Does the server's own list of groups and resources hold the kind? Asked only after a 404, which alone could come from anything in between. */
async function isInstalled(api: Api, kind: Kind): Promise<boolean> {
  const groupsWish = discovery("API groups", "APIGroupList");
  const groups = await api.json({ method: "GET", path: "apis", wish: groupsWish });
  checkKind(groups, { kind: "APIGroupList", apiVersion: "v1" }, groupsWish, api.where);
  const group = named<Group>(groups, "groups").find((one) => one.name === kind.group);
  if (!group?.versions?.some((one) => one.version === kind.version)) return false;
  const wish = discovery(`resources of ${kind.group}`, "APIResourceList", kind.group);
  const resources = await api.json({ method: "GET", path: `apis/${kind.group}/${kind.version}`, wish });
  checkKind(resources, { kind: "APIResourceList", apiVersion: "v1" }, wish, api.where);
  return named<{ readonly name?: string }>(resources, "resources").some((one) => one.name === kind.plural);
}

interface Group {
  readonly name?: string;
  readonly versions?: readonly { readonly version?: string }[];
}

function named<T>(value: object, key: "groups" | "resources"): readonly T[] {
  const found = (value as Record<string, unknown>)[key];
  return Array.isArray(found) ? found : [];
}
