/** The workloads of a stream: servers to be moved, and clients. Their image holds test/real/go/traffic. */
import { appImage } from "./images.ts";

/** How a server behaves where it is moved. */
export interface Behaviour {
  /** Whether the kubelet asks if it is ready. */
  readonly readinessProbe?: boolean;
  /** Seconds that a pod goes on serving while the news of its end spreads; 0 for none. */
  readonly preStop?: number;
  /** "2s": nothing listens until then. */
  readonly startDelay?: string;
  /** Whether it finishes what is under way when it is told to end; otherwise it exits with 1. */
  readonly graceful?: boolean;
  /** Its pods of this revision exit with 2 as they start. */
  readonly crashesOn?: string;
  /** Its pods of this revision are never ready. */
  readonly unreadyOn?: string;
}

/** Asks to be probed, drains, starts at once, and ends in order. */
export const wellBehaved = { readinessProbe: true, preStop: 5, startDelay: "0s", graceful: true } as const;
/** Takes traffic long before it listens, and exits while it has it. */
export const careless = { readinessProbe: false, preStop: 0, startDelay: "30s", graceful: false } as const;

/**
 * A classic sidecar starts beside the app, whose first requests would fail: the app waits for it
 * (https://istio.io/v1.20/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig). A native one starts before it.
 */
const held = { "proxy.istio.io/config": '{"holdApplicationUntilProxyStarts": true}' };

const variables = (values: Readonly<Record<string, string | undefined>>) =>
  Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));

const resources = { requests: { cpu: "5m", memory: "16Mi" } };

/** A Deployment of servers and its Service, whose port names say the protocols to Istio. */
export function servers(
  namespace: string,
  name: string,
  replicas: number,
  { readinessProbe = true, preStop = 5, startDelay, graceful = true, crashesOn, unreadyOn }: Behaviour = {},
): readonly object[] {
  const ports = [
    { name: "http", port: 8080 },
    { name: "http2", port: 8081 },
    { name: "grpc", port: 9090 },
  ];
  const container = {
    name: "server",
    image: appImage,
    args: ["server"],
    resources,
    ports: ports.map((each) => ({ name: each.name, containerPort: each.port })),
    env: [
      ...variables({ START_DELAY: startDelay, GRACEFUL: graceful ? undefined : "no" }),
      ...variables({ CRASH_ON: crashesOn, UNREADY_ON: unreadyOn }),
      { name: "REVISION", valueFrom: { fieldRef: { fieldPath: "metadata.annotations['istio.io/rev']" } } },
    ],
    ...(readinessProbe && { readinessProbe: { httpGet: { path: "/ready", port: 8080 }, periodSeconds: 1 } }),
    // not preStop.sleep: the injector of 1.19 drops that field, and the API server refuses the pod
    ...(preStop > 0 && { lifecycle: { preStop: { exec: { command: ["app", "sleep", String(preStop)] } } } }),
  };
  return [
    { apiVersion: "v1", kind: "Service", metadata: { namespace, name }, spec: { selector: { app: name }, ports } },
    deployment(namespace, name, replicas, { containers: [container], terminationGracePeriodSeconds: 30 }),
  ];
}

/** Clients of one kind, and what they ask. */
export interface Clients {
  readonly namespace: string;
  readonly name: string;
  readonly replicas: number;
  /** Whom they ask: "server.shop", or with a port where all protocols are behind one. */
  readonly host: string;
  /** Requests a second of each kind, from each client. */
  readonly rate: number;
  /** Of http1-new, http1-kept, http2-kept, grpc-kept; all unless given. */
  readonly kinds?: readonly string[];
  /** The Host header (gRPC's authority), for a gateway. */
  readonly hostHeader?: string;
  /** "4s": how long a client stays, and its native sidecar with it, once it has ended what was under way. */
  readonly linger?: string;
}

/** A Deployment of clients, which write to files of their own in a folder of the node. */
export const clients = (
  { namespace, name, replicas, host, rate, kinds, hostHeader, linger }: Clients,
  folder: string,
): object =>
  deployment(namespace, name, replicas, {
    containers: [
      {
        name: "client",
        image: appImage,
        args: ["client"],
        resources,
        env: [
          ...variables({ CLIENT: clientOf({ namespace, name }), HOST: host, RATE: String(rate), OUT: "/out" }),
          ...variables({ KINDS: kinds?.join(), HOST_HEADER: hostHeader, LINGER: linger }),
        ],
        volumeMounts: [{ name: "out", mountPath: "/out" }],
      },
    ],
    volumes: [{ name: "out", hostPath: { path: folder } }],
  });

/** The name under which clients count. */
export const clientOf = ({ namespace, name }: Pick<Clients, "namespace" | "name">): string => `${namespace}/${name}`;

/** Only mutual TLS into the namespace: what is lost to a proxy that is not there yet is seen. */
export const strict = (namespace: string): object => ({
  apiVersion: "security.istio.io/v1beta1", // 1.19 serves no v1
  kind: "PeerAuthentication",
  metadata: { namespace, name: "strict" },
  spec: { mtls: { mode: "STRICT" } },
});

const deployment = (namespace: string, name: string, replicas: number, spec: object): object => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { namespace, name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name }, annotations: held }, spec },
  },
});
