/**
 * The API server's face: HTTPS on loopback, requests and port-forwards in, answers out, and whatever a test has happen
 * to them.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { testPki } from "../../cluster/pki.ts";
import type { KubeJson } from "../object.ts";
import { assertAllowed, type User } from "./access.ts";
import { type AnswerParts, createAnswer, type Reply } from "./answer.ts";
import { isDryRun } from "./options.ts";
import { type ConnectPort, forwardPorts, isForward } from "./port-forward.ts";
import { type Answered, type Asked, bodyOf, type CannedAnswer, type Interception, userOf } from "./request.ts";
import { routeOf } from "./route.ts";
import { badRequest, noSuchPath, notFound, Refusal, statusOf } from "./status.ts";

export interface ServerParts extends AnswerParts {
  /** By bearer token; a client certificate names its user itself. */
  readonly users: ReadonlyMap<string, User>;
  readonly connectPort: (pod: KubeJson) => ConnectPort;
  readonly intercept: (asked: Asked) => Interception | undefined;
  readonly onAnswer: (answered: Answered) => void;
}

export interface ApiServer {
  readonly url: string;
  /** PEM of the authority. */
  readonly ca: string;
  /** Ends every connection, watches and port-forwards too, or all of one user, and goes on listening. */
  drop(user?: string): void;
  close(): Promise<void>;
}

export async function startApiServer(parts: ServerParts): Promise<ApiServer> {
  const { store, resources, authorize, clock, users } = parts;
  const answer = createAnswer(parts);
  const pki = await testPki();
  let count = 0;

  /** Who asked last on a connection. */
  const userOn = new WeakMap<Duplex, string>();

  const asked = async (request: IncomingMessage): Promise<Asked> => {
    const user = userOf(request, users, authorize);
    userOn.set(request.socket, user.name);
    const [method, url] = [request.method ?? "GET", new URL(request.url ?? "/", "https://api")];
    const body = request.headers.upgrade === undefined ? await bodyOf(request) : undefined;
    return {
      ...{
        method,
        url,
        route: routeOf(resources, method, url),
        user,
      },
      ...{ userAgent: request.headers["user-agent"] ?? "", body, index: count++ },
      dryRun: isDryRun({ method, url, body }),
    };
  };

  const headersOf = (reply: Reply): Record<string, string> => ({
    "content-type": reply.type ?? "application/json",
    "cache-control": "no-cache, private",
    date: new Date(clock.wall()).toUTCString(),
  });

  const write = (response: ServerResponse, reply: Reply, cut = false): void => {
    const text = reply.bytes ?? reply.text ?? JSON.stringify(reply.body);
    response.writeHead(reply.code, {
      ...headersOf(reply),
      ...reply.headers,
      "content-length": Buffer.byteLength(text),
    });
    if (cut) response.write(text.slice(0, text.length / 2), () => response.destroy());
    else response.end(text);
  };

  const canned = ({ code, body, headers }: CannedAnswer): Reply =>
    typeof body === "string"
      ? {
          code,
          text: body,
          ...(headers && { headers, ...(headers["content-type"] && { type: headers["content-type"] }) }),
        }
      : { code, body, ...(headers && { headers }) };

  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.on("error", () => {});
    let one: Asked | undefined;
    const finish = (reply: Reply | undefined, cut = false): void => {
      if (one) parts.onAnswer({ ...one, code: reply?.code ?? 200, at: clock.wall() });
      if (!reply || response.destroyed) return;
      // A watch has begun to answer already: all that can come after is its end.
      if (response.headersSent) response.destroy();
      else write(response, reply, cut);
    };
    try {
      one = await asked(request);
      const { delay, instead, after, watch } = parts.intercept(one) ?? {};
      if (delay !== undefined) await new Promise<void>((resolve) => void clock.after(delay, resolve));
      if (instead === "reset") return void request.socket.destroy();
      if (instead) return finish(canned(instead));
      response.sendDate = false;
      const reply = await answer(one, request, response, watch);
      const size = (reply?.bytes ?? reply?.text)?.length ?? 0;
      if (size > large.from) await new Promise<void>((resolve) => void clock.after(size / large.perMilli, resolve));
      if (after === "reset") return void request.socket.destroy();
      if (after === "cut") return finish(reply, true);
      finish(after ? canned(after) : reply);
    } catch (error) {
      if (!(error instanceof Refusal)) {
        request.socket.destroy(); // nobody waits for an answer that does not come
        throw error;
      }
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
      if (instead)
        throw new Refusal(
          instead.code,
          "",
          typeof instead.body === "string" ? instead.body : (instead.body.message ?? ""),
        );
      const { route } = one;
      if (route?.subresource !== "portforward") throw noSuchPath();
      const { resource, namespace, name } = route;
      assertAllowed(authorize, one.user, {
        verb: "create",
        group: "",
        resource: "pods",
        subresource: "portforward",
        namespace,
        name,
      });
      const pod = store.get(resource, namespace, name);
      if (!pod) throw notFound(resource, name);
      if (pod.status?.phase !== "Running")
        throw new Refusal(
          400,
          "BadRequest",
          `unable to forward port because pod is not running. Current status=${pod.status?.phase}`,
        );
      if (!isForward(request)) throw badRequest("unable to upgrade: none of the protocols offered is spoken");
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
    {
      cert: pki.server.cert,
      key: pki.server.key,
      ca: pki.ca,
      requestCert: true,
      rejectUnauthorized: false,
      keepAliveTimeout: 0,
    },
    (request, response) => void take(request, response),
  );
  const open = new Set<Duplex>();
  server.on("connection", (socket: Duplex) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  server.on("upgrade", (request, socket, head) => void upgrade(request, socket, head));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const drop = (user?: string): void => {
    for (const socket of open) if (user === undefined || userOn.get(socket) === user) socket.destroy();
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

/**
 * A large answer takes its time, by which clients rest longer: characters from which on, and characters a millisecond.
 */
const large = { from: 256 * 1024, perMilli: 20 * 1024 };
