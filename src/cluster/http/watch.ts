/** Watches a kind of object, to say when something may have changed. */
import { StringDecoder } from "node:string_decoder";
import { type Clock, sleep } from "../clock.ts";
import type { ListQuery } from "../cluster.ts";
import type { Kind } from "../kinds.ts";
import type { Api } from "./api.ts";
import { type ApiRequest, resourcePath } from "./api-request.ts";
import { backoff } from "./retry.ts";

const listAccept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const eventAccept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/** Answers after which watching is not possible: wrong request, no right, no such resource. */
const hopeless = new Set([400, 401, 403, 404, 405, 406, 422]);

/**
 * Calls `hint` for every change, and after every gap in which a change may have been missed. Asks for metadata only.
 * Ends when `api.signal` aborts, or when the server answers that this cannot be watched. After every other end it
 * connects again, with growing pauses where watches fail or end at once. Bookmarks keep the place up to date
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).
 */
export async function watchChanges(
  api: Api,
  kind: Kind,
  query: ListQuery,
  hint: () => void,
  clock: Clock,
): Promise<void> {
  const { signal } = api;
  let place: string | undefined;
  for (let failures = 0; !signal.aborted; ) {
    const begin = place === undefined;
    const began = clock.now();
    const end: Ending = await (place === undefined
      ? currentPlace(api, kind, query)
      : follow(api, kind, query, place, hint)
    ).catch(() => broken);
    if (end.how === "hopeless" || signal.aborted) return;
    const failed = end.how === "broken" || (!begin && clock.now() - began < briefMs);
    if (failed) failures++;
    else if (!begin) failures = 0;
    place = end.how === "lost" ? undefined : (end.place ?? place);
    // The watch does not report what happened before the place.
    if (begin && place !== undefined) hint();
    if (failed) await sleep(clock, backoff(failures), signal);
  }
}

/** Milliseconds: a watch that ends sooner counts as failed, or it would be opened again without a pause. */
const briefMs = 1_000;

const broken: Ending = { how: "broken" };

/** How a request ended: by the server; broken; because the place is too old; or because this cannot be watched. */
interface Ending {
  readonly how: "closed" | "broken" | "lost" | "hopeless";
  readonly place?: string | undefined;
}

function requestOf(kind: Kind, query: ListQuery): ApiRequest {
  return { verb: "watch", kind, namespace: query.namespace, writes: false };
}

async function currentPlace(api: Api, kind: Kind, query: ListQuery): Promise<Ending> {
  const { labelSelector, fieldSelector } = query;
  const path = resourcePath(kind, query, { labelSelector, fieldSelector, limit: 1 });
  const request = requestOf(kind, query);
  const answer = await api.ask({ method: "GET", path, request, accept: listAccept });
  if (hopeless.has(answer.status)) return { how: "hopeless" };
  const list = api.parse(answer, request) as { metadata?: { resourceVersion?: unknown } } | null;
  const version = list?.metadata?.resourceVersion;
  return typeof version === "string" ? { how: "closed", place: version } : broken;
}

async function follow(api: Api, kind: Kind, query: ListQuery, from: string, hint: () => void): Promise<Ending> {
  const { labelSelector, fieldSelector } = query;
  // Chance, so that many watches do not end at the same time.
  const timeoutSeconds = 240 + Math.floor(Math.random() * 60);
  const path = resourcePath(kind, query, {
    labelSelector,
    fieldSelector,
    watch: true,
    allowWatchBookmarks: true,
    resourceVersion: from,
    timeoutSeconds,
  });
  const stream = await api.stream({ method: "GET", path, request: requestOf(kind, query), accept: eventAccept });
  if (!("body" in stream)) return broken;
  if (stream.status !== 200) {
    stream.body.destroy();
    return { how: stream.status === 410 ? "lost" : hopeless.has(stream.status) ? "hopeless" : "broken" };
  }
  let place = from;
  try {
    for await (const line of readLines(stream.body)) {
      const event = readEvent(line);
      // An error in the stream, mostly 410 Expired; or not an event.
      if (event === undefined || event.type === "ERROR") return { how: "lost" };
      place = event.resourceVersion ?? place;
      if (event.type !== "BOOKMARK") hint();
    }
    return { how: "closed", place };
  } catch {
    return { how: "broken", place };
  } finally {
    stream.body.destroy();
  }
}

function readEvent(line: string): { readonly type: string; readonly resourceVersion: string | undefined } | undefined {
  let event: { type?: unknown; object?: { metadata?: { resourceVersion?: unknown } } } | null;
  try {
    event = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof event?.type !== "string") return undefined;
  const version = event.object?.metadata?.resourceVersion;
  return { type: event.type, resourceVersion: typeof version === "string" ? version : undefined };
}

const longestLine = 16 * 1024 * 1024;

/**
 * The lines of a body as they come, split at `\n` alone (JSON may hold U+2028). A last line that was cut is not given.
 * Throws for a line over 16 MiB.
 */
export async function* readLines(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  for await (const chunk of body) {
    rest += decoder.write(chunk);
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > longestLine) throw new Error("a line is too long");
    for (const line of lines) if (line.trim() !== "") yield line;
  }
}
