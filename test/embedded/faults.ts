/**
 * What can go wrong with one request, by name: the table of faults of an API server and the way to it. Those of pods
 * and istiods: outages.ts.
 */
import type { Asked, Interception } from "./api/request.ts";
import type { WatchFault } from "./api/watch-fault.ts";

const json = { "content-type": "application/json" };
const html = { "content-type": "text/html" };
const status = (code: number, reason: string, message: string, causes?: readonly object[]): string =>
  JSON.stringify({
    ...{
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: code < 400 ? "Success" : "Failure",
      code,
      reason,
      message,
    },
    ...(causes && { details: { causes } }),
  });
const refusal = (code: number, reason: string, message: string, headers: Readonly<Record<string, string>> = {}) => ({
  code,
  headers: { ...json, ...headers },
  body: status(code, reason, message),
});

/** Of any request. */
export const faults: Readonly<Record<string, Interception>> = {
  conflict: { instead: refusal(409, "Conflict", "the object has been modified") },
  "exists already": { instead: refusal(409, "AlreadyExists", "the object already exists") },
  invalid: { instead: refusal(422, "Invalid", "is invalid") },
  "not found": { instead: refusal(404, "NotFound", "the server could not find the requested resource") },
  throttled: { instead: refusal(429, "TooManyRequests", "too many requests", { "retry-after": "1" }) },
  "throttled without a time": { instead: refusal(429, "TooManyRequests", "too many requests") },
  "internal error": { instead: refusal(500, "InternalError", "internal error") },
  "bad gateway": { instead: { code: 502, headers: html, body: "<html>bad gateway</html>" } },
  unavailable: { instead: refusal(503, "ServiceUnavailable", "apiserver is shutting down", { "retry-after": "1" }) },
  "not JSON": { instead: { code: 503, headers: html, body: "<html>bad gateway</html>" } },
  "timeout, not applied": { instead: refusal(504, "Timeout", "request did not complete") },
  "timeout, applied": { after: refusal(504, "Timeout", "request did not complete") },
  "internal error, applied": { after: refusal(500, "InternalError", "internal error") },
  "reset before": { instead: "reset" },
  "reset after": { after: "reset" },
  cut: { after: "cut" },
  slow: { delay: 20_000 },
  redirect: { instead: { code: 302, headers: { ...html, location: "https://login.example/" }, body: "" } },
  "a login page": { instead: { code: 200, headers: html, body: "<html>log in</html>" } },
  "a login page, applied": { after: { code: 200, headers: html, body: "<html>log in</html>" } },
  "a Status for a list": { instead: { code: 200, headers: json, body: status(200, "", "ok") } },
  unauthorized: { instead: refusal(401, "Unauthorized", "Unauthorized") },
  forbidden: { instead: refusal(403, "Forbidden", "is forbidden") },
};

const tooLarge = [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }];
const streams: readonly WatchFault[] = [
  ...([
    "half-open",
    "ends at once",
    "ends at a change",
    "breaks at a change",
    "expires at a change",
    "fails at a change",
  ] as const),
  ...(["half a line", "a web page", "bookmarks alone", "twice and again"] as const),
];

/** Of watches alone: an answer that is none, and what comes in its stream. */
export const watchFaults: Readonly<Record<string, Interception>> = {
  "watch: expired": { instead: refusal(410, "Expired", "too old resource version: 1 (2)") },
  "watch: a replica that lags": {
    instead: {
      code: 504,
      headers: json,
      body: status(504, "Timeout", "Too large resource version: 2, current: 1", tooLarge),
    },
  },
  ...Object.fromEntries(streams.map((watch) => [`watch: ${watch}`, { watch }])),
};

/** Whether a request is one of a plugin that changes something, and not of the test itself. */
export const isOurs = ({ userAgent }: Asked): boolean => /^mesh-(migrate|rollback)\//.test(userAgent);
export const isWatch = ({ url }: Asked): boolean => url.searchParams.has("watch");
/** What a run keeps for itself and reports: no part of what it moves. */
const ownObject = /\/(events|leases|configmaps)(\/|$)/;
/** Whether it changes anything in the cluster: no dry run, and no question after rights. */
export const isEffect = ({ method, dryRun, url }: Asked): boolean =>
  method !== "GET" && !dryRun && !url.pathname.endsWith("reviews");
/** Whether it changes what is moved: no object of the run's own. */
export const isWrite = (asked: Asked): boolean => isEffect(asked) && !ownObject.test(asked.url.pathname);
