/** What is answered to a request that has been let in: the ways of asking, each handed to the file that knows it. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { MeshClock } from "../clock.ts";
import type { Json, KubeJson } from "../object.ts";
import { type Authorizer, assertAllowed, assertPathAllowed } from "./access.ts";
import { discover } from "./discovery.ts";
import { formOf, partial, writeList } from "./form.ts";
import { emptySchema } from "./openapi.ts";
import { assertOptions, deleteOptionsOf } from "./options.ts";
import type { By, Place } from "./place.ts";
import { createReader } from "./read.ts";
import { type Asked, contentTypeOf } from "./request.ts";
import type { Resources } from "./resources.ts";
import { reviewed } from "./review.ts";
import { accessOf, type Route } from "./route.ts";
import { matcherOf } from "./selectors.ts";
import {
  badRequest,
  forbiddenValue,
  invalid,
  methodNotAllowed,
  noSuchPath,
  notFound,
  requiredValue,
  unsupportedMediaType,
} from "./status.ts";
import type { Store } from "./store.ts";
import { evict, rescale, scaleOf, success } from "./subresources.ts";
import { type TableParts, tableOf } from "./tables.ts";
import { readAs } from "./typed.ts";
import { type WatchForm, watch } from "./watch.ts";
import type { WatchFault } from "./watch-fault.ts";
import type { Writer } from "./write.ts";

export interface Reply {
  readonly code: number;
  readonly body?: Json;
  /** Instead of `body`. */
  readonly text?: string;
  readonly bytes?: Buffer;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface AnswerParts {
  readonly store: Store;
  readonly resources: Resources;
  readonly writer: Writer;
  readonly authorize: Authorizer["authorize"];
  readonly rulesOf: Authorizer["rulesOf"];
  readonly clock: MeshClock;
  readonly logs: (pod: KubeJson, container: string | undefined, previous: boolean) => string;
}

/** Answers; `undefined` where the answer goes on (a watch). Throws `Refusal`. */
export type Answer = (
  one: Asked,
  request: IncomingMessage,
  response: ServerResponse,
  fault?: WatchFault,
) => Promise<Reply | undefined>;

export function createAnswer({ store, resources, writer, authorize, rulesOf, clock, logs }: AnswerParts): Answer {
  const reader = createReader(store, clock);

  const answer: Answer = async (one, request, response, fault) => {
    const { route, url, user, body } = one;
    const access = accessOf(one.method, url);
    if (access) assertAllowed(authorize, user, access);
    else assertPathAllowed(user, url.pathname);
    if (!route) return unrouted(one);
    const { verb, resource, namespace, name, subresource } = route;
    if (resource.namespaced && namespace === undefined && !["list", "watch"].includes(verb))
      throw name === "" ? methodNotAllowed() : noSuchPath();
    if (subresource === "" && (verb === "create" ? name !== "" : ["update", "patch"].includes(verb) && name === ""))
      throw methodNotAllowed();
    assertOptions(one);
    const place: Place = { resource, namespace };
    const manager = url.searchParams.get("fieldManager") || one.userAgent.split("/", 1)[0] || "unknown";
    const by: By = { user: user.name, manager, dryRun: one.dryRun, ...(subresource === "status" && { subresource }) };
    if (subresource === "scale" && resource.scale) return scaled(place, one, request, by);
    if (subresource === "eviction" && verb === "create")
      return { code: 201, body: await evict(store, resources, writer, place, name, body, by) };
    if (subresource === "log" && verb === "get") return log(place, name, url.searchParams);
    if (subresource !== "" && !(subresource === "status" && resource.status)) throw noSuchPath();
    switch (verb) {
      case "get":
      case "list":
        return read(place, one, request);
      case "watch":
        watch(store, clock, place, url.searchParams, watchedForm(place, one, request), response, fault);
        return undefined;
      case "create":
        return { code: 201, body: await writer.create(place, bodyFor(place, one, request), by) };
      case "update":
        return { code: 200, body: await writer.replace(place, name, bodyFor(place, one, request), by) };
      case "patch":
        return patch(place, one, request, by);
      case "delete":
        return remove(place, name, one, by);
      case "deletecollection":
        return removeAll(place, one, by);
      default:
        throw methodNotAllowed();
    }
  };

  /** What is no resource's: reviews, discovery, and nothing. */
  const unrouted = ({ method, url, user, body }: Asked): Reply => {
    const [root, group] = url.pathname.split("/").filter((part) => part !== "");
    if (method === "POST" && group === "authorization.k8s.io")
      return { code: 201, body: reviewed({ authorize, rulesOf }, user, url.pathname, body) };
    if (url.pathname === "/openapi/v2") return { code: 200, ...emptySchema };
    const found = method === "GET" ? discover(resources, url.pathname) : undefined;
    if (found) return { code: 200, body: found };
    if (root === "api" || (root === "apis" && resources.all().some((each) => each.group === group))) throw noSuchPath();
    return { code: 404, text: "404 page not found\n", type: "text/plain; charset=utf-8" };
  };

  const bodyFor = ({ resource }: Place, { body }: Asked, request: IncomingMessage): Json => {
    const type = contentTypeOf(request);
    if (type !== "" && !bodyTypes.includes(type)) throw unsupportedMediaType(bodyTypes);
    return readAs(resource, body, badRequest);
  };

  const removeAll = async (place: Place, one: Asked, by: By): Promise<Reply> => {
    const { searchParams } = one.url;
    const listed = reader.list(place, searchParams);
    const matches = matcherOf(place.resource, searchParams.get("labelSelector"), searchParams.get("fieldSelector"));
    for (const each of store.list(place.resource, place.namespace).filter(matches))
      await writer.delete(place, each.metadata.name, deleteOptionsOf(one), by);
    return { code: 200, ...writeList(undefined, place.resource, listed, () => tableParts(place, one)) };
  };

  const tableParts = ({ resource }: Place, { url }: Asked): TableParts => ({
    plural: resource.plural,
    now: clock.wall(),
    include: url.searchParams.get("includeObject") ?? "Metadata",
  });

  const read = (place: Place, one: Asked, { headers }: IncomingMessage): Reply => {
    const { verb, name } = one.route as Route;
    const table = () => tableParts(place, one);
    if (verb === "list")
      return {
        code: 200,
        ...writeList(headers.accept, place.resource, reader.list(place, one.url.searchParams), table),
      };
    const form = formOf(headers.accept);
    const object = reader.get(place, name);
    if (form === "table") return { code: 200, body: tableOf(table(), object.metadata, [object]) };
    return { code: 200, body: form === "metadata" ? partial(object) : object };
  };

  /** Only the first Table of a watch says its columns. */
  const watchedForm = (place: Place, one: Asked, { headers }: IncomingMessage): WatchForm => {
    const form = formOf(headers.accept);
    let told = 0;
    return form === "table"
      ? (object) => tableOf(tableParts(place, one), object.metadata, [object], told++ === 0)
      : form;
  };

  const patch = async (place: Place, { route, url, body }: Asked, request: IncomingMessage, by: By): Promise<Reply> => {
    const type = contentTypeOf(request);
    const name = route?.name ?? "";
    const force = url.searchParams.get("force");
    if (type !== "application/apply-patch+yaml") {
      if (force !== null)
        throw invalid(patchOptions, "", [forbiddenValue("force", "may not be specified for non-apply patch")]);
      return { code: 200, body: await writer.patch(place, name, type, body, by) };
    }
    if (!url.searchParams.has("fieldManager"))
      throw invalid(patchOptions, "", [requiredValue("fieldManager", "is required for apply patch")]);
    if (!body?.kind) throw badRequest("invalid object type: /, Kind=");
    if (body.metadata?.managedFields) throw badRequest("metadata.managedFields must be nil");
    const { object, created } = await writer.apply(place, name, body, by, force === "true");
    return { code: created ? 201 : 200, body: object };
  };

  const scaled = async (
    place: Place,
    { route, body, method }: Asked,
    request: IncomingMessage,
    by: By,
  ): Promise<Reply> => {
    const name = route?.name ?? "";
    if (method !== "GET")
      return {
        code: 200,
        body: await rescale(writer, place, name, method === "PATCH" ? contentTypeOf(request) : undefined, body, by),
      };
    const found = store.get(place.resource, place.namespace, name);
    if (!found) throw notFound(place.resource, name);
    return { code: 200, body: scaleOf(found) };
  };

  const remove = async (place: Place, name: string, one: Asked, by: By): Promise<Reply> => {
    const { object, gone } = await writer.delete(place, name, deleteOptionsOf(one), by);
    // A pod is given back even when it is gone; of most others only that it was done.
    return {
      code: 200,
      body: gone && place.resource.plural !== "pods" ? success(place.resource, object.metadata) : object,
    };
  };

  const log = (place: Place, name: string, query: URLSearchParams): Reply => {
    const pod = store.get(place.resource, place.namespace, name);
    if (!pod) throw notFound(place.resource, name);
    const lines = logs(pod, query.get("container") ?? undefined, query.get("previous") === "true")
      .split("\n")
      .slice(0, -1);
    const tail = query.get("tailLines");
    const kept = tail === null ? lines : lines.slice(Math.max(0, lines.length - Number(tail)));
    const text = kept.map((line) => `${line}\n`).join("");
    return { code: 200, text: text.slice(0, Number(query.get("limitBytes") ?? text.length)), type: "text/plain" };
  };

  return answer;
}

const patchOptions = { group: "meta.k8s.io", kind: "PatchOptions" };
const bodyTypes = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
