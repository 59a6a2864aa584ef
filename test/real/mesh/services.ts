/**
 * What kube-proxy and the cluster's DNS do for the Services of istiod: from a Service's address to a live endpoint's
 * process. Endpoints are those of the EndpointSlices, so a pod that is not ready gets nothing; processes are found by
 * their pod.
 */
import type { Api, Json } from "./api.ts";

/** The port on loopback where a pod's port is really served; undefined where it is nowhere. */
export type FindPort = (pod: { readonly namespace: string; readonly name: string }, port: number) => number | undefined;

export interface Services {
  /** `10.96.3.4:443` → a loopback port, or why there is none. */
  byAddress(address: string): Route;
  /** `istiod-1-20.istio-system.svc:15012` → a loopback port, or why there is none. */
  byName(host: string): Route;
}

export type Route = { readonly port: number; readonly service: string } | { readonly missing: string };

/** Follows Services and EndpointSlices of the Istio namespace until `signal` aborts. */
export async function followServices(
  api: Api,
  namespace: string,
  findPort: FindPort,
  signal: AbortSignal,
): Promise<Services> {
  const services = new Map<string, Json>();
  const slices = new Map<string, Json>();
  const keepIn = (kept: Map<string, Json>) => (event: { type: string; object: Json }) => {
    if (event.type === "DELETED") kept.delete(event.object.metadata.name);
    else kept.set(event.object.metadata.name, event.object);
  };
  await Promise.all([
    api.watch(`/api/v1/namespaces/${namespace}/services`, keepIn(services), signal),
    api.watch(`/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, keepIn(slices), signal),
  ]);

  function route(service: Json, port: number): Route {
    const name: string = service.metadata.name;
    const named = service.spec.ports.find((each: Json) => each.port === port);
    if (named === undefined) return { missing: `Service ${name} has no port ${port}` };
    const targets: number[] = [];
    for (const slice of slices.values()) {
      if (slice.metadata.labels?.["kubernetes.io/service-name"] !== name) continue;
      const target = (slice.ports ?? []).find((each: Json) => (each.name ?? "") === (named.name ?? ""))?.port;
      for (const endpoint of slice.endpoints ?? []) {
        if (endpoint.conditions?.ready === false || target === undefined) continue;
        const local = findPort({ namespace, name: endpoint.targetRef?.name }, target);
        if (local !== undefined) targets.push(local);
      }
    }
    const chosen = targets[Math.floor(Math.random() * targets.length)];
    return chosen === undefined ? { missing: `Service ${name} has no endpoint` } : { port: chosen, service: name };
  }

  return {
    byAddress(address) {
      const [ip, port] = address.split(":");
      const service = [...services.values()].find((each) => each.spec.clusterIP === ip);
      return service === undefined ? { missing: `no Service has ${ip}` } : route(service, Number(port));
    },
    byName(host) {
      const [dns = "", port] = host.split(":");
      const service = services.get(dns.split(".")[0] ?? "");
      return service === undefined ? { missing: `no Service is called ${dns}` } : route(service, Number(port));
    },
  };
}
