/** The proxies of one istiod, from the answers of its debug endpoints. */
import { instantOf, isBefore } from "../instant.ts";
import type { ProxyConnection, SyncState } from "../model.ts";

/**
 * The proxies connected to one istiod, from its answers to `/debug/connections` and `/debug/syncz` (Istio 1.19 to 1.29;
 * bodies as text). Ask for the connections first: then a connection that is made between the two answers has no time,
 * or the older time of the pod's previous connection, and never looks newer than it is. istioctl's own connections are
 * not included. Throws an error with a sentence when an answer does not have the expected form. Source: `Syncz` and
 * `connectionsHandler` (istio/istio pilot/pkg/xds/debug.go), `connectionID` (ads.go), `debugSyncStatus` (statusgen.go).
 */
export const proxiesFrom = (connections: string, syncz: string): ProxyConnection[] => {
  const clients = Map.groupBy(clientsFrom(connections), ({ proxy }) => proxy);
  return entriesFrom(syncz).flatMap((entry) => {
    if (isIstioctl(entry)) return [];
    const proxy = textOf(entry, "proxy") ?? "";
    const [, pod = proxy, namespace = ""] = /^(.*)\.([^.]*)$/.exec(proxy) ?? [];
    const client = clients
      .get(proxy)
      ?.reduce((oldest, other) => (isBefore(other.connectedAt, oldest.connectedAt) ? other : oldest));
    return {
      namespace,
      pod,
      type: textOf(entry, "proxy_type") ?? "",
      version: textOf(entry, "istio_version"),
      cluster: textOf(entry, "cluster_id"),
      cds: stateOf(entry, "cluster", clusterType),
      lds: stateOf(entry, "listener", listenerType),
      rejected: rejectedBy(entry),
      connectedAt: client?.connectedAt,
      ip: client?.ip,
    };
  });
};

const clusterType = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
const listenerType = "type.googleapis.com/envoy.config.listener.v3.Listener";

type Fields = Readonly<Record<string, unknown>>;

/** istiod gives a client without a version the highest version, and istioctl subscribes to no configuration. */
const isIstioctl = (entry: Fields): boolean =>
  textOf(entry, "istio_version") === "65536.65536.65536" &&
  ["cluster_sent", "listener_sent"].every((nonce) => textOf(entry, nonce) === undefined);

const stateOf = (entry: Fields, prefix: string, type: string): SyncState => {
  const resource = resourcesOf(entry).get(type);
  const [sent, acked] = [textOf(entry, `${prefix}_sent`), textOf(entry, `${prefix}_acked`)];
  if (resource && textOf(resource, "lastError") !== undefined) return "rejected";
  if (sent === undefined) return "not sent";
  return sent === acked ? "synced" : "stale";
};

const rejectedBy = (entry: Fields): { readonly type: string; readonly message: string }[] =>
  [...resourcesOf(entry)].flatMap(([type, resource]) => {
    const message = textOf(resource, "lastError");
    return message === undefined ? [] : [{ type: type.slice(type.lastIndexOf(".") + 1), message }];
  });

/** The state of each type of configuration, by type URL; only istiods of 1.23 and later report it. */
const resourcesOf = (entry: Fields): ReadonlyMap<string, Fields> => {
  const resources = entry.resources;
  return new Map(
    isFields(resources) ? Object.entries(resources).filter((pair): pair is [string, Fields] => isFields(pair[1])) : [],
  );
};

const entriesFrom = (body: string): readonly Fields[] => {
  const entries = parse(body, "/debug/syncz");
  if (!Array.isArray(entries) || !entries.every(isFields))
    throw new Error("istiod's answer to /debug/syncz is not a list of proxies");
  return entries;
};

/** A connection's id is `POD.NAMESPACE-N`; N is a counter of the istiod. */
const clientsFrom = (
  body: string,
): { readonly proxy: string; readonly connectedAt: string; readonly ip: string | undefined }[] => {
  const answer = parse(body, "/debug/connections");
  const total = isFields(answer) ? answer.totalClients : undefined;
  const clients = isFields(answer) ? (answer.clients ?? []) : undefined;
  if (typeof total !== "number" || !Array.isArray(clients) || !clients.every(isFields))
    throw new Error("istiod's answer to /debug/connections is not a list of clients");
  return clients.map((client) => {
    const [id, connectedAt] = [textOf(client, "connectionId"), textOf(client, "connectedAt")];
    if (id === undefined || connectedAt === undefined || instantOf(connectedAt) === undefined)
      throw new Error("istiod's answer to /debug/connections has a client without id or time");
    return { proxy: id.replace(/-\d+$/, ""), connectedAt, ip: hostOf(textOf(client, "address")) };
  });
};

/** Host of `HOST:PORT`; an IPv6 address without its brackets. */
const hostOf = (address: string | undefined): string | undefined => /^\[?(.+?)\]?:\d+$/.exec(address ?? "")?.[1];

const parse = (body: string, path: string): unknown => {
  try {
    return JSON.parse(body);
  } catch {
    throw new Error(`istiod's answer to ${path} is not JSON: ${JSON.stringify(body.slice(0, 60))}`);
  }
};

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A text field that exists and is not empty: istiod leaves empty fields out. */
const textOf = (fields: Fields, name: string): string | undefined => {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return typeof value === "string" && value !== "" ? value : undefined;
};
