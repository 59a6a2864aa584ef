/** Get and list, in pages of one picture. */
import type { MeshClock } from "../clock.ts";
import type { Json, KubeJson } from "../object.ts";
import type { Place } from "./place.ts";
import { matcherOf } from "./selectors.ts";
import { badRequest, expiredList, expiredToken, notFound, Refusal } from "./status.ts";
import type { Store } from "./store.ts";

/** Of a list: its `metadata`, and the objects. */
export interface Page {
  readonly metadata: Json;
  readonly items: readonly KubeJson[];
}

export interface Reader {
  /** Throws `Refusal`. */
  get(place: Place, name: string): KubeJson;
  /** Throws `Refusal`. */
  list(place: Place, query: URLSearchParams): Page;
}

/** How long a page's successor is to be had: etcd is compacted every five minutes. */
const tokenLife = 300_000;

/**
 * Where a list goes on: after a key, in the picture of a version; -1 is the newest. `until`: of the clock; for ever
 * unless given.
 */
interface Mark {
  readonly v: "meta.k8s.io/v1";
  readonly rv: number;
  readonly start: string;
  readonly until?: number;
}

const keyOf = ({ metadata: { namespace, name } }: KubeJson): string => `${namespace ?? ""}/${name}`;
const tokenOf = (mark: Mark): string => Buffer.from(JSON.stringify(mark)).toString("base64url");
function markOf(token: string): Mark {
  try {
    return JSON.parse(Buffer.from(token, "base64url").toString());
  } catch (error) {
    throw badRequest(`invalid continue token: continue key is not valid: ${(error as Error).message}`);
  }
}

/** What of a list is asked for: the objects as they were at a version, and from where on. */
interface Wanted {
  readonly version: number;
  readonly after: string;
  readonly limit: number;
  readonly objects: readonly KubeJson[];
}

export function createReader(store: Store, clock: MeshClock): Reader {
  const wantedOf = ({ resource, namespace }: Place, query: URLSearchParams): Wanted => {
    const limit = numberOf(query, "limit") || Number.POSITIVE_INFINITY;
    const asked = numberOf(query, "resourceVersion");
    const token = query.get("continue");
    if (token) {
      if (query.get("resourceVersion"))
        throw badRequest("specifying resource version is not allowed when using continue");
      const { rv, start, until = Number.POSITIVE_INFINITY } = markOf(token);
      const version = rv < 0 ? store.version() : rv;
      const objects = until < clock.now() ? undefined : store.listAt(version, resource, namespace);
      if (!objects) throw expiredToken(tokenOf({ v: "meta.k8s.io/v1", rv: -1, start }));
      return { version, after: start, limit, objects };
    }
    if (asked > store.version()) throw tooLarge(asked, store.version());
    const match = query.get("resourceVersionMatch");
    const exact = asked > 0 && (match === "Exact" || (match === null && limit < Number.POSITIVE_INFINITY));
    const version = exact ? asked : store.version();
    const objects = store.listAt(version, resource, namespace);
    if (!objects) throw expiredList();
    // A version of 0 is answered from a cache, which has no pages.
    return {
      version,
      after: "",
      limit: query.get("resourceVersion") === "0" ? Number.POSITIVE_INFINITY : limit,
      objects,
    };
  };

  return {
    get: ({ resource, namespace }, name) => {
      const object = store.get(resource, namespace, name);
      if (!object) throw notFound(resource, name);
      return object;
    },
    list: ({ resource, namespace }, query) => {
      const [labels, fields] = [query.get("labelSelector"), query.get("fieldSelector")];
      const matches = matcherOf(resource, labels, fields);
      const { version, after, limit, objects } = wantedOf({ resource, namespace }, query);
      const rest = objects.filter((object) => (after === "" || keyOf(object) > after) && matches(object));
      const items = limit < rest.length ? rest.slice(0, limit) : rest;
      // A page that is full has a next while anything is left at all, if only what is not selected.
      const [end, final] = [items.at(-1), objects.at(-1)];
      const last = items.length === limit && end && final && keyOf(final) > keyOf(end) ? end : undefined;
      const metadata = {
        resourceVersion: String(version),
        ...(last && {
          continue: tokenOf({ v: "meta.k8s.io/v1", rv: version, start: keyOf(last), until: clock.now() + tokenLife }),
        }),
        // How many are left is known where none are left out.
        ...(last && !labels && !fields && { remainingItemCount: rest.length - items.length }),
      };
      return { metadata, items };
    },
  };
}

/** 0 where it is not given, or less. */
function numberOf(query: URLSearchParams, name: string): number {
  const text = query.get(name) || "0";
  if (!/^-?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Math.max(0, Number(text));
}

const tooLarge = (asked: number, current: number): Refusal =>
  new Refusal(504, "Timeout", `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    retryAfterSeconds: 1,
  });
