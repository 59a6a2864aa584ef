import { imageTag } from "../istio-version.ts";
import type { ContainerSpec, Labels, PodObject } from "../kubernetes.ts";
import { labelOf } from "../labels.ts";
import type { PodProxy, ProxyKind } from "../model.ts";

/** Name of Istio's container in every kind of proxy, ztunnel too. */
export const proxyContainer = "istio-proxy";

/**
 * The proxy that a pod is or holds; `undefined` for a pod outside the mesh and for one in ambient mode, which has none
 * of its own. An injected pod says its revision in its status annotation; what is not injected (gateways that istiod or
 * an installer deploys) in annotation `istio.io/rev`. A status that cannot be read leaves the revision unknown, and the
 * proxy known. Source: `injection-template.yaml`, `kube-gateway.yaml`, `waypoint.yaml`, charts gateways and ztunnel
 * (istio/istio manifests/charts).
 */
export const podProxyFrom = ({ metadata, spec, status }: PodObject): PodProxy | undefined => {
  const { labels, annotations } = metadata;
  const native = spec.initContainers?.find(
    ({ name, restartPolicy }) => name === proxyContainer && restartPolicy === "Always",
  );
  const container = native ?? spec.containers.find(({ name }) => name === proxyContainer);
  const injected = labelOf(annotations, "sidecar.istio.io/status");
  const kind = kindOf(labels, annotations, injected !== undefined, container);
  if (kind === undefined) return undefined;
  const statuses = (native ? status?.initContainerStatuses : status?.containerStatuses) ?? [];
  return {
    kind,
    revision: injected === undefined ? labelOf(annotations, "istio.io/rev") : statusRevision(injected),
    container: proxyContainer,
    native: native !== undefined,
    ready: container ? statuses.some(({ name, ready }) => name === proxyContainer && ready) : isPodReady(status),
    version: imageTag(container?.image),
    discoveryAddress: discoveryAddressOf(container),
  };
};

const kindOf = (
  labels: Labels | undefined,
  annotations: Labels | undefined,
  injected: boolean,
  container: ContainerSpec | undefined,
): ProxyKind | undefined => {
  if (injected) return asksForGateway(annotations) ? "gateway" : "sidecar";
  const managed = managedGatewayOf(labels);
  if (managed) return managed;
  if (!container) return undefined;
  if (labelOf(labels, "app") === "ztunnel" || labelOf(labels, "app.kubernetes.io/name") === "ztunnel") return "ztunnel";
  if (isStaticGateway(labels) || container.args?.includes("router")) return "static-gateway";
  return container.args?.includes("sidecar") ? "sidecar" : undefined;
};

/** Do the annotations of a pod or template ask to be injected as a gateway? */
export const asksForGateway = (annotations: Labels | undefined): boolean =>
  (labelOf(annotations, "inject.istio.io/templates") ?? "")
    .split(",")
    .some((template) => template.trim() === "gateway");

/**
 * The kind of gateway that istiod deploys for a Gateway resource, told by the labels it puts on Deployment and pods.
 */
export const managedGatewayOf = (labels: Labels | undefined): "managed-gateway" | "waypoint" | undefined => {
  const controller = labelOf(labels, "gateway.istio.io/managed");
  if (controller === undefined) return undefined;
  const waypoint =
    controller === "istio.io-mesh-controller" ||
    labelOf(labels, "gateway.networking.k8s.io/gateway-class-name") === "istio-waypoint";
  return waypoint ? "waypoint" : "managed-gateway";
};

/** A gateway of istioctl's profiles, which only a new installation changes. */
export const isStaticGateway = (labels: Labels | undefined): boolean =>
  ["IngressGateways", "EgressGateways"].includes(labelOf(labels, "operator.istio.io/component") ?? "");

const isPodReady = (status: PodObject["status"]): boolean =>
  status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;

/**
 * `revision` of annotation `sidecar.istio.io/status` (`SidecarInjectionStatus`, pkg/kube/inject/webhook.go), which
 * anybody may have written.
 */
const statusRevision = (status: string): string | undefined => {
  const revision = objectFrom(status)?.get("revision");
  return typeof revision === "string" && revision !== "" ? revision : undefined;
};

/** Where the proxy connects to. `PROXY_CONFIG` leaves out what is the default; ztunnel is told by `XDS_ADDRESS`. */
const discoveryAddressOf = (container: ContainerSpec | undefined): string | undefined => {
  const env = (name: string): string | undefined => container?.env?.find((variable) => variable.name === name)?.value;
  const config = env("PROXY_CONFIG");
  if (config === undefined) return env("XDS_ADDRESS");
  const fields = objectFrom(config);
  const address = fields?.has("discoveryAddress") ? fields.get("discoveryAddress") : fields && defaultDiscoveryAddress;
  return typeof address === "string" ? address : undefined;
};

/** Source: `DefaultProxyConfig` (istio/istio pkg/config/mesh/mesh.go). */
const defaultDiscoveryAddress = "istiod.istio-system.svc:15012";

const objectFrom = (json: string): ReadonlyMap<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? new Map(Object.entries(value))
      : undefined;
  } catch {
    return undefined;
  }
};
