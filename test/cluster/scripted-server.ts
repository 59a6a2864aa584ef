import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { ClusterFlags } from "../../src/cluster/auth/connection-flags.ts";
import { type Clock, systemClock } from "../../src/cluster/clock.ts";
import type { Cluster } from "../../src/cluster/cluster.ts";
import { type ConnectOptions, connect } from "../../src/cluster/connect.ts";
import { testPki } from "./pki.ts";

/** What arrived. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  /** Every header line as it came. */
  readonly raw: readonly string[];
  readonly body: string;
  /** Common name of the client certificate. */
  readonly who: string | undefined;
}

/** Answers one request; `index` counts all requests from 0. */
export type Script = (seen: Seen, response: http.ServerResponse, index: number) => void;

export interface ScriptedServer {
  readonly url: string;
  readonly port: number;
  readonly seen: readonly Seen[];
  readonly handshakes: () => number;
  readonly sockets: () => number;
  /** Takes websocket upgrades, instead of the one that took them before. */
  onUpgrade(take: (request: http.IncomingMessage, socket: Duplex, head: Buffer) => void): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** An API server of which only the answers are real: TLS, on a free port of the loopback. `plain`: without TLS. */
export async function startServer(script: Script, options: { readonly plain?: boolean } = {}): Promise<ScriptedServer> {
  const pki = await testPki();
  const seen: Seen[] = [];
  const open = new Set<Duplex>();
  let handshakes = 0;
  const take = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const who = (request.socket as TLSSocket).getPeerCertificate?.()?.subject?.CN;
      const one = {
        method: request.method ?? "",
        url: request.url ?? "",
        headers: request.headers,
        raw: request.rawHeaders,
        body: Buffer.concat(chunks).toString(),
        who: who as string | undefined,
      };
      seen.push(one);
      script(one, response, seen.length - 1);
    });
  };
  const server = options.plain
    ? http.createServer(take)
    : https.createServer(
        { cert: pki.server.cert, key: pki.server.key, ca: pki.ca, requestCert: true, rejectUnauthorized: false },
        take,
      );
  server.on("secureConnection", () => handshakes++);
  server.on("connection", (socket: Duplex) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${options.plain ? "http" : "https"}://127.0.0.1:${port}`,
    port,
    seen,
    handshakes: () => handshakes,
    sockets: () => open.size,
    onUpgrade: (handler) => void server.removeAllListeners("upgrade").on("upgrade", handler),
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers with JSON. */
export function reply(
  response: http.ServerResponse,
  body: unknown,
  status = 200,
  headers: http.OutgoingHttpHeaders = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

/** Answers with a metav1.Status. */
export function refuse(
  response: http.ServerResponse,
  code: number,
  reason: string,
  message: string,
  more: { readonly details?: object; readonly headers?: http.OutgoingHttpHeaders } = {},
): void {
  reply(
    response,
    { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message, details: more.details },
    code,
    more.headers,
  );
}

/** An object as it stands in a list: without kind and apiVersion. */
export function item(name: string, namespace?: string): object {
  return { metadata: { name, namespace, uid: `uid-${name}`, resourceVersion: "7" } };
}

/** A list of the core group. */
export function listOf(
  kind: string,
  items: readonly object[],
  more: { readonly continue?: string; readonly apiVersion?: string } = {},
): object {
  return {
    kind,
    apiVersion: more.apiVersion ?? "v1",
    metadata: { resourceVersion: "100", ...(more.continue && { continue: more.continue }) },
    items,
  };
}

/** A folder for one test's files, removed with it. */
export function scratch(): {
  readonly folder: string;
  write(name: string, content: string | object, mode?: number): string;
  [Symbol.dispose](): void;
} {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "kubectl-mesh-test-"));
  return {
    folder,
    write(name, content, mode = 0o600) {
      const file = path.join(folder, name);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content), { mode });
      return file;
    },
    [Symbol.dispose]: () => fs.rmSync(folder, { recursive: true, force: true }),
  };
}

/** A clock without waiting: a wait takes no time, and the clock shows that it did. `slept` are the waits. */
export function fastClock(): Clock & { readonly slept: number[] } {
  const slept: number[] = [];
  let ahead = 0;
  return {
    slept,
    now: () => performance.now() + ahead,
    wall: () => Date.now() + ahead,
    after: (ms, run) => {
      slept.push(ms);
      ahead += ms;
      const due = setImmediate(run);
      return () => clearImmediate(due);
    },
    timeout: systemClock.timeout,
  };
}

/** A kubeconfig for a server, with our authority and a token. */
export async function kubeconfigFor(
  server: string,
  user: object = { token: "t0ken" },
  cluster: object = {},
): Promise<object> {
  const { ca } = await testPki();
  return {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "test",
    contexts: [{ name: "test", context: { cluster: "test", user: "tester" } }],
    clusters: [
      {
        name: "test",
        cluster: { server, "certificate-authority-data": Buffer.from(ca).toString("base64"), ...cluster },
      },
    ],
    users: [{ name: "tester", user }],
  };
}

/** A cluster that talks to a server, and what it warned of. Closed with the scope. */
export async function connectTo(
  server: { readonly url: string },
  more: {
    readonly user?: object;
    readonly cluster?: object;
    readonly flags?: ClusterFlags;
    readonly options?: Partial<ConnectOptions>;
  } = {},
): Promise<{
  readonly cluster: Cluster;
  readonly warned: string[];
  readonly clock: ReturnType<typeof fastClock>;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const files = scratch();
  const kubeconfig = files.write("kubeconfig", await kubeconfigFor(server.url, more.user, more.cluster));
  const warned: string[] = [];
  const clock = fastClock();
  const cluster = await connect(
    { kubeconfig, ...more.flags },
    {
      userAgent: "mesh-test/1",
      fieldManager: "mesh-test",
      warn: (message) => warned.push(message),
      env: {},
      clock,
      ...more.options,
    },
  );
  return {
    cluster,
    warned,
    clock,
    async [Symbol.asyncDispose]() {
      await cluster.close();
      files[Symbol.dispose]();
    },
  };
}

/** Waits until something is so, at most five seconds. */
export async function until(what: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!what()) {
    if (performance.now() > deadline) throw new Error(`waited 5 s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
