/** The API server's face: HTTPS on loopback, who asks, whether he may, and which of the ways of asking it is. */
import type { IncomingMessage, ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { load } from "js-yaml";
import { testPki } from "../../cluster/pki.ts";
import type { MeshClock } from "../clock.ts";
import type { Json, KubeJson } from "../object.ts";
import { type Authorize, assertAllowed, type User } from "./access.ts";
import { discover } from "./discovery.ts";
import { openapi } from "./openapi.ts";
import { type ConnectPort, forwardPorts } from "./port-forward.ts";
import { createReader, type Form } from "./read.ts";
import type { Resources } from "./resources.ts";
import { reviewed } from "./review.ts";
import { type Route, routeOf } from "./route.ts";
import { badRequest, methodNotAllowed, noSuchPath, notFound, Refusal, statusOf, unauthorized } from "./status.ts";
import type { Store } from "./store.ts";
import { evict, rescale, scaleOf, success } from "./subresources.ts";
import { watch } from "./watch.ts";
import type { By, DeleteOptions, Place, Writer } from "./write.ts";

/** A request, before it is answered. */
export interface Asked {
  readonly method: string;
  readonly url: URL;
  /** Absent for discovery. */
  readonly route: Route | undefined;
  readonly user: User;
  readonly userAgent: string;
  readonly dryRun: boolean;
  readonly body: Json;
  /** How many came before it. */
  readonly index: number;
}

/** What was asked and what was answered. */
export interface Answered extends Asked {
  readonly code: number;
  readonly at: number;
}

/** An answer that is not the request's own. */
export interface CannedAnswer {
  readonly code: number;
  readonly body: string | Json;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What is to happen to a request instead of, before or after what it asks for. Milliseconds of the mesh's clock. */
export interface Interception {
  /** Wait before anything. */
  readonly delay?: number;
  /** Answer so, or break the connection, without doing what is asked. */
  readonly instead?: CannedAnswer | "reset";
  /** Do what is asked, and then answer so, break the connection, or cut the answer in the middle. */
  readonly after?: CannedAnswer | "reset" | "cut";
}

export interface ServerParts {
  readonly store: Store;
  readonly resources: Resources;
  readonly writer: Writer;
  readonly authorize: Authorize;
  readonly clock: MeshClock;
  /** By bearer token; a client certificate names its user itself. */
  readonly users: ReadonlyMap<string, User>;
  readonly logs: (pod: KubeJson, container: string | undefined, previous: boolean) => string;
  readonly connectPort: (pod: KubeJson) => ConnectPort;
  readonly intercept: (asked: Asked) => Interception | undefined;
  readonly onAnswer: (answered: Answered) => void;
}

export interface ApiServer {
  readonly url: string;
  /** PEM of the authority. */
  readonly ca: string;
  /** Ends every connection, watches and port-forwards too, and goes on listening. */
  drop(): void;
  close(): Promise<void>;
}

export async function startApiServer(parts: ServerParts): Promise<ApiServer> {
  const { store, resources, writer, authorize, clock, users } = parts;
  const reader = createReader(store, clock);
  const pki = await testPki();
  let count = 0;

  const userOf = (request: IncomingMessage): User => {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    const certificate = (request.socket as TLSSocket).getPeerCertificate?.()?.subject?.CN;
    const user =
      token === undefined
        ? certificate
          ? { name: String(certificate), groups: ["system:masters", "system:authenticated"] }
          : undefined
        : users.get(token);
    if (!user) throw unauthorized();
    const as = request.headers["impersonate-user"];
    if (as === undefined) return user;
    const groups = request.headersDistinct["impersonate-group"] ?? [];
    const name = Array.isArray(as) ? (as[0] ?? "") : as;
    assertAllowed(authorize, user, { verb: "impersonate", group: "", resource: "users", subresource: "", namespace: undefined, name });
    return { name, groups: [...groups, "system:authenticated"] };
  };

  const asked = async (request: IncomingMessage): Promise<Asked> => {
    const url = new URL(request.url ?? "/", "https://api");
    const body = await bodyOf(request);
    return {
      ...{ method: request.method ?? "GET", url, route: routeOf(resources, request.method ?? "GET", url), user: userOf(request) },
      ...{ userAgent: request.headers["user-agent"] ?? "", body, index: count++ },
      dryRun: url.searchParams.has("dryRun") || body?.dryRun?.length > 0,
    };
  };

  const answer = async (one: Asked, request: IncomingMessage, response: ServerResponse): Promise<Reply | undefined> => {
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
        return { code: 200, text: reader.get(place, name, formOf(request)) };
      case "list":
        return { code: 200, text: reader.list(place, url.searchParams, formOf(request)) };
      case "watch":
        watch(store, clock, place, url.searchParams, formOf(request), response);
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
    const lines = parts
      .logs(pod, query.get("container") ?? undefined, query.get("previous") === "true")
      .split("\n")
      .slice(0, -1);
    const tail = query.get("tailLines");
    const kept = tail === null ? lines : lines.slice(Math.max(0, lines.length - Number(tail)));
    return { code: 200, text: kept.map((line) => `${line}\n`).join(""), type: "text/plain" };
  };

  const headersOf = (reply: Reply): Record<string, string> => ({
    "content-type": reply.type ?? "application/json",
    "cache-control": "no-cache, private",
    date: new Date(clock.wall()).toUTCString(),
  });

  const write = (response: ServerResponse, reply: Reply, cut = false): void => {
    const text = reply.text ?? JSON.stringify(reply.body);
    response.writeHead(reply.code, { ...headersOf(reply), ...reply.headers, "content-length": Buffer.byteLength(text) });
    if (cut) response.write(text.slice(0, text.length / 2), () => response.destroy());
    else response.end(text);
  };

  const canned = ({ code, body, headers }: CannedAnswer): Reply =>
    typeof body === "string"
      ? { code, text: body, ...(headers && { headers, ...(headers["content-type"] && { type: headers["content-type"] }) }) }
      : { code, body, ...(headers && { headers }) };

  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.on("error", () => {});
    let one: Asked | undefined;
    const finish = (reply: Reply | undefined, cut = false): void => {
      if (one) parts.onAnswer({ ...one, code: reply?.code ?? 200, at: clock.wall() });
      if (reply && !response.destroyed) write(response, reply, cut);
    };
    try {
      one = await asked(request);
      const { delay, instead, after } = parts.intercept(one) ?? {};
      if (delay !== undefined) await new Promise<void>((resolve) => void clock.after(delay, resolve));
      if (instead === "reset") return void request.socket.destroy();
      if (instead) return finish(canned(instead));
      response.sendDate = false;
      const reply = await answer(one, request, response);
      const size = reply?.text?.length ?? 0;
      if (size > large.from) await new Promise<void>((resolve) => void clock.after(size / large.perMilli, resolve));
      if (after === "reset") return void request.socket.destroy();
      if (after === "cut") return finish(reply, true);
      finish(after ? canned(after) : reply);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const retry = error.retryAfter === undefined ? {} : { headers: { "retry-after": String(error.retryAfter) } };
      finish({ code: error.code, body: statusOf(error), ...retry });
    }
  };

  const upgrade = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    socket.on("error", () => {});
    const refuse = (error: Refusal): void => {
      const text = JSON.stringify(statusOf(error));
      socket.end(
        `HTTP/1.1 ${error.code} Refused\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
      );
    };
    let one: Asked | undefined;
    try {
      one = await asked(request);
      const { delay, instead } = parts.intercept(one) ?? {};
      if (delay !== undefined) await new Promise<void>((resolve) => void clock.after(delay, resolve));
      if (instead === "reset") return void socket.destroy();
      if (instead) throw new Refusal(instead.code, "", typeof instead.body === "string" ? instead.body : (instead.body.message ?? ""));
      const { route } = one;
      if (route?.subresource !== "portforward") throw noSuchPath();
      const { resource, namespace, name } = route;
      assertAllowed(authorize, one.user, { verb: "create", group: "", resource: "pods", subresource: "portforward", namespace, name });
      const pod = store.get(resource, namespace, name);
      if (!pod) throw notFound(resource, name);
      if (pod.status?.phase !== "Running")
        throw new Refusal(400, "BadRequest", `unable to forward port because pod is not running. Current status=${pod.status?.phase}`);
      const ports = one.url.searchParams.getAll("ports").flatMap((text) => text.split(",").map(Number));
      parts.onAnswer({ ...one, code: 101, at: clock.wall() });
      forwardPorts(request, socket, head, ports, parts.connectPort(pod));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (one) parts.onAnswer({ ...one, code: error.code, at: clock.wall() });
      refuse(error);
    }
  };

  const server = https.createServer(
    { cert: pki.server.cert, key: pki.server.key, ca: pki.ca, requestCert: true, rejectUnauthorized: false, keepAliveTimeout: 0 },
    (request, response) => void take(request, response),
  );
  const open = new Set<Duplex>();
  server.on("connection", (socket: Duplex) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  server.on("upgrade", (request, socket, head) => void upgrade(request, socket, head));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const drop = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ca: pki.ca,
    drop,
    close: async () => {
      drop();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A large answer takes its time, by which clients rest longer: characters from which on, and characters a millisecond. */
const large = { from: 256 * 1024, perMilli: 20 * 1024 };

interface Reply {
  readonly code: number;
  readonly body?: Json;
  /** Instead of `body`. */
  readonly text?: string;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The first form of JSON that the client takes. Tables and protobuf are not served; whoever asks for them takes JSON too. */
function formOf({ headers }: IncomingMessage): Form {
  const offered = (headers.accept ?? "*/*").split(",").map((each) => each.trim());
  const json = offered.find((each) => /^(application\/json|application\/\*|\*\/\*)/.test(each) && !/;as=Table/.test(each));
  if (json === undefined) throw new Refusal(406, "NotAcceptable", "only the following media types are accepted: application/json");
  return json.includes("as=PartialObjectMetadata") ? "metadata" : "whole";
}

const contentTypeOf = ({ headers }: IncomingMessage): string => (headers["content-type"] ?? "").split(";", 1)[0] ?? "";

async function bodyOf(request: IncomingMessage): Promise<Json> {
  if (request.method === "GET") return undefined;
  const text = Buffer.concat(await request.toArray()).toString();
  if (text === "") return undefined;
  try {
    return contentTypeOf(request).endsWith("yaml") ? load(text) : JSON.parse(text);
  } catch (error) {
    throw badRequest((error as Error).message);
  }
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
