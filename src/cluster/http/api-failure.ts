import { ClusterError, type ClusterErrorReason } from "../cluster-error.ts";
import type { Kind } from "../kinds.ts";
import { printable } from "../printable.ts";
import type { Address } from "./api-path.ts";
import { isTlsFailure, retryAfter } from "./retry.ts";
import type { Answer, Exchange, NoAnswer } from "./transport.ts";

/** What was wanted, for the sentence that says it failed. */
export interface ApiRequest extends Address {
  readonly verb: "list" | "get" | "patch" | "create" | "delete" | "watch" | "reach";
  readonly kind: Pick<Kind, "plural" | "group" | "kind" | "namespaced">;
  /** A write: an answer lost on the way leaves it open whether it was done. */
  readonly writes: boolean;
}

export interface Whereabouts {
  readonly server: string;
  readonly proxy: string | undefined;
  readonly caFile: string | undefined;
}

/** `list pods in namespace "a"`, `patch Deployment "a/b"`, `get the log of Pod "a/b"`. */
export function wording({ verb, kind, namespace, name, subresource }: ApiRequest): string {
  if (name === undefined)
    return `${verb} ${kind.plural}${namespace === undefined ? "" : ` in namespace "${printable(namespace)}"`}`;
  const object = `${kind.kind} "${namespace === undefined ? "" : `${printable(namespace)}/`}${printable(name)}"`;
  if (subresource === "portforward") return `forward a port of ${object}`;
  return subresource === undefined ? `${verb} ${object}` : `${verb} the ${subresource} of ${object}`;
}

/**
 * The error for an exchange that gave no good answer, in words: what failed on what, why, and what to do. Never holds
 * headers or credentials. `abortedBy` is the reason of the signal, for an exchange that ended with it.
 */
export function apiFailure(
  exchange: Exchange,
  wish: ApiRequest,
  where: Whereabouts,
  abortedBy?: unknown,
): ClusterError {
  if (exchange.answered) return refusal(exchange, wish, where);
  return exchange.why === "aborted" ? cutShort(exchange, wish, where, abortedBy) : silence(exchange, wish, where);
}

/** Why something ended with a signal, in words. */
export function cutShortWording(reason: unknown, what = "time"): string {
  return (reason as Error | undefined)?.name === "TimeoutError" ? `the ${what} was over` : "it was stopped";
}

function cutShort({ sent, before }: NoAnswer, wish: ApiRequest, where: Whereabouts, cause: unknown): ClusterError {
  const tried = before && apiFailure(before, wish, where);
  const ambiguous = tried?.ambiguous || (wish.writes && sent);
  const why = tried
    ? `${tried.message}; ${cutShortWording(cause, "time to try again")}`
    : `could not ${wording(wish)}: ${cutShortWording(cause)}`;
  return new ClusterError(`${why}${wish.writes && sent ? mayBeDone : ""}`, {
    reason: "timeout",
    hint: tried?.hint,
    ambiguous,
    cause,
  });
}

const mayBeDone = "; it may have been done nevertheless";

/** The error for an answer of status 200 that is not what was asked for. */
export function malformed(wish: ApiRequest, found: string, where: Whereabouts): ClusterError {
  return new ClusterError(`could not ${wording(wish)}: ${where.server} answered with ${found}`, {
    reason: "malformed",
    hint: `Is ${where.server} the API server, and not a login page or proxy? Try: kubectl get --raw /version`,
    ambiguous: wish.writes,
  });
}

function silence(exchange: NoAnswer, wish: ApiRequest, where: Whereabouts): ClusterError {
  const { code } = exchange;
  const ambiguous = wish.writes && exchange.sent;
  const way = where.proxy === undefined ? where.server : `${where.server} through the proxy ${where.proxy}`;
  const done = ambiguous ? mayBeDone : "";
  const error = (reason: ClusterErrorReason, why: string, hint?: string): ClusterError =>
    new ClusterError(`could not ${wording(wish)}: ${why}${done}`, { reason, hint, ambiguous });
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

/**
 * Does the answer say that this very object does not exist? A 404 can also come from a path, a missing resource or a
 * proxy.
 */
export function isAbout(answer: Pick<Answer, "body">, kind: Pick<Kind, "plural">, name: string): boolean {
  const { reason, object } = readStatus(answer);
  return reason === "NotFound" && object.name === name && object.kind === kind.plural;
}

/** The fields of a metav1.Status that are read; without values where it is none. `object.kind` is the plural. */
interface Status {
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
  readonly causes: readonly string[];
  readonly object: { readonly name?: unknown; readonly kind?: unknown };
}

function readStatus(answer: Pick<Answer, "body">): Status {
  let parsed: unknown;
  try {
    parsed = JSON.parse(answer.body);
  } catch {
    return { causes: [], object: {} };
  }
  const { kind, reason, message, details } = (parsed ?? {}) as {
    kind?: unknown;
    reason?: unknown;
    message?: unknown;
    details?: Status["object"] & { causes?: unknown };
  };
  if (kind !== "Status") return { causes: [], object: {} };
  const causes = Array.isArray(details?.causes)
    ? details.causes.map((cause: { reason?: unknown } | null) => String(cause?.reason))
    : [];
  return {
    reason: typeof reason === "string" ? reason : undefined,
    message: typeof message === "string" ? message : undefined,
    causes,
    object: details ?? {},
  };
}

function refusal(answer: Answer, wish: ApiRequest, where: Whereabouts): ClusterError {
  const { status } = answer;
  const said = readStatus(answer);
  const reason = reasonOf(status, said);
  // After a 5xx the write may have been done, unless it was an admission webhook that failed: it comes before.
  const ambiguous = wish.writes && (status >= 500 || (status >= 300 && status < 400)) && reason !== "denied";
  const words =
    said.message === undefined
      ? `${where.server} answered ${status}${status >= 300 && status < 400 ? ", a redirect, which is not followed" : ""}`
      : `${printable(said.message)}${saysNoWhy.test(said.message) ? ` you may not ${wish.verb} ${resourceOf(wish)}` : ""}`;
  return new ClusterError(`could not ${wording(wish)}: ${words}`, {
    reason,
    status,
    hint: hintFor(reason, said, wish, where),
    retryAfter: retryAfter(answer.headers),
    ambiguous,
  });
}

// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response: a webhook chooses
// the code of its denial.
const denial =
  /admission webhook ".*" denied the request|ValidatingAdmissionPolicy '.*' with binding '.*' denied request|failed calling webhook/;

/**
 * The check of `create` for a websocket port-forward gives no reason
 * (k8s.io/kubernetes/pkg/registry/core/pod/rest/subresources.go).
 */
const saysNoWhy = /\bis forbidden: ?$/;

function reasonOf(status: number, { reason, message = "", causes }: Status): ClusterErrorReason {
  if (denial.test(message)) return "denied";
  if (status === 401) return "unauthorized";
  // RBAC says who cannot do what; every other 403 is admission (quota, security, a namespace that ends).
  if (status === 403)
    return message === "" || saysNoWhy.test(message) || /\bcannot \S+ (resource|path)\b/.test(message)
      ? "forbidden"
      : "denied";
  if (status === 404) return "not-found";
  if (status === 409) return reason === "AlreadyExists" ? "already-exists" : "conflict";
  if (status === 410) return "conflict";
  if (status === 429) return causes.includes("DisruptionBudget") ? "denied" : "throttled";
  if (status === 504 || reason === "Timeout") return "timeout";
  if (status >= 500) return "server";
  return status >= 400 ? "invalid" : "malformed";
}

function hintFor(reason: ClusterErrorReason, said: Status, wish: ApiRequest, where: Whereabouts): string | undefined {
  if (reason === "unauthorized")
    return "The credentials are not accepted: log in again, then repeat. Try: kubectl auth whoami";
  if (reason === "forbidden") return grant(wish);
  if (reason === "throttled") return "The server is busy; try again in a while.";
  if (reason === "malformed") return `Is ${where.server} the API server, and not a login page or proxy?`;
  if (reason === "denied" && said.message?.includes("failed calling webhook"))
    return "The webhook named there does not answer: mend it first.";
  if (reason === "not-found" && said.message === undefined)
    return `${wish.kind.plural}${wish.kind.group === "" ? "" : `.${wish.kind.group}`} may not be installed: kubectl api-resources`;
  return undefined;
}

/** As RBAC calls it: `pods/portforward`, `deployments.apps`. */
const resourceOf = ({ kind, subresource }: ApiRequest): string =>
  `${kind.plural}${kind.group === "" ? "" : `.${kind.group}`}${subresource === undefined ? "" : `/${subresource}`}`;

function grant(wish: ApiRequest): string {
  const { verb, kind, name } = wish;
  const resource = resourceOf(wish);
  // A namespace stands in itself: a RoleBinding in it is enough.
  const namespace = resource === "namespaces" ? name : wish.namespace;
  const everywhere = kind.namespaced && namespace === undefined && name === undefined;
  const [scope, flag] =
    namespace !== undefined
      ? [` in namespace "${printable(namespace)}"`, ` -n ${printable(namespace)}`]
      : everywhere
        ? [" in all namespaces", " -A"]
        : ["", ""];
  return `Ask for the right to ${verb} ${resource}${scope}. Check with: kubectl auth can-i ${verb} ${resource}${flag}`;
}
