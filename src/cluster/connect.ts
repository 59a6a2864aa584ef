/**
 * The one implementation of the port in cluster.ts, and the table of contents of this folder. A verb, for instance
 * `patch`, makes a path and a description of the request (http/api-request.ts) and gives both to the API server
 * (http/api.ts), which signs it (auth/), sends it (http/transport.ts) over a shared connection (http/pool.ts), sends it
 * again where that is safe (http/retry.ts), and turns a bad answer into an error (http/api-failure.ts). The verb then
 * checks that the answer is what it asked for (http/api-answer.ts). Lists, watches and port-forwards (http/list.ts,
 * http/watch.ts, tunnel/) go the same way.
 *
 * Of @kubernetes/client-node (2.0.1) only the legacy auth-providers are used. Measured reasons for the rest: it merges
 * two KUBECONFIG files otherwise than kubectl; opens a TLS connection for every request; reads a 200 with HTML as an
 * empty object; has no retries and no deadlines; runs exec plugins once a request, without KUBERNETES_EXEC_INFO, and
 * may wait for their input for ever; drops `--as-group`; never ends a port-forward; and takes longer to load than
 * `kubectl get` takes in all.
 */
import { chooseCluster } from "./auth/choose-cluster.ts";
import type { ClusterFlags } from "./auth/connection-flags.ts";
import { credentialsOf } from "./auth/credentials.ts";
import type { Clock } from "./clock.ts";
import type { Cluster, Identity, WriteOptions } from "./cluster.ts";
import { reviewAccess } from "./http/access-review.ts";
import { type Api, createApi } from "./http/api.ts";
import { checkKind, checkObject, expectedOf } from "./http/api-answer.ts";
import { isAbout, malformed } from "./http/api-failure.ts";
import { type ApiRequest, resourcePath } from "./http/api-request.ts";
import { servedKinds } from "./http/discovery.ts";
import { listAll } from "./http/list.ts";
import { createPool } from "./http/pool.ts";
import { createServerClock, createWarnings, type ServerClock } from "./http/response-headers.ts";
import { watchChanges } from "./http/watch.ts";
import { kinds } from "./kinds.ts";
import { createPodPorts, type PodPorts } from "./tunnel/pod-port.ts";

export interface ConnectOptions {
  /** `mesh-migrate/1.2.3`. */
  readonly userAgent: string;
  /** The owner of the fields that we write, in `managedFields`. */
  readonly fieldManager: string;
  /** Gets warnings of the API server, of credential plugins, and of long waits: one line each, safe to print. */
  warn(message: string): void;
  readonly env?: NodeJS.ProcessEnv;
  /** For the waits between tries. */
  readonly clock: Clock;
}

/**
 * The cluster that the flags, KUBECONFIG or the pod that we run in name. Reads configuration only: the first request
 * opens the first connection. Throws `ClusterError` (config) where no usable cluster is named.
 */
export async function connect(flags: ClusterFlags, options: ConnectOptions): Promise<Cluster> {
  const env = options.env ?? process.env;
  const { clock } = options;
  const target = chooseCluster(flags, env);
  const [credentials, pool] = await Promise.all([
    credentialsOf(target, { env, warn: options.warn }),
    createPool(target, env),
  ]);
  const ended = new AbortController();
  const serverClock = createServerClock(clock);
  const warnings = createWarnings(options.warn);
  const api = createApi(
    {
      target,
      pool,
      credentials,
      userAgent: options.userAgent,
      clock,
      warn: options.warn,
      onHeaders: (headers) => {
        serverClock.observe(headers);
        warnings(headers);
      },
    },
    ended.signal,
  );
  const ports = createPodPorts(api, pool, options.clock);
  return {
    ...verbsOf(api, { identity: target.identity, serverClock, ports, clock, fieldManager: options.fieldManager }),
    async close() {
      ended.abort();
      ports.close();
      pool.close();
    },
  };
}

/** What all views (`until`) of a cluster share. */
interface Shared {
  readonly identity: Identity;
  readonly serverClock: ServerClock;
  readonly ports: PodPorts;
  readonly clock: Clock;
  readonly fieldManager: string;
}

/** The verbs of the port, for as long as the signal of `api` allows. */
function verbsOf(api: Api, shared: Shared): Cluster {
  const { identity, serverClock, ports, clock, fieldManager } = shared;
  const { json, where } = api;
  const write = ({ dryRun }: WriteOptions): { fieldManager: string; dryRun: string | undefined } => ({
    fieldManager,
    dryRun: dryRun ? "All" : undefined,
  });

  return {
    identity,

    until: (signal) => verbsOf(api.until(signal), shared),

    async now() {
      if (serverClock.time() === undefined) await api.ask({ method: "GET", path: "version", request: versionRequest });
      const now = serverClock.time();
      if (now === undefined) throw malformed(versionRequest, "no Date header", where);
      return now;
    },

    async version() {
      const answer = await json({ method: "GET", path: "version", request: versionRequest });
      const { gitVersion } = (answer ?? {}) as { readonly gitVersion?: unknown };
      if (typeof gitVersion !== "string" || gitVersion === "") throw malformed(versionRequest, "no gitVersion", where);
      return gitVersion;
    },

    list: (kind, query, project) => listAll(api, kind, query, project),

    served: (groups) => servedKinds(api, groups),

    async get(kind, name, namespace) {
      const request: ApiRequest = { verb: "get", kind, name, namespace, writes: false };
      const answer = await api.ask({ method: "GET", path: resourcePath(kind, request), request });
      if (answer.status === 404 && isAbout(answer, kind, name)) return undefined;
      return checkObject(api.parse(answer, request), expectedOf(kind), request, where);
    },

    async patch(kind, ref, body, rest) {
      const request: ApiRequest = { verb: "patch", ...ref, kind, writes: true };
      const contentType = "application/merge-patch+json";
      return checkObject(
        await json({ method: "PATCH", path: resourcePath(kind, ref, write(rest)), request, body, contentType }),
        expectedOf(kind),
        request,
        where,
      );
    },

    async create(kind, body, { namespace, ...rest }) {
      const request: ApiRequest = {
        verb: "create",
        kind,
        namespace,
        name: (body as { metadata?: { name?: string } }).metadata?.name,
        writes: true,
      };
      const created = await json({
        method: "POST",
        path: resourcePath(kind, { namespace }, write(rest)),
        request,
        body: { ...expectedOf(kind), ...body },
      });
      return checkObject(created, expectedOf(kind), request, where);
    },

    async delete(kind, ref, uid, rest) {
      const request: ApiRequest = { verb: "delete", ...ref, kind, writes: true };
      const body = {
        kind: "DeleteOptions",
        apiVersion: "v1",
        preconditions: { uid, resourceVersion: rest.resourceVersion },
        ...(rest.dryRun && { dryRun: ["All"] }),
      };
      const gone = (await json({ method: "DELETE", path: resourcePath(kind, ref), request, body })) as {
        kind?: unknown;
      } | null;
      // The server answers with a Status when the object is gone, with the object while finalizers or pods keep it.
      checkKind(
        gone,
        gone?.kind === "Status" ? { kind: "Status", apiVersion: "v1" } : expectedOf(kind),
        request,
        where,
      );
    },

    mayI: (access) => reviewAccess(api, access),

    watch(kind, query, hint, signal) {
      void watchChanges(api.until(signal), kind, query, hint, clock);
    },

    logs(pod, container, { tailLines, previous }) {
      const address = { ...pod, subresource: "log" };
      const path = resourcePath(kinds.pods, address, { container, tailLines, previous, limitBytes: 1024 * 1024 });
      return api.text({
        method: "GET",
        path,
        accept: "text/plain, application/json",
        request: { verb: "get", kind: kinds.pods, ...address, writes: false },
      });
    },

    getFromPod: (pod, port, path) => ports.get(pod, port, path, api.signal),

    postToPod: (pod, port, request) => ports.post(pod, port, request, api.signal),

    async close() {},
  };
}

const versionRequest: ApiRequest = {
  verb: "get",
  kind: { plural: "the server's version", group: "", kind: "Version", namespaced: false },
  writes: false,
};
