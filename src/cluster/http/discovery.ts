/** What the server has: whether an optional kind is installed, and which kinds a group has. */
import type { Kind } from "../kinds.ts";
import type { Api } from "./api.ts";
import { checkKind } from "./api-answer.ts";
import { malformed } from "./api-failure.ts";
import type { ApiRequest } from "./api-request.ts";

/**
 * Does the server's list of groups and resources have the kind? Asked after a 404, which could also come from a proxy.
 */
export async function isInstalled(api: Api, { group, version, plural }: Kind): Promise<boolean> {
  const found = (await readGroups(api)).find(({ name }) => name === group);
  if (!found?.versions?.some((each) => each.version === version)) return false;
  return (await readResources(api, group, version)).some(({ name }) => name === plural);
}

/**
 * The kinds of these groups that can be listed, each once: in the first version that has it, in the order of the
 * group's list, which begins with the version that the server prefers
 * (k8s.io/apimachinery/pkg/version `CompareKubeAwareVersionStrings`). Throws `ClusterError` where a list of them cannot
 * be read, or has another form.
 */
export async function servedKinds(api: Api, groups: readonly string[]): Promise<readonly Kind[]> {
  const installed = (await readGroups(api)).filter(({ name = "" }) => groups.includes(name));
  const versions = installed.flatMap(({ name = "", versions: served }) =>
    (served ?? []).map(({ version = "" }) => ({ group: name, version })),
  );
  const lists = await Promise.all(
    versions.map(async ({ group, version }) =>
      (await readResources(api, group, version)).filter(isListable).map(
        ({ name = "", kind = "", namespaced }): Kind => ({
          ...{ group, version, plural: name, kind, namespaced: namespaced ?? false, optional: true },
        }),
      ),
    ),
  );
  const byResource = Map.groupBy(lists.flat(), ({ group, plural }) => `${plural}.${group}`);
  return [...byResource.values()].flatMap(([first]) => first ?? []);
}

const isListable = ({ verbs }: ServedResource): boolean => verbs?.includes("list") ?? false;

/** Requests for the groups that are in flight: two kinds that are not installed ask at the same time. */
const groupsInFlight = new WeakMap<Api, Promise<readonly ServedGroup[]>>();

function readGroups(api: Api): Promise<readonly ServedGroup[]> {
  const read = async (): Promise<readonly ServedGroup[]> => {
    const request = discoveryOf("API groups", "APIGroupList");
    const groups = await api.json({ method: "GET", path: "apis", request });
    checkKind(groups, { kind: "APIGroupList", apiVersion: "v1" }, request, api.where);
    return listIn<ServedGroup>(groups, "groups", request, api);
  };
  const asked = groupsInFlight.get(api) ?? read().finally(() => groupsInFlight.delete(api));
  groupsInFlight.set(api, asked);
  return asked;
}

async function readResources(api: Api, group: string, version: string): Promise<readonly ServedResource[]> {
  const request = discoveryOf(`resources of ${group}`, "APIResourceList", group);
  const resources = await api.json({ method: "GET", path: `apis/${group}/${version}`, request });
  checkKind(resources, { kind: "APIResourceList", apiVersion: "v1" }, request, api.where);
  return listIn<ServedResource>(resources, "resources", request, api);
}

interface ServedGroup {
  readonly name?: string;
  readonly versions?: readonly { readonly version?: string }[];
}

interface ServedResource {
  readonly name?: string;
  readonly kind?: string;
  readonly namespaced?: boolean;
  readonly verbs?: readonly string[];
}

const discoveryOf = (plural: string, kind: string, group = ""): ApiRequest => ({
  verb: "get",
  kind: { plural, group, kind, namespaced: false },
  writes: false,
});

/** A list that is empty may be left out or be null, as Go writes it. */
function listIn<T>(value: object, key: "groups" | "resources", request: ApiRequest, { where }: Api): readonly T[] {
  const found = (value as Record<string, unknown>)[key] ?? [];
  if (Array.isArray(found)) return found;
  throw malformed(request, `a list of ${key} that is not a list`, where);
}
