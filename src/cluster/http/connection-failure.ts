/** The errors for requests that got no answer, in words. */
import { ClusterError, type ClusterErrorReason } from "../cluster-error.ts";
import { printable } from "../printable.ts";
import { type ApiRequest, wording } from "./api-request.ts";
import { isTlsFailure } from "./retry.ts";
import type { NoAnswer } from "./transport.ts";

/** The server, and what lies on the way to it. */
export interface Whereabouts {
  readonly server: string;
  readonly proxy: string | undefined;
  readonly caFile: string | undefined;
}

/** Why something ended with a signal, by the reason of the signal. */
export function cutShortWording(reason: unknown, what = "time"): string {
  return (reason as Error | undefined)?.name === "TimeoutError" ? `the ${what} was over` : "it was stopped";
}

/**
 * The error for an exchange that ended with a signal, whose reason `cause` is; `tried` is the failure of the try
 * before, which was to be repeated.
 */
export function cutShortFailure(
  { sent }: NoAnswer,
  request: ApiRequest,
  tried: ClusterError | undefined,
  cause: unknown,
): ClusterError {
  const ambiguous = tried?.ambiguous || (request.writes && sent);
  const why = tried
    ? `${tried.message}; ${cutShortWording(cause, "time to try again")}`
    : `could not ${wording(request)}: ${cutShortWording(cause)}`;
  return new ClusterError(`${why}${request.writes && sent ? mayBeDone : ""}`, {
    reason: "timeout",
    hint: tried?.hint,
    ambiguous,
    cause,
  });
}

const mayBeDone = "; it may have been done nevertheless";

/** The error for a request that got no answer, or only a part of one. */
export function connectionFailure(exchange: NoAnswer, request: ApiRequest, where: Whereabouts): ClusterError {
  const { code } = exchange;
  const ambiguous = request.writes && exchange.sent;
  const way = where.proxy === undefined ? where.server : `${where.server} through the proxy ${where.proxy}`;
  const done = ambiguous ? mayBeDone : "";
  const error = (reason: ClusterErrorReason, why: string, hint?: string): ClusterError =>
    new ClusterError(`could not ${wording(request)}: ${why}${done}`, { reason, hint, ambiguous });
  if (isTlsFailure(code)) return error("unreachable", `${way} ${tlsWording(code)} (${code})`, tlsHint(code, where));
  if (code === "ERR_BODY_TOO_LARGE") return error("malformed", `${way} answered with more than 256 MiB`);
  if (code === "ERR_INVALID_CHAR")
    return error(
      "config",
      "a token, user or group name holds a character that cannot be sent",
      "Look for line breaks in the kubeconfig's token and in --as.",
    );
  if (exchange.why === "timeout") {
    const reason =
      {
        ERR_NO_CONNECTION: "does not accept the connection",
        ERR_NO_RESPONSE: "does not answer",
        ERR_DEADLINE: "did not answer within --request-timeout",
      }[code] ?? "stopped in the middle of its answer";
    return error("timeout", `${way} ${reason}`, "Check the network and VPN: kubectl get --raw /readyz");
  }
  return error(
    "unreachable",
    `${way} ${connectionWording(code)} (${printable(code)})`,
    "Check the context, the network and VPN: kubectl get --raw /readyz",
  );
}

function connectionWording(code: string): string {
  if (code === "ECONNREFUSED") return "refuses the connection";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "cannot be found: its name does not resolve";
  if (code === "ECONNRESET" || code === "EPIPE") return "broke off the connection";
  if (code === "ERR_PROXY_TUNNEL") return "cannot be reached: the proxy refuses";
  return "cannot be reached";
}

function tlsWording(code: string): string {
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID" || code === "HOSTNAME_MISMATCH")
    return "has a certificate for another name";
  if (code === "CERT_HAS_EXPIRED") return "has an expired certificate";
  if (/^ERR_SSL_.*(CERTIFICATE|ALERT)/.test(code)) return "does not accept our client certificate";
  if (code.startsWith("ERR_SSL_") || code === "EPROTO") return "does not speak TLS as expected";
  return "has a certificate that is not signed by the expected authority";
}

function tlsHint(code: string, { caFile }: Whereabouts): string {
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return "Check the server's address, or name it with --tls-server-name.";
  if (/^ERR_SSL_.*(CERTIFICATE|ALERT)/.test(code)) return "The client certificate may have expired: log in again.";
  return caFile === undefined
    ? "Check the kubeconfig's certificate-authority-data, or name a file with --certificate-authority."
    : `Check ${printable(caFile)}.`;
}
