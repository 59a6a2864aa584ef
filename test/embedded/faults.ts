/** What can go wrong with one request, by name: the table of faults of an API server and the way to it. */
import type { Asked, Interception } from "./api/request.ts";

const json = { "content-type": "application/json" };
const status = (code: number, reason: string, message: string): string =>
  JSON.stringify({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", code, reason, message });
const refusal = (code: number, reason: string, message: string, headers: Readonly<Record<string, string>> = {}) => ({
  code,
  headers: { ...json, ...headers },
  body: status(code, reason, message),
});

export const faults: Readonly<Record<string, Interception>> = {
  conflict: { instead: refusal(409, "Conflict", "the object has been modified") },
  invalid: { instead: refusal(422, "Invalid", "is invalid") },
  throttled: { instead: refusal(429, "TooManyRequests", "too many requests", { "retry-after": "1" }) },
  "throttled without a time": { instead: refusal(429, "TooManyRequests", "too many requests") },
  "internal error": { instead: refusal(500, "InternalError", "internal error") },
  "not JSON": { instead: { code: 503, headers: { "content-type": "text/html" }, body: "<html>bad gateway</html>" } },
  "timeout, not applied": { instead: refusal(504, "Timeout", "request did not complete") },
  "timeout, applied": { after: refusal(504, "Timeout", "request did not complete") },
  "reset before": { instead: "reset" },
  "reset after": { after: "reset" },
  cut: { after: "cut" },
  slow: { delay: 20_000 },
  "a login page": { instead: { code: 200, headers: { "content-type": "text/html" }, body: "<html>log in</html>" } },
  "a Status for a list": { instead: { code: 200, headers: json, body: status(200, "", "ok") } },
  unauthorized: { instead: refusal(401, "Unauthorized", "Unauthorized") },
  forbidden: { instead: refusal(403, "Forbidden", "is forbidden") },
};

/** Whether a request is one of the plugin's under test and not of the test itself. */
export const isOurs = ({ userAgent }: Asked): boolean => userAgent.startsWith("mesh-migrate/");
