/** A small client of the API server for the harness, which must not lean on the code that it tests. */
import fs from "node:fs";
import https from "node:https";
import { setTimeout as sleep } from "node:timers/promises";

/** An object as the API server sends it. */
// biome-ignore lint/suspicious/noExplicitAny: objects of every kind; tests fail where they are read wrong
export type Json = any;

export interface Api {
  readonly server: string;
  get(path: string): Promise<Json>;
  post(path: string, body: object): Promise<Json>;
  /** A JSON merge patch. */
  merge(path: string, body: object): Promise<Json>;
  /** A server-side apply in a field manager's name, with force. */
  apply(path: string, body: object, manager: string): Promise<Json>;
  delete(path: string): Promise<void>;
  /**
   * Every object there is and every change to come, until `signal` aborts; starts anew by itself. Settles after the
   * first list.
   */
  watch(path: string, onEvent: (event: WatchEvent) => void, signal: AbortSignal): Promise<void>;
}

export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: Json;
}

/** An answer that is not a success. */
export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A client for the cluster and user of a kubeconfig that `kubeconfigOf` wrote. */
export function connectApi(kubeconfig: string): Api {
  const config = JSON.parse(fs.readFileSync(kubeconfig, "utf8"));
  const { server, "certificate-authority-data": ca } = config.clusters[0].cluster;
  const { token, "client-certificate-data": cert, "client-key-data": key } = config.users[0].user;
  const pem = (data: string | undefined) => (data === undefined ? undefined : Buffer.from(data, "base64"));
  const agent = new https.Agent({ keepAlive: true, maxSockets: 32, ca: pem(ca), cert: pem(cert), key: pem(key) });

  function open(method: string, path: string, body?: object, type = "application/json", signal?: AbortSignal) {
    const headers: Record<string, string> = { accept: "application/json", "user-agent": "mesh-harness" };
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    const text = body === undefined ? undefined : JSON.stringify(body);
    if (text !== undefined)
      Object.assign(headers, { "content-type": type, "content-length": String(Buffer.byteLength(text)) });
    return new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
      const request = https.request(`${server}${path}`, { method, agent, headers, ...(signal && { signal }) }, resolve);
      request.on("error", reject);
      request.end(text);
    });
  }

  async function call(method: string, path: string, body?: object, type?: string): Promise<Json> {
    const response = await open(method, path, body, type);
    const text = (await response.toArray()).join("");
    const status = response.statusCode ?? 0;
    if (status >= 300) throw new ApiError(status, `${method} ${path}: ${status} ${text.slice(0, 500)}`);
    return text.startsWith("{") ? JSON.parse(text) : text;
  }

  async function follow(
    path: string,
    known: Map<string, Json>,
    onEvent: (event: WatchEvent) => void,
    signal: AbortSignal,
    listed: () => void,
  ) {
    const list = await call("GET", path);
    const present = new Set<string>();
    for (const object of list.items) {
      const kind = { kind: list.kind.replace(/List$/, ""), apiVersion: list.apiVersion };
      present.add(object.metadata.uid);
      const type = known.has(object.metadata.uid) ? "MODIFIED" : "ADDED";
      known.set(object.metadata.uid, object);
      onEvent({ type, object: { ...kind, ...object } });
    }
    for (const [uid, object] of known) {
      if (present.has(uid)) continue;
      known.delete(uid);
      onEvent({ type: "DELETED", object });
    }
    listed();
    const separator = path.includes("?") ? "&" : "?";
    const version = list.metadata.resourceVersion;
    const response = await open(
      "GET",
      `${path}${separator}watch=1&resourceVersion=${version}&timeoutSeconds=3000`,
      undefined,
      undefined,
      signal,
    );
    if (response.statusCode !== 200) {
      response.resume();
      return;
    }
    response.setEncoding("utf8");
    let rest = "";
    for await (const chunk of response) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const event = JSON.parse(line);
        if (event.type === "ERROR") return;
        if (event.type === "DELETED") known.delete(event.object.metadata.uid);
        else known.set(event.object.metadata.uid, event.object);
        onEvent(event);
      }
    }
  }

  return {
    server,
    get: (path) => call("GET", path),
    post: (path, body) => call("POST", path, body),
    merge: (path, body) => call("PATCH", path, body, "application/merge-patch+json"),
    apply: (path, body, manager) =>
      call(
        "PATCH",
        `${path}?force=true&fieldManager=${encodeURIComponent(manager)}`,
        body,
        "application/apply-patch+yaml",
      ),
    delete: (path) => call("DELETE", path),
    watch: (path, onEvent, signal) =>
      new Promise<void>((listed) => {
        const known = new Map<string, Json>();
        void (async () => {
          while (!signal.aborted) {
            await follow(path, known, onEvent, signal, listed).catch((error: Error) => {
              if (!signal.aborted && !("code" in error) && !(error instanceof ApiError)) throw error;
            });
            if (!signal.aborted) await sleep(200);
          }
          listed();
        })();
      }),
  };
}

/**
 * Asks again and again until `ask` gives something. An error counts as nothing yet. Throws `what` after the time, with
 * the last error.
 */
export async function eventually<R>(
  what: string,
  ask: () => Promise<R | undefined | false>,
  seconds = 60,
  everyMs = 100,
): Promise<R> {
  const until = performance.now() + seconds * 1000;
  let last = "";
  while (performance.now() < until) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      last = `: ${(error as Error).message}`;
    }
    await sleep(everyMs);
  }
  throw new Error(`waited ${seconds} s in vain for ${what}${last}`);
}
