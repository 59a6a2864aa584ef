/** Watches: what happened after a version, and then what happens, line by line. */
import type { ServerResponse } from "node:http";
import type { MeshClock } from "../clock.ts";
import type { Json, KubeJson } from "../object.ts";
import { type Form, partial } from "./form.ts";
import type { Place } from "./place.ts";
import { apiVersionOf } from "./resources.ts";
import { matcherOf } from "./selectors.ts";
import { type Refusal, statusOf, tooOld } from "./status.ts";
import type { Change, Store } from "./store.ts";
import { sinkOf, type WatchFault } from "./watch-fault.ts";

const bookmarkEvery = 60_000;
/** How long before the end the last one comes. */
const lastBookmark = 2_000;
const longest = 1_800;

/** How objects are told of: as JSON, or as what is made of them (a Table), for which there are no bookmarks. */
export type WatchForm = Form | ((object: KubeJson) => Json);

/** Answers until the client goes or `timeoutSeconds` are over. Throws `Refusal` for a selector that is none. */
export function watch(
  store: Store,
  clock: MeshClock,
  { resource, namespace }: Place,
  query: URLSearchParams,
  form: WatchForm,
  response: ServerResponse,
  fault?: WatchFault,
): void {
  const matches = matcherOf(resource, query.get("labelSelector"), query.get("fieldSelector"));
  const from = Number(query.get("resourceVersion") || 0);
  const fromStart = from === 0 || query.get("sendInitialEvents") === "true";
  response.writeHead(200, { "content-type": "application/json" });

  const sink = sinkOf(response, fault);
  const send = (type: string, object: unknown): void => sink.line(JSON.stringify({ type, object }), type);
  const told = typeof form === "function" ? form : form === "metadata" ? partial : (object: KubeJson) => object;
  const tell = (type: string, object: KubeJson): void => send(type, told(object));
  const take = ({ type, resource: of, object, before }: Change): void => {
    if (of !== resource || (namespace !== undefined && object.metadata.namespace !== namespace)) return;
    const was = before !== undefined && matches(before) ? before : undefined;
    if (type !== "DELETED" && matches(object)) tell(was ? "MODIFIED" : "ADDED", object);
    // What is selected no more is told of as it was, with the version of its change.
    else if (was)
      tell("DELETED", { ...was, metadata: { ...was.metadata, resourceVersion: object.metadata.resourceVersion } });
  };
  const bookmark = (annotations?: Json): void =>
    send("BOOKMARK", {
      ...(form === "metadata"
        ? { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1" }
        : { kind: resource.kind, apiVersion: apiVersionOf(resource) }),
      metadata: { resourceVersion: String(store.version()), ...(annotations && { annotations }) },
    });

  const missed = fromStart ? [] : store.since(from);
  if (missed === undefined) {
    send("ERROR", statusOf(tooOld(from, store.oldest())));
    sink.end();
    return;
  }
  response.flushHeaders();
  if (fromStart) for (const object of store.list(resource, namespace).filter(matches)) tell("ADDED", object);
  for (const change of missed) take(change);

  const ends: (() => void)[] = [store.onChange(take)];
  const marks = query.get("allowWatchBookmarks") === "true" && typeof form !== "function";
  if (marks && fromStart) bookmark({ "k8s.io/initial-events-end": "true" });
  const life = Number(query.get("timeoutSeconds") || longest) * 1000;
  const keepMarking = (): void => {
    bookmark();
    ends[1] = clock.after(bookmarkEvery, keepMarking);
  };
  ends[1] = marks ? clock.after(bookmarkEvery, keepMarking) : () => {};
  if (marks && life > lastBookmark) ends.push(clock.after(life - lastBookmark, bookmark));
  ends.push(clock.after(life, () => sink.end()));
  response.once("close", () => {
    for (const end of ends) end();
  });
}

/** A watch that is not possible is an error before it begins. */
export const isWatch = (query: URLSearchParams): boolean => ["1", "true"].includes(query.get("watch") ?? "");
export type { Refusal };
