/**
 * The API server as any program meets it: requests and answers on the wire, with nothing retried, read or forgiven. The
 * contract's own client, so that an error of the plugins' is not taken for the server's.
 */
import fs from "node:fs";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import https from "node:https";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";

export interface Ask {
  /** Sent as JSON; a string as it is. */
  readonly body?: unknown;
  /** `application/json` unless given. */
  readonly type?: string;
  readonly accept?: string;
  /** User, and groups, to act as. */
  readonly as?: string;
  readonly groups?: readonly string[];
  /** Instead of the kubeconfig's credentials; empty: none. */
  readonly token?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** `undefined` for what is not JSON. */
  readonly body: Json;
}

export interface Wire {
  ask(method: string, path: string, options?: Ask): Promise<Answer>;
  get(path: string, options?: Ask): Promise<Answer>;
  post(path: string, body: unknown, options?: Ask): Promise<Answer>;
  put(path: string, body: unknown, options?: Ask): Promise<Answer>;
  /** `type`: a patch's, of `patchTypes`. */
  patch(path: string, type: keyof typeof patchTypes, body: unknown, options?: Ask): Promise<Answer>;
  delete(path: string, body?: unknown, options?: Ask): Promise<Answer>;
  /**
   * The path with its query, `watch=1` included. Comes back when the server has begun to answer, with whatever status.
   */
  watch(path: string, options?: Ask): Promise<Watch>;
}

export const patchTypes = {
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  json: "application/json-patch+json",
  apply: "application/apply-patch+yaml",
} as const;

export interface Watch extends Disposable {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** What has come so far. */
  readonly events: readonly WatchEvent[];
  readonly isOver: () => boolean;
  /** `TYPE NAME` of each event. */
  readonly names: () => readonly string[];
}

export interface WatchEvent {
  readonly type: string;
  readonly object: Json;
}

/** A client with the kubeconfig's credentials. Every request may take of the mesh's time. */
export function connectWire({ kubeconfig, during }: Pick<MeshUnderTest, "kubeconfig" | "during">): Wire {
  const config = JSON.parse(fs.readFileSync(kubeconfig, "utf8"));
  const { server, "certificate-authority-data": authority } = config.clusters[0].cluster;
  const { token, "client-certificate-data": certificate, "client-key-data": key } = config.users[0].user;
  const pem = (data: string | undefined) => (data === undefined ? undefined : Buffer.from(data, "base64"));
  const known = new https.Agent({ keepAlive: true, ca: pem(authority), cert: pem(certificate), key: pem(key) });
  const stranger = new https.Agent({ keepAlive: true, ca: pem(authority) });

  const open = (
    method: string,
    path: string,
    { body, type, accept, as, groups, token: own = token }: Ask,
  ): Promise<IncomingMessage> => {
    const text = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
    const headers = {
      ...{ accept: accept ?? "application/json", "user-agent": "contract/1" },
      ...(own && { authorization: `Bearer ${own}` }),
      ...(text !== undefined && {
        "content-type": type ?? "application/json",
        "content-length": Buffer.byteLength(text),
      }),
      ...(as !== undefined && { "impersonate-user": as }),
      ...(groups && { "impersonate-group": [...groups] }),
    };
    return new Promise((resolve, reject) => {
      const agent = own === token ? known : stranger;
      const request = https.request(`${server}${path}`, { method, agent, headers }, resolve);
      request.on("error", reject);
      request.end(text);
    });
  };

  const wire: Wire = {
    ask: (method, path, options = {}) =>
      during(
        open(method, path, options).then(async (response) => {
          const text = Buffer.concat(await response.toArray()).toString();
          const isJson = text !== "" && response.headers["content-type"]?.startsWith("application/json");
          return {
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            body: isJson ? JSON.parse(text) : undefined,
          };
        }),
      ),
    get: (path, options) => wire.ask("GET", path, options),
    post: (path, body, options) => wire.ask("POST", path, { ...options, body }),
    put: (path, body, options) => wire.ask("PUT", path, { ...options, body }),
    patch: (path, type, body, options) => wire.ask("PATCH", path, { ...options, body, type: patchTypes[type] }),
    delete: (path, body, options) => wire.ask("DELETE", path, { ...options, body }),
    watch: async (path, options = {}) => {
      const response = await during(open("GET", path, options));
      const events: WatchEvent[] = [];
      let over = false;
      let rest = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) events.push(JSON.parse(line));
      });
      response.on("error", () => {});
      response.on("close", () => {
        over = true;
      });
      return {
        ...{ status: response.statusCode ?? 0, headers: response.headers, events },
        isOver: () => over,
        names: () => events.map(({ type, object }) => `${type} ${object.metadata?.name ?? ""}`.trim()),
        [Symbol.dispose]: () => response.destroy(),
      };
    },
  };
  return wire;
}
