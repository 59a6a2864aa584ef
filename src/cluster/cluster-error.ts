/** The error for everything that the cluster, the way to it, or the kubeconfig refuses or fails to do. */
export class ClusterError extends Error {
  override readonly name = "ClusterError";
  readonly reason: ClusterErrorReason;
  /** HTTP status, where there was one. */
  readonly status: number | undefined;
  /** What to do about it. */
  readonly hint: string | undefined;
  /** Who gave the HTTP status: the API server, unless it says a pod. */
  readonly answeredBy: "pod" | undefined;
  /** Seconds the server asked to wait. */
  readonly retryAfter: number | undefined;
  /** The server may have carried the request out although no answer came. */
  readonly ambiguous: boolean;

  constructor(
    message: string,
    detail: {
      reason: ClusterErrorReason;
      status?: number | undefined;
      hint?: string | undefined;
      answeredBy?: "pod";
      retryAfter?: number | undefined;
      ambiguous?: boolean;
      cause?: unknown;
    },
  ) {
    super(message, { cause: detail.cause });
    this.reason = detail.reason;
    this.status = detail.status;
    this.hint = detail.hint;
    this.answeredBy = detail.answeredBy;
    this.retryAfter = detail.retryAfter;
    this.ambiguous = detail.ambiguous ?? false;
  }
}

export type ClusterErrorReason =
  | "config" // kubeconfig or credentials
  | "unreachable" // no connection, reset, TLS
  | "timeout"
  | "unauthorized"
  | "forbidden"
  | "not-found"
  | "conflict"
  | "already-exists"
  | "invalid" // 400, 422
  | "denied" // an admission webhook or policy said no
  | "throttled"
  | "server" // 5xx
  | "malformed"; // not the kind or shape asked for
