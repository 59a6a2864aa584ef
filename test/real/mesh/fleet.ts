/**
 * The mesh's data plane as istiod sees it: one ADS stream per injected pod whose proxy runs, to an istiod of the
 * address that injection gave it. Once CDS and LDS are acknowledged the pod is annotated, which lets it become ready. A
 * stream stays while its pod is terminating, as a proxy does that drains, and ends when the proxy does.
 *
 * A program: `node fleet.ts KUBECONFIG FOLDER-OF-THE-MESH [bed]`.
 */
import { createRequire } from "node:module";
import path from "node:path";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { connectApi, type Json } from "./api.ts";
import { installOddLogs } from "./logs.ts";
import { followServices } from "./services.ts";
import { annotations, lifeLabel } from "./stages.ts";

const cds = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
const lds = "type.googleapis.com/envoy.config.listener.v3.Listener";

type Stream = grpc.ClientDuplexStream<object, Json>;

interface Proxy {
  stream?: Stream;
  failures: number;
  gone: boolean;
}

const api = connectApi(process.argv[2] as string);
const forever = new AbortController().signal;
/** In a bed with traffic: only the pods of kwok's nodes, and istiods by the addresses of their Services. */
const onBed = process.argv[4] === "bed";
const addressOf = await (onBed ? followAddresses() : followForwards());

/** Where the plain port of a Service's istiods is, by the name of the Service; undefined where it is nowhere. */
type AddressOf = (discoveryAddress: string) => string | undefined;

async function followAddresses(): Promise<AddressOf> {
  const addresses = new Map<string, string>();
  await api.watch(
    "/api/v1/namespaces/istio-system/services",
    ({ type, object: { metadata, spec } }) =>
      type === "DELETED" ? addresses.delete(metadata.name) : addresses.set(metadata.name, `${spec.clusterIP}:15010`),
    forever,
  );
  return (discoveryAddress) => addresses.get(discoveryAddress.split(".")[0] ?? "");
}

async function followForwards(): Promise<AddressOf> {
  const forwards = new Map<string, Json>();
  await api.watch(
    "/apis/kwok.x-k8s.io/v1alpha1/namespaces/istio-system/portforwards",
    ({ type, object }) =>
      type === "DELETED" ? forwards.delete(object.metadata.name) : forwards.set(object.metadata.name, object),
    forever,
  );
  /** The proxies' port is TLS with a token that only a kubelet could mint; the plain one beside it serves the same. */
  const findPort = (pod: { name: string }, port: number): number | undefined =>
    forwards.get(pod.name)?.spec.forwards.find((each: Json) => each.ports.includes(port === 15012 ? 15010 : port))
      ?.target.port;
  const services = await followServices(api, "istio-system", findPort, forever);
  return (discoveryAddress) => {
    const route = services.byName(discoveryAddress);
    return "missing" in route ? undefined : `127.0.0.1:${route.port}`;
  };
}

// 64 streams a connection: on one for all, the HTTP/2 limit of istiod stalls the rest
const Ads = loadAds();
const clients = new Map<string, InstanceType<typeof Ads>>();
let opened = 0;
function clientOf(address: string): InstanceType<typeof Ads> {
  const key = `${address}#${opened++ >> 6}`;
  const known =
    clients.get(key) ?? new Ads(address, grpc.credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  clients.set(key, known);
  return known;
}

function loadAds(): grpc.ServiceClientConstructor {
  const protos = path.join(
    path.dirname(createRequire(import.meta.url).resolve("@grpc/grpc-js-xds/package.json")),
    "deps",
  );
  const definition = loadSync("envoy/service/discovery/v3/ads.proto", {
    ...{ keepCase: true, longs: String, enums: String, oneofs: true },
    includeDirs: ["envoy-api", "xds", "googleapis", "protoc-gen-validate"].map((folder) => path.join(protos, folder)),
  });
  const loaded = grpc.loadPackageDefinition(definition) as Json;
  return loaded.envoy.service.discovery.v3.AggregatedDiscoveryService;
}

function connect(pod: Json, proxy: Proxy, container: Json): void {
  const address = addressOf(discoveryAddressOf(container));
  if (address === undefined) {
    retry(pod, proxy, container);
    return;
  }
  const node = nodeOf(pod, container);
  const life = lifeOf(pod);
  const stream: Stream = (clientOf(address) as Json).StreamAggregatedResources();
  proxy.stream = stream;
  const acknowledged = new Set<string>();
  stream.on("data", (response: Json) => {
    const rejected = life === "nack" && response.type_url === lds;
    const answer = { type_url: response.type_url, response_nonce: response.nonce, node };
    if (rejected) {
      stream.write({
        ...answer,
        error_detail: { code: 13, message: "Error adding/updating listener(s) virtualInbound: unknown extension" },
      });
      return;
    }
    stream.write({ ...answer, version_info: response.version_info });
    acknowledged.add(response.type_url);
    proxy.failures = 0;
    if (acknowledged.has(cds) && acknowledged.has(lds) && pod.metadata.annotations[annotations.synced] !== "true")
      void annotate(pod);
  });
  stream.on("error", () => {
    if (proxy.stream === stream) delete proxy.stream;
    retry(pod, proxy, container);
  });
  stream.on("end", () => stream.end());
  for (const type_url of [cds, lds]) stream.write({ type_url, node });
}

/** As Envoy does, with back-off: 500 ms at first, 30 s at most there, 5 s here. */
function retry(pod: Json, proxy: Proxy, container: Json): void {
  const wait = Math.random() * Math.min(5000, 500 * 2 ** proxy.failures++);
  setTimeout(() => !proxy.gone && proxy.stream === undefined && connect(pod, proxy, container), wait);
}

function discoveryAddressOf(container: Json): string {
  const variable = (name: string): string | undefined => container.env?.find((each: Json) => each.name === name)?.value;
  return (
    JSON.parse(variable("PROXY_CONFIG") ?? "{}").discoveryAddress ??
    variable("CA_ADDR") ??
    "istiod.istio-system.svc:15012"
  );
}

function nodeOf(pod: Json, container: Json): object {
  const { name, namespace, labels = {} } = pod.metadata;
  const text = (stringValue: string) => ({ stringValue, kind: "stringValue" });
  const struct = (values: Record<string, string>) => ({
    structValue: { fields: Object.fromEntries(Object.entries(values).map(([key, value]) => [key, text(value)])) },
    kind: "structValue",
  });
  const kind = container.args?.includes("router") ? "router" : "sidecar";
  return {
    id: `${kind}~${pod.status.podIP}~${name}.${namespace}~${namespace}.svc.cluster.local`,
    cluster: `${labels.app ?? name}.${namespace}`,
    metadata: {
      fields: {
        NAME: text(name),
        NAMESPACE: text(namespace),
        CLUSTER_ID: text("Kubernetes"),
        MESH_ID: text("cluster.local"),
        SERVICE_ACCOUNT: text(pod.spec.serviceAccountName ?? "default"),
        ISTIO_VERSION: text(container.image.split(":").pop().split("-")[0]),
        LABELS: struct(labels),
        // istioctl's proxy-status, from 1.22 on, lists only clients that tell their proxy's configuration (istiod's
        // statusgen.go)
        PROXY_CONFIG: struct({ discoveryAddress: discoveryAddressOf(container) }),
      },
    },
  };
}

/** What the pod's life is, seen from its proxy. The stages have the same rule. */
function lifeOf(pod: Json): string {
  const wanted = pod.metadata.annotations?.[annotations.onRevision];
  const applies = wanted === undefined || wanted === revisionOf(pod);
  return (applies ? pod.metadata.labels?.[lifeLabel] : undefined) ?? "well";
}

function revisionOf(pod: Json): string | undefined {
  const { annotations: written = {} } = pod.metadata;
  return JSON.parse(written["sidecar.istio.io/status"] ?? "{}").revision ?? written["istio.io/rev"];
}

async function annotate(pod: Json): Promise<void> {
  const { namespace, name } = pod.metadata;
  const body = { metadata: { annotations: { [annotations.synced]: "true" } } };
  await api.merge(`/api/v1/namespaces/${namespace}/pods/${name}`, body).catch(() => {}); // the pod is gone
}

const odd = new Set(["crash", "pull", "no-istiod", "nack"]);

/** A pod that is to fail has logs that say why. */
function explain(pod: Json): void {
  const life = lifeOf(pod);
  if (!odd.has(life)) return;
  const containers: string[] = pod.spec.containers.map((each: Json) => each.name);
  const affected =
    pod.metadata.annotations?.[annotations.container] ?? containers.find((name) => name !== "istio-proxy");
  void installOddLogs(api, process.argv[3] as string, { ...pod.metadata, life, containers, affected });
}

const proxies = new Map<string, Proxy>(); // by the pod's uid
await api.watch(
  "/api/v1/pods",
  ({ type, object: pod }) => {
    const { uid } = pod.metadata;
    if (onBed && !pod.spec.nodeName?.startsWith("kwok-")) return;
    if (type === "ADDED") explain(pod);
    const container = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(
      (each: Json) => each.name === "istio-proxy",
    );
    const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
    const runs = type !== "DELETED" && statuses.some((each: Json) => each.name === "istio-proxy" && each.state.running);
    const known = proxies.get(uid);
    if (runs && known === undefined && revisionOf(pod) !== undefined && lifeOf(pod) !== "no-istiod") {
      const proxy: Proxy = { failures: 0, gone: false };
      proxies.set(uid, proxy);
      connect(pod, proxy, container);
    } else if (!runs && known !== undefined) {
      known.gone = true;
      known.stream?.cancel();
      proxies.delete(uid);
    }
  },
  forever,
);
