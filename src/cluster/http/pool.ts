/** The connections to the API server: TLS, proxies, and how many there are at once. */
import http from "node:http";
import https from "node:https";
import tls from "node:tls";
import type { ChosenCluster } from "../auth/choose-cluster.ts";
import type { Certificate } from "../auth/credential.ts";
import { ClusterError } from "../cluster-error.ts";
import { proxyFor, proxyName } from "./proxy.ts";

/**
 * The connections to one API server. Requests share a few that are kept open. One about a single object takes one more
 * where all of these are busy: else a restart, or the renewal of a lock, would wait behind hundreds of lists. A stream has
 * a connection of its own. A tunnel takes over an idle shared connection, which saves a handshake, or else opens its own: it never waits.
 */
export interface Pool {
  readonly server: URL;
  /** The proxy on the way, without its password. */
  readonly proxy: string | undefined;
  /**
   * The agent whose connections use this client certificate. Throws `ClusterError` (config) for a certificate or CA
   * that cannot be read.
   */
  agent(certificate: Certificate | undefined, use: Use): http.Agent;
  /** Closes every connection. */
  close(): void;
}

/** What a connection is for: a list, a request about a single object, a watch or a log, a port-forward. */
export type Use = "list" | "object" | "stream" | "tunnel";

/**
 * Load balancers drop idle connections after a minute or more: we close ours first, so that no write meets a dead one.
 */
const idleLimit = 20_000;
const connectLimit = 5_000;
/** Requests at the same time, as in a browser; others wait for a connection. Each connection costs a TLS handshake. */
const parallel = 6;

/** Opens no connection yet. Throws `ClusterError` (config) for a bad proxy. */
export function createPool(target: ChosenCluster, env: NodeJS.ProcessEnv): Promise<Pool> {
  const proxy = proxyFor(target.server, target.proxyUrl, env);
  return proxy?.protocol.startsWith("socks5") ? socksPool(target, proxy) : Promise.resolve(plainPool(target, proxy));
}

function plainPool(target: ChosenCluster, proxy: URL | undefined): Pool {
  const proxyEnv = proxy && { HTTPS_PROXY: proxy.href, HTTP_PROXY: proxy.href };
  return poolOf(target, proxy, (options) => {
    const whole = { ...options, ...(proxyEnv && { proxyEnv }) };
    return target.server.protocol === "https:" ? new https.Agent(whole) : new http.Agent(whole);
  });
}

async function socksPool(target: ChosenCluster, proxy: URL): Promise<Pool> {
  const { SocksProxyAgent } = await import("socks-proxy-agent");
  // Go lets the proxy resolve the name; this package does so for socks5h.
  const url = proxy.href.replace(/^socks5:/, "socks5h:");
  return poolOf(target, proxy, ({ secureContext, servername, rejectUnauthorized, ...options }) => {
    const agent = new SocksProxyAgent(url, options);
    // It takes the options of TLS from the request, not from the agent.
    const connect = agent.connect.bind(agent);
    agent.connect = (request, given) =>
      connect(request, Object.assign(given, { secureContext, rejectUnauthorized, ...(servername && { servername }) }));
    return agent;
  });
}

type Options = https.AgentOptions & { readonly secureContext: tls.SecureContext | undefined };

function poolOf(target: ChosenCluster, proxy: URL | undefined, create: (options: Options) => http.Agent): Pool {
  let held:
    | ({ readonly certificate: Certificate | undefined } & Readonly<
        Record<"shared" | "objects" | "stream", http.Agent>
      >)
    | undefined;
  const open = (certificate: Certificate | undefined): NonNullable<typeof held> => {
    const options: Options = {
      rejectUnauthorized: !target.tls.insecure,
      ...(target.tls.serverName && { servername: target.tls.serverName }),
      secureContext: target.server.protocol === "https:" ? secureContext(target, certificate) : undefined,
    };
    const kept = (): http.Agent =>
      create({
        ...options,
        keepAlive: true,
        keepAliveMsecs: 15_000,
        maxSockets: parallel,
        scheduling: "lifo",
        timeout: idleLimit,
      });
    return {
      certificate,
      shared: kept(),
      objects: kept(),
      stream: create({ ...options, ...(proxy && { timeout: connectLimit }) }),
    };
  };
  return {
    server: target.server,
    proxy: proxy && proxyName(proxy),
    agent(certificate, use) {
      if (
        held === undefined ||
        held.certificate?.cert !== certificate?.cert ||
        held.certificate?.key !== certificate?.key
      ) {
        // The idle connections of the old agent time out; those in use finish.
        held = open(certificate);
      }
      if (use === "stream") return held.stream;
      const { shared } = held;
      if (use === "list" || socketsIn(shared.freeSockets) > 0) return shared;
      if (use === "tunnel") return held.stream;
      return socketsIn(shared.sockets) < parallel ? shared : held.objects;
    },
    close() {
      held?.shared.destroy();
      held?.objects.destroy();
      held?.stream.destroy();
    },
  };
}

const socketsIn = (byServer: http.Agent["sockets"]): number =>
  Object.values(byServer).reduce((sum, sockets) => sum + (sockets?.length ?? 0), 0);

/** Made once for all connections: certificates are parsed once, and TLS sessions can be resumed. */
function secureContext(target: ChosenCluster, certificate: Certificate | undefined): tls.SecureContext {
  const ca = target.tls.ca ?? (target.tls.insecure ? undefined : systemCertificates());
  try {
    return tls.createSecureContext({ ...certificate, ...(ca && { ca }) });
  } catch (cause) {
    const part = certificate && !loads({ ...certificate }) ? "client certificate or key" : "certificate authority";
    throw new ClusterError(
      `the ${part} of the kubeconfig cannot be read (${(cause as NodeJS.ErrnoException).code ?? "not PEM"})`,
      {
        reason: "config",
        hint: "It must be PEM, and the key must fit the certificate.",
      },
    );
  }
}

function loads(certificate: Certificate): boolean {
  try {
    tls.createSecureContext({ ...certificate });
    return true;
  } catch {
    return false;
  }
}

function systemCertificates(): string[] | undefined {
  const found = tls.getCACertificates("system");
  return found.length > 0 ? found : undefined;
}
