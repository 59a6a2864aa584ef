/** Get and list: whole objects or their metadata, in pages of one picture. */
import type { MeshClock } from "../clock.ts";
import type { Json, KubeJson } from "../object.ts";
import { apiVersionOf, type Resource } from "./resources.ts";
import { matcherOf } from "./selectors.ts";
import { badRequest, expiredToken, notFound, Refusal } from "./status.ts";
import type { Store } from "./store.ts";
import type { Place } from "./write.ts";

/** `metadata`: PartialObjectMetadata. */
export type Form = "whole" | "metadata";

export interface Reader {
  /** JSON text of an object. Throws `Refusal`. */
  get(place: Place, name: string, form: Form): string;
  /** JSON text of a list. Throws `Refusal`. */
  list(place: Place, query: URLSearchParams, form: Form): string;
}

/** How long a page's successor is to be had: etcd is compacted every five minutes. */
const tokenLife = 300_000;

interface Page {
  readonly rest: readonly KubeJson[];
  readonly version: number;
  readonly until: number;
}

export function createReader(store: Store, clock: MeshClock): Reader {
  const pages = new Map<string, Page>();
  let counter = 0;
  const pageOf = (token: string): Page => {
    const page = pages.get(token);
    if (!page && !/^page-\d+$/.test(Buffer.from(token, "base64url").toString()))
      throw badRequest("continue key is not valid: invalid character");
    if (!page || page.until < clock.now() || page.version < store.oldest()) throw expiredToken();
    return page;
  };
  const keep = (page: Page): string => {
    for (const [token, { until }] of pages) if (until < clock.now()) pages.delete(token);
    const token = Buffer.from(`page-${counter++}`).toString("base64url");
    pages.set(token, page);
    return token;
  };

  return {
    get: ({ resource, namespace }, name, form) => {
      const object = store.get(resource, namespace, name);
      if (!object) throw notFound(resource, name);
      return form === "metadata" ? JSON.stringify(partial(object)) : JSON.stringify(object);
    },
    list: ({ resource, namespace }, query, form) => {
      const asked = Number(query.get("resourceVersion") || 0);
      if (asked > store.version()) throw tooLarge(asked, store.version());
      const token = query.get("continue");
      const matches = matcherOf(resource, query.get("labelSelector"), query.get("fieldSelector"));
      const { rest, version } = token ? pageOf(token) : { rest: store.list(resource, namespace).filter(matches), version: store.version() };
      const limit = Number(query.get("limit") || 0) || Number.POSITIVE_INFINITY;
      const [items, later] = limit < rest.length ? [rest.slice(0, limit), rest.slice(limit)] : [rest, []];
      const next = later.length > 0 ? keep({ rest: later, version, until: clock.now() + tokenLife }) : undefined;
      const metadata = { resourceVersion: String(version), ...(next && { continue: next, remainingItemCount: later.length }) };
      const head = form === "metadata" ? partialList : { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource) };
      const texts = items.map((object) => (form === "metadata" ? JSON.stringify(partial(object)) : itemText(resource, object)));
      return `${JSON.stringify({ ...head, metadata }).slice(0, -1)},"items":[${texts.join()}]}`;
    },
  };
}

const partialList = { kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1" };
export const partial = ({ metadata }: KubeJson): Json => ({ kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata });

/** Objects of Kubernetes' own kinds say in a list neither kind nor version. */
const texts = new WeakMap<KubeJson, string>();
function itemText(resource: Resource, object: KubeJson): string {
  const known = texts.get(object);
  if (known !== undefined) return known;
  const { kind, apiVersion, ...bare } = object;
  const text = JSON.stringify(resource.group.includes(".") && !resource.group.endsWith(".k8s.io") ? object : bare);
  texts.set(object, text);
  return text;
}

const tooLarge = (asked: number, current: number): Refusal =>
  new Refusal(504, "Timeout", `Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    retryAfterSeconds: 1,
  });
