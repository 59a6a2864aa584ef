/** The errors for answers of the API server that are not what was asked for, in words. */
import { ClusterError, type ClusterErrorReason } from "../cluster-error.ts";
import type { Kind } from "../kinds.ts";
import { printable } from "../printable.ts";
import { type ApiRequest, rbacResource, wording } from "./api-request.ts";
import { connectionFailure, cutShortFailure, type Whereabouts } from "./connection-failure.ts";
import { retryAfter } from "./retry.ts";
import type { Answer, Exchange } from "./transport.ts";

/**
 * The error for an exchange that gave no good answer, in words: what failed on what, why, and what to do. Never holds
 * headers or credentials. `abortedBy` is the reason of the signal, for an exchange that ended with it.
 */
export function apiFailure(
  exchange: Exchange,
  request: ApiRequest,
  where: Whereabouts,
  abortedBy?: unknown,
): ClusterError {
  if (exchange.answered) return statusFailure(exchange, request, where);
  if (exchange.why !== "aborted") return connectionFailure(exchange, request, where);
  const { before } = exchange;
  return cutShortFailure(exchange, request, before && apiFailure(before, request, where), abortedBy);
}

/** The error for an answer with a good status that is not what was asked for. */
export function malformed(request: ApiRequest, found: string, where: Whereabouts): ClusterError {
  return new ClusterError(`could not ${wording(request)}: ${where.server} answered with ${found}`, {
    reason: "malformed",
    hint: `Is ${where.server} the API server, and not a login page or proxy? Try: kubectl get --raw /version`,
    ambiguous: request.writes,
  });
}

/** Does the answer say that this object does not exist? A 404 can also be about a path, a resource or a proxy. */
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

function statusFailure(answer: Answer, request: ApiRequest, where: Whereabouts): ClusterError {
  const { status } = answer;
  const said = readStatus(answer);
  const reason = reasonOf(status, said);
  // After a 5xx the write may have been done; not where an admission webhook failed, which is called before the write.
  const redirect = status >= 300 && status < 400;
  const ambiguous = request.writes && (status >= 500 || redirect) && reason !== "denied";
  const bare = `${where.server} answered ${status}${redirect ? ", a redirect, which is not followed" : ""}`;
  const missing = givesNoReason.test(said.message ?? "") ? ` you may not ${request.verb} ${rbacResource(request)}` : "";
  const words = said.message === undefined ? bare : printable(said.message) + missing;
  return new ClusterError(`could not ${wording(request)}: ${words}`, {
    reason,
    status,
    hint: hintFor(reason, said, request, where),
    retryAfter: retryAfter(answer.headers),
    ambiguous,
  });
}

// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response: a webhook chooses
// the code of its denial.
const denials = [
  /admission webhook ".*" denied the request/,
  /ValidatingAdmissionPolicy '.*' with binding '.*' denied request/,
  /failed calling webhook/,
];

/**
 * The check of `create` for a websocket port-forward gives no reason
 * (k8s.io/kubernetes/pkg/registry/core/pod/rest/subresources.go).
 */
const givesNoReason = /\bis forbidden: ?$/;

function reasonOf(status: number, { reason, message = "", causes }: Status): ClusterErrorReason {
  if (denials.some((denial) => denial.test(message))) return "denied";
  if (status === 401) return "unauthorized";
  // RBAC says who cannot do what; every other 403 is admission (quota, security, a namespace that ends).
  if (status === 403)
    return message === "" || givesNoReason.test(message) || /\bcannot \S+ (resource|path)\b/.test(message)
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

function hintFor(
  reason: ClusterErrorReason,
  said: Status,
  request: ApiRequest,
  where: Whereabouts,
): string | undefined {
  if (reason === "unauthorized")
    return "The credentials are not accepted: log in again, then repeat. Try: kubectl auth whoami";
  if (reason === "forbidden") return grant(request);
  if (reason === "throttled") return "The server is busy; try again in a while.";
  if (reason === "malformed") return `Is ${where.server} the API server, and not a login page or proxy?`;
  if (reason === "denied" && said.message?.includes("failed calling webhook"))
    return "The webhook named there does not answer: fix it first.";
  if (reason === "not-found" && said.message === undefined)
    return `${rbacResource({ ...request, subresource: undefined })} may not be installed: kubectl api-resources`;
  return undefined;
}

function grant(request: ApiRequest): string {
  const { verb, kind, name } = request;
  const resource = rbacResource(request);
  // A RoleBinding in a namespace can give rights to the namespace object itself.
  const namespace = resource === "namespaces" ? name : request.namespace;
  const everywhere = kind.namespaced && namespace === undefined && name === undefined;
  const [scope, flag] =
    namespace !== undefined
      ? [` in namespace "${printable(namespace)}"`, ` -n ${printable(namespace)}`]
      : everywhere
        ? [" in all namespaces", " -A"]
        : ["", ""];
  return `Ask for the right to ${verb} ${resource}${scope}. Check with: kubectl auth can-i ${verb} ${resource}${flag}`;
}
