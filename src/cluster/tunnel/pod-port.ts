/** Reads pages of pods, over port-forwards through the API server. */

import type { OutgoingHttpHeaders } from "node:http";
import type { Duplex } from "node:stream";
import type { Credential } from "../auth/credential.ts";
import type { Clock } from "../clock.ts";
import type { ObjectName, PodRequest } from "../cluster.ts";
import { ClusterError, type ClusterErrorReason } from "../cluster-error.ts";
import type { Api } from "../http/api.ts";
import { type ApiRequest, resourcePath } from "../http/api-request.ts";
import { cutShortWording } from "../http/connection-failure.ts";
import type { Pool } from "../http/pool.ts";
import { answerOf, type Exchange, notSent } from "../http/transport.ts";
import { kinds } from "../kinds.ts";
import { printable } from "../printable.ts";
import { createPodReader, type PodAnswer } from "./pod-reader.ts";
import { TunnelFailed, UpgradeRefused } from "./tunnel-errors.ts";

/** Reads pages from ports of pods over port-forwards. */
export interface PodPorts {
  /** The body of a 200. Throws `ClusterError` for everything else, and when the signal aborts. */
  get(pod: ObjectName, port: number, path: string, signal: AbortSignal): Promise<string>;
  /** The body of a 200 to a POST over TLS. Throws as `get` does. */
  post(pod: ObjectName, port: number, request: PodRequest, signal: AbortSignal): Promise<string>;
  close(): void;
}

/**
 * Opens no connection yet. A port-forward over a websocket needs the right to `get` pods/portforward, and since
 * Kubernetes 1.35 also to `create` it.
 */
export function createPodPorts(api: Api, pool: Pool, clock: Clock): PodPorts {
  const reader = createPodReader((pod, port) => openPort(api, pool, pod, port), clock);
  return {
    async get(pod, port, path, signal) {
      const what = `${wordsOf(pod)} port ${port}`;
      const answer = await reader.get(pod, port, path, signal).catch((cause: unknown) => {
        throw failure(cause, what, signal.reason);
      });
      return bodyOf(answer, what, path);
    },
    async post(pod, port, request, signal) {
      const what = `${wordsOf(pod)} port ${port}`;
      const { postOverTls } = await import("./pod-https.ts");
      const answer = await openPort(api, pool, pod, port)
        .then((tunnel) => postOverTls(tunnel, request, clock, signal))
        .catch((cause: unknown) => {
          throw failure(cause, what, signal.reason);
        });
      return bodyOf(answer, what, request.path);
    },
    close: () => reader.close(),
  };
}

function bodyOf({ status, body }: PodAnswer, what: string, path: string): string {
  if (status === 200) return body;
  throw new ClusterError(`${what} answered ${status} for ${printable(path)}: ${printable(body, 200) || "(nothing)"}`, {
    reason: reasons.get(status) ?? "server",
    status,
    answeredBy: "pod",
  });
}

const reasons = new Map<number, ClusterErrorReason>([
  [401, "unauthorized"],
  [403, "forbidden"],
  [404, "not-found"],
]);

type Dialled = { readonly tunnel: Duplex } | { readonly cause: unknown };

/**
 * Opens a tunnel over an idle connection where there is one (pool.ts), and over a new one where that connection turns
 * out to be dead. Throws `ClusterError`.
 */
async function openPort(api: Api, pool: Pool, pod: ObjectName, port: number): Promise<Duplex> {
  const path = resourcePath(kinds.pods, { ...pod, subresource: "portforward" }, { ports: port });
  const url = new URL(path, pool.server);
  url.protocol = pool.server.protocol === "https:" ? "wss:" : "ws:";
  const loading = import("./tunnel.ts");
  const dial = async (
    { authorization, certificate }: Credential,
    fixed: OutgoingHttpHeaders,
    use: "tunnel" | "stream" = "tunnel",
  ): Promise<Dialled> => {
    const { openTunnel } = await loading;
    if (api.signal.aborted) return { cause: api.signal.reason };
    const agent = pool.agent(certificate, use);
    const headers = { ...fixed, ...(authorization && { authorization }) } as Record<string, string>;
    return openTunnel(url, { agent, headers }).then(
      (tunnel) => ({ tunnel }),
      (cause: unknown) =>
        use === "stream" || cause instanceof UpgradeRefused
          ? { cause }
          : dial({ authorization, certificate }, fixed, "stream"),
    );
  };
  const isRefused = (dialled: Dialled): boolean =>
    "cause" in dialled && dialled.cause instanceof UpgradeRefused && dialled.cause.status === 401;
  const dialled = await api.withCredential((credential, fixed) => dial(credential, fixed), isRefused);
  if (dialled && "tunnel" in dialled) return dialled.tunnel;
  throw api.error(exchangeOf(api.signal.aborted ? undefined : dialled?.cause), forwarding(pod));
}

/** How the upgrade to a tunnel failed; undefined: it was not asked for. */
function exchangeOf(cause: unknown): Exchange {
  if (cause === undefined) return notSent;
  if (cause instanceof UpgradeRefused) return answerOf(cause.status, cause.headers, Buffer.from(cause.body));
  return { answered: false, sent: false, why: "connection", code: codeOf(cause) };
}

const forwarding = (pod: ObjectName): ApiRequest => ({
  verb: "create",
  kind: kinds.pods,
  ...pod,
  subresource: "portforward",
  writes: false,
});

function failure(cause: unknown, what: string, abortedBy: unknown): ClusterError {
  if (cause instanceof ClusterError) return cause;
  const hint = "Is the container up? Look with: kubectl get pods -A -o wide";
  if (cause instanceof TunnelFailed)
    return new ClusterError(`cannot reach ${what}: ${printable(cause.message, 300)}`, { reason: "unreachable", hint });
  const code = codeOf(cause);
  if (code === "ABORT_ERR")
    return new ClusterError(`cannot read from ${what}: ${cutShortWording(abortedBy)}`, {
      reason: "timeout",
      cause: abortedBy,
    });
  if (code === "ETIMEDOUT") return new ClusterError(`${what} did not answer within 10 s`, { reason: "timeout", hint });
  if (code.startsWith("HPE_")) return new ClusterError(`${what} does not speak HTTP`, { reason: "malformed" });
  return new ClusterError(`the port-forward to ${what} broke off (${printable(code)})`, {
    reason: "unreachable",
    hint,
  });
}

function codeOf(cause: unknown): string {
  return String((cause as NodeJS.ErrnoException | undefined)?.code ?? "ERR_UNKNOWN");
}

function wordsOf({ namespace, name }: ObjectName): string {
  return `Pod "${namespace === undefined ? "" : `${printable(namespace)}/`}${printable(name)}"`;
}
