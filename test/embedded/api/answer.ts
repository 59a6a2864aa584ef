/** What is answered to a request that has been let in: the ways of asking, each handed to the file that knows it. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { MeshClock } from "../clock.ts";
import type { Json, KubeJson } from "../object.ts";
import { type Authorize, assertAllowed } from "./access.ts";
import type { DeleteOptions } from "./deletion.ts";
import { discover } from "./discovery.ts";
import { openapi } from "./openapi.ts";
import { createReader, type Form } from "./read.ts";
import { type Asked, contentTypeOf } from "./request.ts";
import { qualified, type Resources } from "./resources.ts";
import { reviewed } from "./review.ts";
import type { Route } from "./route.ts";
import { methodNotAllowed, noSuchPath, notFound, Refusal } from "./status.ts";
import type { Store } from "./store.ts";
import { evict, rescale, scaleOf, success } from "./subresources.ts";
import { columnsOf, type TableParts, tableOf } from "./tables/table.ts";
import { type WatchForm, watch } from "./watch.ts";
import type { WatchFault } from "./watch-fault.ts";
import type { By, Place, Writer } from "./write.ts";

export interface Reply {
  readonly code: number;
  readonly body?: Json;
  /** Instead of `body`. */
  readonly text?: string;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface AnswerParts {
  readonly store: Store;
  readonly resources: Resources;
  readonly writer: Writer;
  readonly authorize: Authorize;
  readonly clock: MeshClock;
  readonly logs: (pod: KubeJson, container: string | undefined, previous: boolean) => string;
}

/** Answers; `undefined` where the answer goes on (a watch). Throws `Refusal`. */
export type Answer = (one: Asked, request: IncomingMessage, response: ServerResponse, fault?: WatchFault) => Promise<Reply | undefined>;

export function createAnswer({ store, resources, writer, authorize, clock, logs }: AnswerParts): Answer {
  const reader = createReader(store, clock);

  const answer: Answer = async (one, request, response, fault) => {
    const { route, url, user, body } = one;
    if (!route) {
      if (one.method === "POST" && url.pathname === "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
        return { code: 201, body: reviewed(authorize, user, body) };
      const found = one.method === "GET" ? (discover(resources, url.pathname) ?? openapi(resources, url.pathname)) : undefined;
      if (!found) throw noSuchPath();
      return { code: 200, body: found };
    }
    const { verb, resource, namespace, name, subresource } = route;
    assertAllowed(authorize, user, { verb, group: resource.group, resource: resource.plural, subresource, namespace, name });
    if (resource.namespaced && namespace === undefined && !["list", "watch"].includes(verb)) throw noSuchPath();
    const place: Place = { resource, namespace };
    const manager = url.searchParams.get("fieldManager") || one.userAgent.split("/", 1)[0] || "unknown";
    const by: By = { user: user.name, manager, dryRun: one.dryRun, ...(subresource === "status" && { subresource }) };
    if (subresource === "scale") return scaled(place, one, request, by);
    if (subresource === "eviction" && verb === "create")
      return { code: 201, body: await evict(store, resources, writer, place, name, body, by) };
    if (subresource === "log" && verb === "get") return log(place, name, url.searchParams);
    if (subresource !== "" && subresource !== "status") throw noSuchPath();
    switch (verb) {
      case "get":
      case "list":
        return read(place, one, request);
      case "watch":
        watch(store, clock, place, url.searchParams, watchedForm(place, one, request), response, fault);
        return undefined;
      case "create":
        return { code: 201, body: await writer.create(place, body, by) };
      case "update":
        return { code: 200, body: await writer.update(place, name, () => body, by, body.metadata?.resourceVersion !== undefined) };
      case "patch":
        return patch(place, one, request, by);
      case "delete":
        return remove(place, name, one, by);
      case "deletecollection":
        for (const each of store.list(resource, namespace)) await writer.delete(place, each.metadata.name, deleteOptions(one), by);
        return { code: 200, body: success() };
      default:
        throw methodNotAllowed();
    }
  };

  const tableParts = ({ resource }: Place, { url }: Asked): TableParts => {
    const definition = store.get(resources.named("customresourcedefinitions"), undefined, qualified(resource));
    return { columns: columnsOf(resource, definition), now: clock.wall(), include: url.searchParams.get("includeObject") ?? "Metadata" };
  };

  const read = (place: Place, one: Asked, request: IncomingMessage): Reply => {
    const { verb, name } = one.route as Route;
    const form = formOf(request);
    const plain = form === "table" ? "whole" : form;
    const text = verb === "get" ? reader.get(place, name, plain) : reader.list(place, one.url.searchParams, plain);
    if (form !== "table") return { code: 200, text };
    const answered = JSON.parse(text);
    return { code: 200, body: tableOf(tableParts(place, one), answered.metadata, answered.items ?? [answered]) };
  };

  /** Only the first Table of a watch says its columns. */
  const watchedForm = (place: Place, one: Asked, request: IncomingMessage): WatchForm => {
    const form = formOf(request);
    let told = 0;
    return form === "table" ? (object) => tableOf(tableParts(place, one), object.metadata, [object], told++ === 0) : form;
  };

  const patch = async (place: Place, { route, url, body }: Asked, request: IncomingMessage, by: By): Promise<Reply> => {
    const type = contentTypeOf(request);
    const name = route?.name ?? "";
    if (type !== "application/apply-patch+yaml") return { code: 200, body: await writer.patch(place, name, type, body, by) };
    const { object, created } = await writer.apply(place, name, body, by, url.searchParams.get("force") === "true");
    return { code: created ? 201 : 200, body: object };
  };

  const scaled = async (place: Place, { route, body, method }: Asked, request: IncomingMessage, by: By): Promise<Reply> => {
    const name = route?.name ?? "";
    if (method !== "GET")
      return { code: 200, body: await rescale(writer, place, name, method === "PATCH" ? contentTypeOf(request) : undefined, body, by) };
    const found = store.get(place.resource, place.namespace, name);
    if (!found) throw notFound(place.resource, name);
    return { code: 200, body: scaleOf(found) };
  };

  const remove = async (place: Place, name: string, one: Asked, by: By): Promise<Reply> => {
    const { object, gone } = await writer.delete(place, name, deleteOptions(one), by);
    // A pod is given back even when it is gone; of most others only that it was done.
    return { code: 200, body: gone && place.resource.plural !== "pods" ? success(place.resource, object.metadata) : object };
  };

  const log = (place: Place, name: string, query: URLSearchParams): Reply => {
    const pod = store.get(place.resource, place.namespace, name);
    if (!pod) throw notFound(place.resource, name);
    const lines = logs(pod, query.get("container") ?? undefined, query.get("previous") === "true")
      .split("\n")
      .slice(0, -1);
    const tail = query.get("tailLines");
    const kept = tail === null ? lines : lines.slice(Math.max(0, lines.length - Number(tail)));
    return { code: 200, text: kept.map((line) => `${line}\n`).join(""), type: "text/plain" };
  };

  return answer;
}

/** The first form that the client takes of those served. Who asks for protobuf takes JSON too. */
function formOf({ headers }: IncomingMessage): Form | "table" {
  const offered = (headers.accept ?? "*/*").split(",").map((each) => each.trim());
  const taken = offered.find((each) => /^(application\/json|application\/\*|\*\/\*)/.test(each) && !/;as=Table.*;v=v1beta1/.test(each));
  if (taken === undefined) throw new Refusal(406, "NotAcceptable", "only the following media types are accepted: application/json");
  if (taken.includes("as=Table")) return "table";
  return taken.includes("as=PartialObjectMetadata") ? "metadata" : "whole";
}

function deleteOptions({ body, url }: Asked): DeleteOptions {
  const grace = body?.gracePeriodSeconds ?? url.searchParams.get("gracePeriodSeconds") ?? undefined;
  return {
    uid: body?.preconditions?.uid,
    resourceVersion: body?.preconditions?.resourceVersion,
    propagation: body?.propagationPolicy ?? url.searchParams.get("propagationPolicy") ?? undefined,
    graceSeconds: grace === undefined ? undefined : Number(grace),
  };
}
