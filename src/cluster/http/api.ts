/** The API server as one thing to ask: requests are signed, sent, sent again where that is right, and checked. */
import type { OutgoingHttpHeaders } from "node:http";
import type { ChosenCluster } from "../auth/choose-cluster.ts";
import { type Credential, type Credentials, withCredential } from "../auth/credential.ts";
import type { Clock } from "../clock.ts";
import { isType, parseJson, typeWording } from "./api-answer.ts";
import { apiFailure, malformed } from "./api-failure.ts";
import type { ApiRequest } from "./api-request.ts";
import type { Whereabouts } from "./connection-failure.ts";
import type { Pool } from "./pool.ts";
import { withRetries } from "./retry.ts";
import {
  type Answer,
  type Exchange,
  exchange,
  type NoAnswer,
  notSent,
  type OpenStream,
  openStream,
  readLimits,
  type WireRequest,
  writeLimits,
} from "./transport.ts";

/** One call to the API server. */
export interface Call {
  readonly method: WireRequest["method"];
  readonly path: string;
  readonly request: ApiRequest;
  readonly accept?: string;
  readonly contentType?: string;
  readonly body?: object;
}

/** The API server. Every method throws `ClusterError`. */
export interface Api {
  readonly where: Whereabouts;
  /** Ends whatever is waited for. */
  readonly signal: AbortSignal;
  /** The same API server, until this signal aborts or the one it had. */
  until(signal: AbortSignal): Api;
  /** The answer of the server, with any status; throws only where there is none. */
  ask(call: Call): Promise<Answer>;
  /** The body of a 2xx as JSON; throws for every other answer. */
  json(call: Call): Promise<unknown>;
  /** The same for an answer that `ask` gave. */
  parse(answer: Answer, request: ApiRequest): unknown;
  /** The body of a 2xx of type text/plain. */
  text(call: Call): Promise<string>;
  /** Opens a body that is read while it comes; one try. */
  stream(call: Call): Promise<OpenStream | NoAnswer>;
  /**
   * As `withCredential`, for a connection of another kind (a websocket): with the headers that go with every request.
   */
  withCredential<T>(
    act: (credential: Credential, headers: OutgoingHttpHeaders) => Promise<T>,
    isRefused: (outcome: T) => boolean,
  ): Promise<T | undefined>;
  /** The error for an exchange that gave no good answer. */
  error(exchange: Exchange, request: ApiRequest): Error;
}

export interface ApiParts {
  readonly target: ChosenCluster;
  readonly pool: Pool;
  readonly credentials: Credentials;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly warn: (message: string) => void;
  /** Gets the headers of every answer. */
  readonly onHeaders: (headers: NodeJS.Dict<string[]>) => void;
}

/**
 * Milliseconds for all tries of a request. A server that has never answered is probably the wrong one: fail soon. One
 * that has is worth waiting for.
 */
const retryBudget = { beforeFirstAnswer: 2_000, afterFirstAnswer: 30_000 };

/** Milliseconds: waits from `notice` on are reported, and after a report none for the time of `silence`. */
const longWait = { notice: 3_000, silence: 30_000 };

/** The API server, until `signal` aborts. Opens no connection yet. */
export function createApi(parts: ApiParts, signal: AbortSignal): Api {
  const { target, pool, credentials, clock } = parts;
  const where: Whereabouts = { server: target.identity.server, proxy: pool.proxy, caFile: target.caFile };
  const fixedHeaders = fixedHeadersOf(parts);
  let answered = false;
  let silentUntil = 0;

  const reportWaiting = (exchange: Exchange, ms: number): void => {
    if (ms < longWait.notice || clock.now() < silentUntil) return;
    silentUntil = clock.now() + longWait.silence;
    const why = exchange.answered
      ? exchange.status === 429
        ? "is busy and asks us to wait"
        : `answers ${exchange.status}`
      : "does not answer";
    parts.warn(`${where.server} ${why}; trying again`);
  };

  const successful = (answer: Answer, request: ApiRequest): Answer => {
    if (answer.status < 200 || answer.status > 299) throw apiFailure(answer, request, where);
    return answer;
  };
  const parse = (answer: Answer, request: ApiRequest): unknown =>
    parseJson(successful(answer, request), request, where);

  const apiUntil = (signal: AbortSignal): Api => {
    const signed = async <T extends Answer | OpenStream>(
      send: (credential: Credential) => Promise<T | NoAnswer>,
    ): Promise<T | NoAnswer> => {
      const noted = async (credential: Credential): Promise<T | NoAnswer> => {
        const outcome = await send(credential);
        if (!("status" in outcome)) return outcome;
        answered = true;
        parts.onHeaders(outcome.headers);
        return outcome;
      };
      const isRefused = (outcome: T | NoAnswer): boolean => "status" in outcome && outcome.status === 401;
      return (await withCredential(credentials, signal, noted, isRefused)) ?? notSent;
    };

    const wireRequest = (call: Call, limits: WireRequest["limits"]): WireRequest => ({
      method: call.method,
      path: call.path,
      headers: {
        ...fixedHeaders,
        accept: call.accept ?? "application/json",
        ...(call.body && { "content-type": call.contentType ?? "application/json" }),
      },
      body: call.body && JSON.stringify(call.body),
      limits,
      signal,
      use: call.request.verb === "list" ? "list" : "object",
    });

    const ask = async (call: Call): Promise<Answer> => {
      const wired = wireRequest(call, {
        ...(call.request.writes ? writeLimits : readLimits),
        whole: target.requestTimeout,
      });
      const last = await withRetries(() => signed<Answer>((credential) => exchange(pool, credential, wired)), {
        repeatable: !call.request.writes,
        budget: () => (answered ? retryBudget.afterFirstAnswer : retryBudget.beforeFirstAnswer),
        clock,
        onWait: reportWaiting,
        signal,
      });
      if (!last.answered) throw apiFailure(last, call.request, where, signal.reason);
      return last;
    };

    return {
      where,
      signal,
      until: (other) => apiUntil(AbortSignal.any([signal, other])),
      ask,
      parse,
      json: async (call) => parse(await ask(call), call.request),
      text: async (call) => {
        const answer = successful(await ask(call), call.request);
        if (!isType(answer, "text/plain")) throw malformed(call.request, typeWording(answer), where);
        return answer.body;
      },
      stream: (call) =>
        signed<OpenStream>(async (credential) => {
          const limits = { connect: 5_000, headers: 30_000, idle: 100_000 };
          const opened = await openStream(pool, credential, wireRequest(call, limits));
          // Nobody reads the body of a refusal, and its connection may be needed for the next try.
          if ("status" in opened && opened.status === 401) opened.body.destroy();
          return opened;
        }),
      withCredential: (act, isRefused) =>
        withCredential(credentials, signal, (credential) => act(credential, fixedHeaders), isRefused),
      error: (failed, request) => apiFailure(failed, request, where, signal.reason),
    };
  };
  return apiUntil(signal);
}

/** Headers of every request: the program, and whom the user acts as. */
function fixedHeadersOf({ userAgent, target, pool }: ApiParts): OutgoingHttpHeaders {
  const { user, compression } = target;
  const nearby = /^(localhost|127\.|\[::1\])/.test(pool.server.hostname);
  return {
    "user-agent": userAgent,
    // On the way to this machine's own loopback address, compression costs more time than it saves.
    ...(compression && !nearby && { "accept-encoding": "gzip" }),
    ...(user.as && { "impersonate-user": utf8(user.as) }),
    ...(user.as && user.asUid && { "impersonate-uid": utf8(user.asUid) }),
    ...(user.as && user.asGroups.length > 0 && { "impersonate-group": user.asGroups.map(utf8) }),
    ...(user.as &&
      Object.fromEntries(
        [...user.asExtra].map(([key, values]) => [
          `impersonate-extra-${encodeURIComponent(key.toLowerCase())}`,
          values.map(utf8),
        ]),
      )),
  };
}

/** Node writes header characters as single bytes; Go writes and reads UTF-8. */
function utf8(text: string): string {
  return Buffer.from(text).toString("latin1");
}
