/** Sends one request over HTTP and reads one answer, within limits of time and size. */
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { finished, type Readable } from "node:stream";
import type { Credential } from "../auth/credential.ts";
import type { Pool } from "./pool.ts";

/** One request on the wire. */
export interface WireRequest {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Path below the server's own, without a leading slash, with its query. */
  readonly path: string;
  readonly headers: http.OutgoingHttpHeaders;
  readonly body?: string | undefined;
  readonly limits: Limits;
  readonly signal: AbortSignal;
  /** Which connections it takes, unless it is a stream. */
  readonly use: "list" | "object";
}

/** Milliseconds: until connected, until the answer begins, between two parts of it, and for the whole. */
export interface Limits {
  readonly connect: number;
  readonly headers: number;
  readonly idle: number;
  readonly whole?: number | undefined;
}

export const readLimits: Limits = { connect: 5_000, headers: 30_000, idle: 60_000 };
/** The API server ends a write after 60 s: its answer tells more than an end of ours would. */
export const writeLimits: Limits = { connect: 5_000, headers: 65_000, idle: 60_000 };

export type Exchange = Answer | NoAnswer;

export interface Answer {
  readonly answered: true;
  readonly status: number;
  readonly headers: NodeJS.Dict<string[]>;
  readonly bytes: Buffer;
  /** The bytes as text. */
  readonly body: string;
}

export interface NoAnswer {
  readonly answered: false;
  /** The server may have got the request. */
  readonly sent: boolean;
  readonly why: "timeout" | "aborted" | "connection";
  /** Node's or OpenSSL's error code. */
  readonly code: string;
  /** Of what was aborted: what came of the try before, which was to be repeated. */
  readonly before?: Exchange | undefined;
}

/** The exchange that does not take place because the signal has aborted. */
export const notSent: NoAnswer = { answered: false, sent: false, why: "aborted", code: "ABORT_ERR" };

/** A body that is read while it comes. */
export interface OpenStream {
  readonly status: number;
  readonly headers: NodeJS.Dict<string[]>;
  readonly body: Readable;
}

const bodyLimit = 256 * 1024 * 1024;

/** Sends a request once and reads the whole answer. Never throws for what the network does. */
export async function exchange(pool: Pool, credential: Credential, request: WireRequest): Promise<Exchange> {
  const opened = await open(pool, credential, request, request.use);
  if ("answered" in opened) return opened;
  const { status, headers, body, end } = opened;
  try {
    return answerOf(status, headers, await wholeOf(body));
  } catch (cause) {
    return failed(cause, true);
  } finally {
    end();
  }
}

/** By events: an iterator would double the time that a small answer takes. */
const wholeOf = (body: Readable): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    body.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > bodyLimit) body.destroy(Object.assign(new Error(), { code: "ERR_BODY_TOO_LARGE" }));
    });
    finished(body, { writable: false }, (cause) => (cause ? reject(cause) : resolve(Buffer.concat(chunks, size))));
    body.resume();
  });

export const answerOf = (status: number, headers: Answer["headers"], bytes: Buffer): Answer => ({
  answered: true,
  status,
  headers,
  bytes,
  get body() {
    return bytes.toString();
  },
});

/** Sends a request once and gives the body while it comes, uncompressed; a body that is cut ends with an error. */
export async function openStream(
  pool: Pool,
  credential: Credential,
  request: WireRequest,
): Promise<OpenStream | NoAnswer> {
  const opened = await open(pool, credential, request, "stream");
  if (!("answered" in opened)) {
    // An empty body may have closed already.
    if (opened.body.closed) opened.end();
    else opened.body.once("close", opened.end);
  }
  return opened;
}

function open(
  pool: Pool,
  credential: Credential,
  request: WireRequest,
  use: WireRequest["use"] | "stream",
): Promise<(OpenStream & { end(): void }) | NoAnswer> {
  const { method, headers, limits, signal } = request;
  if (signal.aborted) return Promise.resolve(notSent);
  const agent = pool.agent(credential.certificate, use);
  const { protocol, hostname, port, pathname } = pool.server;
  return new Promise<(OpenStream & { end(): void }) | NoAnswer>((resolve) => {
    let sent = false;
    const send = protocol === "https:" ? https.request : http.request;
    const outgoing = send({
      protocol,
      hostname: hostname.replace(/^\[|\]$/g, ""),
      port,
      method,
      agent,
      path: pathname + request.path,
      headers: {
        ...headers,
        ...(credential.authorization && { authorization: credential.authorization }),
        // Node sends no content-length with DELETE by itself: the server would not read the preconditions.
        ...(request.body !== undefined && { "content-length": Buffer.byteLength(request.body) }),
      },
    });
    let response: IncomingMessage | undefined;
    const stop = (code: string): void => {
      const cause = Object.assign(new Error(code), { code });
      // In this order: else the body ends with ECONNRESET instead of this cause.
      response?.destroy(cause);
      outgoing.destroy(cause);
      // Node reports the error of a request that waits for a connection only when it gets one.
      end();
      resolve(failed(cause, sent));
    };
    const deadline = createDeadline(stop);
    if (limits.whole) deadline.overall(limits.whole);
    const abort = (): void => stop("ABORT_ERR");
    signal.addEventListener("abort", abort, { once: true });
    const end = (): void => {
      deadline.clear();
      signal.removeEventListener("abort", abort);
    };
    outgoing.once("socket", (socket) => {
      const ready = (): void => {
        sent = true;
        deadline.next(limits.headers, "ERR_NO_RESPONSE");
      };
      if (!socket.connecting && !("secureConnecting" in socket && socket.secureConnecting)) return ready();
      deadline.next(limits.connect, "ERR_NO_CONNECTION");
      socket.once(protocol === "https:" ? "secureConnect" : "connect", ready);
    });
    outgoing.on("error", (cause) => {
      end();
      resolve(failed(cause, sent));
    });
    outgoing.once("response", (incoming) => {
      response = incoming;
      deadline.next(limits.idle, "ERR_IDLE");
      incoming.on("data", () => deadline.next(limits.idle, "ERR_IDLE"));
      incoming.pause();
      void inflate(incoming).then((body) =>
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headersDistinct, body, end }),
      );
    });
    outgoing.end(request.body);
    // node:http throws for what it cannot send, for instance a header with a line break.
  }).catch((cause: unknown) => failed(cause, false));
}

async function inflate(response: IncomingMessage): Promise<Readable> {
  if (response.headersDistinct["content-encoding"]?.[0] !== "gzip") return response;
  const [{ createGunzip }, { pipeline }] = await Promise.all([import("node:zlib"), import("node:stream")]);
  return pipeline(response, createGunzip(), () => {});
}

function failed(cause: unknown, sent: boolean): NoAnswer {
  const code = String((cause as NodeJS.ErrnoException).code ?? "ERR_UNKNOWN");
  const why =
    code === "ABORT_ERR"
      ? "aborted"
      : code === "ERR_NO_CONNECTION" || code === "ERR_NO_RESPONSE" || code === "ERR_IDLE" || code === "ERR_DEADLINE"
        ? "timeout"
        : "connection";
  // A server refuses a client certificate after the handshake (TLS 1.3), before it reads the request.
  return { answered: false, sent: sent && !code.startsWith("ERR_SSL_"), why, code };
}

function createDeadline(fire: (code: string) => void): {
  next(ms: number, code: string): void;
  overall(ms: number): void;
  clear(): void;
} {
  let timer: NodeJS.Timeout | undefined;
  let whole: NodeJS.Timeout | undefined;
  return {
    next(ms, code) {
      clearTimeout(timer);
      timer = setTimeout(fire, ms, code);
    },
    overall(ms) {
      whole = setTimeout(fire, ms, "ERR_DEADLINE");
    },
    clear() {
      clearTimeout(timer);
      clearTimeout(whole);
    },
  };
}
