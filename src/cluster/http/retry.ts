/** Which requests are sent again, after how long, and how often. */
import { type Clock, sleep } from "../clock.ts";
import type { Exchange } from "./transport.ts";

const firstWait = 200;
const longestWait = 5_000;
const longestAskedFor = 30_000;

/** Milliseconds before try `tries + 1`, growing, at random (0 to 1) between half and whole. */
export function backoff(tries: number, random: () => number = Math.random): number {
  return Math.min(longestWait, firstWait * 2 ** (tries - 1)) * (0.5 + random() / 2);
}

/**
 * How long to wait before the same request is sent again, in milliseconds; `undefined`: not at all. What only reads
 * (`repeatable`) is sent again after anything that may pass. A write only where the server cannot have begun it: never
 * connected, 429 (rejected before processing), or a 5xx with Retry-After as client-go does
 * (client-go/rest/with_retry.go), except 504, whose outcome is open.
 */
export function waitBefore(
  exchange: Exchange,
  repeatable: boolean,
  tries: number,
  random: () => number = Math.random,
): number | undefined {
  if (!exchange.answered) {
    const passing = exchange.why !== "aborted" && !isLasting(exchange.code) && (repeatable || !exchange.sent);
    return passing ? backoff(tries, random) : undefined;
  }
  const { status } = exchange;
  const asked = retryAfter(exchange.headers);
  const again =
    status === 429 ||
    (repeatable ? [500, 502, 503, 504].includes(status) : status >= 500 && status !== 504 && asked !== undefined);
  if (!again) return undefined;
  return asked === undefined ? backoff(tries, random) : Math.min(asked * 1000, longestAskedFor) * (1 + random() / 10);
}

/** Seconds the server asks to wait; it writes them as a number. */
export function retryAfter(headers: NodeJS.Dict<string[]>): number | undefined {
  const text = headers["retry-after"]?.[0]?.trim() ?? "";
  return /^\d{1,6}$/.test(text) ? Number(text) : undefined;
}

/** Failures that the next try meets again: an unknown host, a certificate that does not fit, a proxy that says no. */
function isLasting(code: string): boolean {
  return (
    code === "ENOTFOUND" ||
    code === "ERR_BODY_TOO_LARGE" ||
    isTlsFailure(code) ||
    code === "ERR_PROXY_TUNNEL" ||
    code === "ERR_INVALID_CHAR"
  );
}

/**
 * Codes of a TLS handshake or certificate check that failed
 * (https://nodejs.org/api/tls.html#x509-certificate-error-codes).
 */
export function isTlsFailure(code: string): boolean {
  return (
    code.startsWith("ERR_SSL_") ||
    code.startsWith("ERR_TLS_") ||
    code.startsWith("CERT_") ||
    code.startsWith("CRL_") ||
    code.startsWith("UNABLE_TO_") ||
    certificateCodes.has(code)
  );
}

const certificateCodes = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "HOSTNAME_MISMATCH",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "PATH_LENGTH_EXCEEDED",
  "ERROR_IN_CERT_NOT_BEFORE_FIELD",
  "ERROR_IN_CERT_NOT_AFTER_FIELD",
  "EPROTO",
]);

/**
 * Sends until an answer stands, `waitBefore` says no, the budget (milliseconds in all, waits included) would be
 * exceeded, or the signal aborts; gives the last exchange.
 * `onWait` is told before each wait, with the milliseconds since the start that it will make.
 */
export async function withRetries(
  send: () => Promise<Exchange>,
  options: {
    readonly repeatable: boolean;
    /** Asked before each wait: what it may be depends on what has been learned of the server. */
    readonly budget: () => number;
    readonly clock: Clock;
    readonly onWait?: (exchange: Exchange, ms: number) => void;
    /** `send` has to heed it too, and sends nothing once it has aborted. */
    readonly signal: AbortSignal;
  },
): Promise<Exchange> {
  const { repeatable, budget, clock, signal } = options;
  const started = clock.now();
  let before: Exchange | undefined;
  for (let tries = 1; ; tries++) {
    const exchange = await send();
    if (!exchange.answered && exchange.why === "aborted") return { ...exchange, before };
    const wait = waitBefore(exchange, repeatable, tries);
    if (wait === undefined || clock.now() - started + wait > budget()) return exchange;
    options.onWait?.(exchange, clock.now() - started + wait);
    before = exchange;
    await sleep(clock, wait, signal);
  }
}
