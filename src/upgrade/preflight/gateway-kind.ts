/** What kind of gateway a workload is: by what deploys it, never by its name. */
import { asksForGateway, isStaticGateway, managedGatewayOf } from "../../mesh/from/pod-proxy.ts";
import { labelOf } from "../../mesh/labels.ts";
import type { ProxyKind, Workload } from "../../mesh/model.ts";

export type GatewayKind = Exclude<ProxyKind, "sidecar" | "ztunnel">;

/**
 * By the marks of its template and of itself, else by its pods; undefined for what is no gateway. Source: the charts
 * gateway and gateways, `kube-gateway.yaml` and `waypoint.yaml` (istio/istio manifests/charts).
 */
export const gatewayKindOf = ({ template, labels, pods }: Workload): GatewayKind | undefined => {
  const sets = [template?.metadata?.labels, labels];
  const managed = sets.map(managedGatewayOf).find((kind) => kind !== undefined);
  if (managed !== undefined) return managed;
  if (asksForGateway(template?.metadata?.annotations)) return "gateway";
  if (sets.some(isStaticGateway)) return "static-gateway";
  return pods.map(({ proxy }) => proxy?.kind).find((kind) => kind !== "sidecar" && kind !== "ztunnel");
};

/** Injected like a sidecar, from the template `gateway`: its pods are replaced by a restart. */
export const isInjectedGateway = (workload: Workload): boolean => gatewayKindOf(workload) === "gateway";

/**
 * It serves proxies of other networks. Source: `ISTIO_META_REQUESTED_NETWORK_VIEW` of chart gateway (`networkGateway`)
 * and of samples/multicluster/gen-eastwest-gateway.sh; label `gateway.istio.io/managed` of GatewayClass
 * `istio-east-west` (istio/istio pkg/config/constants).
 */
export const isEastWest = ({ template, labels }: Workload): boolean =>
  (template?.spec.containers ?? []).some(({ env = [] }) =>
    env.some(({ name, value = "" }) => name === "ISTIO_META_REQUESTED_NETWORK_VIEW" && value !== ""),
  ) ||
  [template?.metadata?.labels, labels].some(
    (set) => labelOf(set, "gateway.istio.io/managed") === "istio.io-eastwest-controller",
  );
