/** Lists objects in pages, in protobuf where the server has it, and finds out whether an optional kind is installed. */
import type { KubeObject } from "../../mesh/kubernetes.ts";
import type { ListQuery, ListResult } from "../cluster.ts";
import type { Kind } from "../kinds.ts";
import type { Api } from "./api.ts";
import { checkItems, checkPage, type Expected, expectedOf, isType, type Page } from "./api-answer.ts";
import { malformed } from "./api-failure.ts";
import { type ApiRequest, resourcePath } from "./api-request.ts";
import type { Whereabouts } from "./connection-failure.ts";
import { isInstalled } from "./discovery.ts";
import { listReader, metadataMessage } from "./messages.ts";
import { MalformedMessage, type Message } from "./protobuf.ts";
import type { Answer } from "./transport.ts";

/** The same as kubectl's. A page of pods, the largest objects, takes a few megabytes of memory. */
const pageSize = 500;

/** Half the bytes of JSON, half the work for the server, and fields that are not needed are skipped unread. */
export const protobuf = "application/vnd.kubernetes.protobuf";

const metadataList = { kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1" };
const metadataOnly = ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/**
 * Lists in pages, all of one resourceVersion. When the server forgets that version on the way (410, etcd compaction),
 * the list begins again, twice, and is then read in one piece (client-go/tools/pager does that at once; pages of two
 * versions would not be one state). Gives `undefined` where an optional kind is not installed.
 */
export async function listAll<T extends KubeObject, R>(
  api: Api,
  kind: Kind<T>,
  query: ListQuery,
  project: (object: T) => R,
): Promise<ListResult<R> | undefined> {
  for (const limit of [pageSize, pageSize, pageSize, undefined]) {
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
): Promise<ListResult<R> | undefined | "expired"> {
  const items: R[] = [];
  let next = readPage(api, kind, query, limit, undefined);
  for (;;) {
    const page = await next;
    if (page === "expired" || page === undefined) return page;
    if (page.continue !== undefined) {
      // The server writes the next page while we read this one.
      next = readPage(api, kind, query, limit, page.continue);
      next.catch(() => {});
    }
    for (const item of page.items()) items.push(project(item as T));
    if (page.continue === undefined) return { items, resourceVersion: page.resourceVersion };
  }
}

async function readPage(
  api: Api,
  kind: Kind,
  query: ListQuery,
  limit: number | undefined,
  token: string | undefined,
): Promise<Page | undefined | "expired"> {
  const request: ApiRequest = { verb: "list", kind, namespace: query.namespace, writes: false };
  const { labelSelector, fieldSelector } = query;
  const path = resourcePath(kind, query, { labelSelector, fieldSelector, limit, continue: token });
  const form = query.metadataOnly ? metadataOnly : "";
  const json = `application/json${form}`;
  const message = query.metadataOnly ? metadataMessage : kind.message;
  const ask = (accept: string): Promise<Answer> => api.ask({ method: "GET", path, request, accept });
  const expected = query.metadataOnly ? metadataList : { ...expectedOf(kind), kind: `${kind.kind}List` };
  let answer = await ask(message ? `${protobuf}${form},${json}` : json);
  if (answer.status === 410 && token !== undefined) return "expired";
  if (message && isType(answer, protobuf)) {
    if (answer.status === 200) return binaryPage(answer.bytes, message, expected, request, api.where);
    // Failures are only read as JSON.
    answer = await ask(json);
  }
  if (answer.status === 404 && kind.optional && !(await isInstalled(api, kind))) return undefined;
  return checkPage(api.parse(answer, request), expected, request, api.where);
}

/**
 * A page of a list in protobuf. Items are decoded one by one, so that of a page only its bytes are in memory. Throws
 * `ClusterError` (malformed) for damaged bytes.
 */
function binaryPage<T extends KubeObject>(
  body: Buffer,
  message: Message<T>,
  expected: Expected,
  request: ApiRequest,
  where: Whereabouts,
): Page {
  const orMalformed = <V>(read: () => V): V => {
    try {
      return read();
    } catch (cause) {
      if (!(cause instanceof MalformedMessage)) throw cause;
      throw malformed(request, `protobuf that is damaged: ${cause.message}`, where);
    }
  };
  const { items, ...list } = orMalformed(() => listReader(message)(body));
  return {
    ...checkPage({ ...list, items: [] }, expected, request, where),
    *items() {
      for (const item of items) yield* checkItems([orMalformed(item)], request, where);
    },
  };
}
