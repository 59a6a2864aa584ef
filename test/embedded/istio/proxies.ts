/**
 * The data plane as istiod sees it: every proxy that runs connects to an istiod of its address, stays while its pod
 * does, and comes back when the connection breaks.
 */
import type { Cluster } from "../controllers/controller.ts";
import type { Json, KubeJson } from "../object.ts";
import { lifeOf, proxyOf, revisionOf, statusesOf } from "../pods/life.ts";
import type { ControlPlanes } from "./control-planes.ts";
import type { Istiod } from "./istiod.ts";

/** Milliseconds from running to connected, and from connected to each acknowledgement. */
const pace = { connect: 100, acknowledge: 40 };
const backOff = { first: 500, most: 5_000 };

export interface Proxies {
  /** Has the pod's proxy acknowledged clusters and listeners, now or before? */
  isSynced(uid: string): boolean;
  /** An istiod is gone: whoever was connected to it comes back, elsewhere. */
  dropped(istiod: Istiod): void;
  stop(): void;
}

interface Proxy {
  readonly uid: string;
  istiod: Istiod | undefined;
  synced: boolean;
  failures: number;
  cancel: () => void;
}

/** `onSync` is told when a pod's proxy gets in sync. */
export function startProxies(cluster: Cluster, planes: ControlPlanes, onSync: (uid: string) => void): Proxies {
  const { store, clock, random } = cluster;
  const pods = cluster.resource("pods");
  const proxies = new Map<string, Proxy>();

  const end = (proxy: Proxy): void => {
    proxy.cancel();
    proxy.istiod?.connections.delete(proxy.uid);
    proxies.delete(proxy.uid);
  };
  const connect = (proxy: Proxy, pod: KubeJson): void => {
    const istiod = planes.reachable(discoveryAddressOf(pod));
    if (!istiod) {
      retry(proxy, pod);
      return;
    }
    proxy.istiod = istiod;
    const container = proxyOf(pod);
    const connection = istiod.connect(proxy.uid, {
      proxy: `${pod.metadata.name}.${pod.metadata.namespace}`,
      type: container?.args?.includes("router") ? "router" : "sidecar",
      version: String(container?.image).split(":").at(-1)?.split("-")[0] ?? "",
      ip: pod.status?.podIP ?? "127.0.0.1",
    });
    const rejects = lifeOf(pod) === "nack";
    const acknowledge = pace.acknowledge + planes.lagOf(istiod);
    proxy.cancel = clock.after(acknowledge, () => {
      connection.cds.state = "acked";
      proxy.cancel = clock.after(acknowledge, () => {
        connection.lds.state = rejects ? "rejected" : "acked";
        proxy.failures = 0;
        if (rejects || proxy.synced) return;
        proxy.synced = true;
        onSync(proxy.uid);
      });
    });
  };
  /** As Envoy does, with back-off: 500 ms at first; 30 s at most there, 5 s here. */
  const retry = (proxy: Proxy, pod: KubeJson): void => {
    const wait = random() * Math.min(backOff.most, backOff.first * 2 ** proxy.failures++);
    proxy.cancel = clock.after(wait, () => connect(proxy, pod));
  };
  const look = (pod: KubeJson): void => {
    const { uid } = pod.metadata;
    const known = proxies.get(uid);
    const runs =
      proxyOf(pod) !== undefined && statusesOf(pod).some(({ name, state }) => name === "istio-proxy" && state?.running);
    if (!runs && known) end(known);
    if (!runs || known || revisionOf(pod) === undefined || lifeOf(pod) === "no-istiod") return;
    const proxy: Proxy = { uid, istiod: undefined, synced: false, failures: 0, cancel: () => {} };
    proxies.set(uid, proxy);
    proxy.cancel = clock.after(pace.connect, () => connect(proxy, pod));
  };

  const unsubscribe = store.onChange(({ type, resource, object }) => {
    if (resource !== pods) return;
    const known = proxies.get(object.metadata.uid);
    if (type !== "DELETED") look(object);
    else if (known) end(known);
  });
  return {
    isSynced: (uid) => proxies.get(uid)?.synced ?? false,
    dropped: (istiod) => {
      for (const [uid] of [...istiod.connections]) {
        istiod.connections.delete(uid);
        const proxy = proxies.get(uid);
        const pod = proxy && store.list(pods).find(({ metadata }) => metadata.uid === uid);
        if (!proxy || !pod) continue;
        proxy.cancel();
        proxy.istiod = undefined;
        retry(proxy, pod);
      }
    },
    stop: () => {
      unsubscribe();
      for (const proxy of [...proxies.values()]) proxy.cancel();
    },
  };
}

function discoveryAddressOf(pod: KubeJson): string {
  const variable = (name: string): string | undefined =>
    proxyOf(pod)?.env?.find((each: Json) => each.name === name)?.value;
  return JSON.parse(variable("PROXY_CONFIG") ?? "{}").discoveryAddress ?? "istiod.istio-system.svc:15012";
}
