/**
 * One istiod for each of its pods that runs: its webhook, the proxies connected to it, and its debug pages on port
 * 15014 (istio-facts.md §6; pilot/pkg/xds/{debug,statusgen}.go, shapes as recorded in test/mesh/answers).
 */
import http from "node:http";
import https from "node:https";
import type { Duplex } from "node:stream";
import type { ConnectPort } from "../api/port-forward.ts";
import type { MeshClock } from "../clock.ts";
import type { Json, KubeJson } from "../object.ts";
import { istiodPki } from "./istiod-pki.ts";

/**
 * `unready`: the process is gone and its pod not ready; `unnoticed`: gone, and the pod goes on claiming to be ready;
 * `frozen`: it accepts connections and never answers.
 */
export type Stop = "unready" | "unnoticed" | "frozen";

export type SyncState = "sent" | "acked" | "rejected";

export interface Connection {
  readonly proxy: string;
  readonly type: string;
  readonly version: string;
  readonly address: string;
  readonly id: string;
  readonly connectedAt: string;
  readonly cds: { nonce: string; state: SyncState };
  readonly lds: { nonce: string; state: SyncState };
}

export interface Istiod {
  readonly version: string;
  /** By pod UID of the proxy. */
  readonly connections: Map<string, Connection>;
  /** Adds a proxy; clusters and listeners are sent at once, acknowledged later. */
  connect(uid: string, proxy: Pick<Connection, "proxy" | "type" | "version"> & { readonly ip: string }): Connection;
  readonly connectPort: ConnectPort;
  /** The process is gone: whoever talks to a port of it is cut off. */
  hangUp(): void;
}

const clusterType = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
const listenerType = "type.googleapis.com/envoy.config.listener.v3.Listener";

/** `stopped`: how it is stopped, if it is. `inject` answers an AdmissionReview. */
export function createIstiod(
  pod: KubeJson,
  clock: MeshClock,
  random: () => number,
  stopped: () => Stop | undefined,
  inject: (review: Json) => Json,
): Istiod {
  const version = String(pod.spec.containers[0].image).split(":").at(-1)?.split("-")[0] ?? "";
  const connections = new Map<string, Connection>();
  const modern = Number(version.split(".")[1]) >= 23;
  let counter = 0;

  const nonce = (): string => {
    const hex = (length: number): string =>
      Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join("");
    const uuid = [8, 4, 4, 4, 12].map(hex).join("-");
    return modern ? `${new Date(clock.wall()).toISOString().slice(0, 19)}Z/${++counter}${uuid}` : uuid;
  };
  const nanos = (): string => new Date(clock.wall()).toISOString().replace("Z", "000000Z");

  const [json, text] = ["application/json", "text/plain; charset=utf-8"];
  /** Type and text of a page. Without clients istiod leaves out their list. */
  const pageOf = (path: string): readonly [string, string] | undefined => {
    if (path.startsWith("/debug/") && hasNoDebug(pod)) return undefined;
    const all = [...connections.values()];
    if (path === "/debug/syncz") return [json, JSON.stringify(all.map((each) => synczEntry(each, modern)))];
    if (path === "/debug/connections") {
      const clients = all.map(({ id, connectedAt, address }) => ({
        ...{ connectionId: id, connectedAt, address },
        ...(!modern && { labels: null }),
      }));
      return [json, JSON.stringify({ totalClients: clients.length, ...(clients.length > 0 && { clients }) })];
    }
    if (path === "/debug/clusterz") return [json, modern ? ownCluster : "null"];
    return path === "/version" ? [text, `${version}-unknown-Clean`] : undefined;
  };
  const server = http.createServer((request, response) => {
    if (stopped() === "frozen") return;
    const page = pageOf(new URL(request.url ?? "/", "http://istiod").pathname);
    const [type, body] = page ?? [text, "404 page not found\n"];
    response.writeHead(page ? 200 : 404, { "content-type": type }).end(body);
  });
  server.keepAliveTimeout = 0;
  /** The webhook, as it is asked by a port-forward; the API server calls it without a connection. */
  const webhook = istiodPki().then(({ server: { cert, key } }) =>
    https.createServer({ cert, key }, async (request, response) => {
      const review = JSON.parse(Buffer.concat(await request.toArray()).toString());
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(inject(review)));
    }),
  );
  const talking = new Set<Duplex>();

  return {
    version,
    connections,
    connect: (uid, { ip, ...proxy }) => {
      const connection: Connection = {
        ...proxy,
        ...{
          address: `${ip}:${32_768 + Math.floor(random() * 28_000)}`,
          id: `${proxy.proxy}-${++counter}`,
          connectedAt: nanos(),
        },
        ...{ cds: { nonce: nonce(), state: "sent" }, lds: { nonce: nonce(), state: "sent" } },
      };
      connections.set(uid, connection);
      return connection;
    },
    connectPort: (port, connection) => {
      const how = stopped();
      if (![15014, 15017].includes(port) || how === "unready" || how === "unnoticed")
        return `error forwarding port ${port} to pod ${pod.metadata.uid}, uid : failed to connect to localhost:${port} inside namespace: dial tcp 127.0.0.1:${port}: connect: connection refused`;
      talking.add(connection);
      connection.once("close", () => talking.delete(connection));
      if (port === 15014) server.emit("connection", connection);
      else void webhook.then((secure) => secure.emit("connection", connection));
      return undefined;
    },
    hangUp: () => {
      for (const connection of talking) connection.destroy();
    },
  };
}

/** `ENABLE_DEBUG_ON_HTTP=false` (pilot/pkg/features/pilot.go). */
const hasNoDebug = ({ spec }: KubeJson): boolean =>
  (spec.containers[0].env ?? []).some(({ name, value }: Json) => name === "ENABLE_DEBUG_ON_HTTP" && value === "false");

/** As which istioctl's own connections are listed; nothing is sent to them. */
export const versionOfIstioctl = "65536.65536.65536";

/** `/debug/clusterz` without a remote cluster; up to 1.20 the own one is not in it. */
const ownCluster = JSON.stringify([{ id: "Kubernetes", syncStatus: "synced" }]);

function synczEntry({ proxy, type, version, cds, lds, connectedAt }: Connection, modern: boolean): Json {
  const acked = ({ nonce, state }: Connection["cds"]) => (state === "acked" ? nonce : undefined);
  const resource = (each: Connection["cds"]) => ({
    ...{ sent: each.nonce, acked: acked(each), sentTime: connectedAt },
    ...(each.state === "rejected" && {
      lastError: "Error adding/updating listener(s) virtualInbound: unknown extension",
    }),
  });
  return {
    ...{ cluster_id: "Kubernetes", proxy, proxy_type: type, istio_version: version },
    ...(version !== versionOfIstioctl && {
      cluster_sent: cds.nonce,
      cluster_acked: acked(cds),
      listener_sent: lds.nonce,
      listener_acked: acked(lds),
    }),
    ...(modern && { resources: { [clusterType]: resource(cds), [listenerType]: resource(lds) } }),
  };
}
