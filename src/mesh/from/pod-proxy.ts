/** The proxy of a pod: its kind, revision, version and state. */
import { imageTag } from "../istio-version.ts";
import type { ContainerSpec, Labels, PodObject } from "../kubernetes.ts";
import { labelOf } from "../labels.ts";
import type { PodProxy, ProxyKind } from "../model.ts";
import { pinnedImage } from "../proxy/proxy-version.ts";

/** Name of the proxy's container in every kind of proxy, ztunnel included. */
export const proxyContainer = "istio-proxy";

/**
 * The proxy of a pod; `undefined` for a pod outside the mesh, and for a pod in ambient mode, which has no proxy of its
 * own. The revision of an injected pod is in its status annotation; that of other proxies (gateways that istiod or an
 * installer deploys) in annotation `istio.io/rev`. If the status cannot be parsed, the revision is unknown. Source:
 * `injection-template.yaml`, `kube-gateway.yaml`, `waypoint.yaml`, charts gateways and ztunnel (istio/istio
 * manifests/charts).
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
  const pinned = injected === undefined ? undefined : pinnedImage(annotations);
  const caAddress = variableOf(container, "CA_ADDR") ?? variableOf(container, "CA_ADDRESS");
  const statuses = (native ? status?.initContainerStatuses : status?.containerStatuses) ?? [];
  return {
    kind,
    revision: injected === undefined ? labelOf(annotations, "istio.io/rev") : statusRevision(injected),
    container: proxyContainer,
    native: native !== undefined,
    ready: container ? statuses.some(({ name, ready }) => name === proxyContainer && ready) : isPodReady(status),
    version: imageTag(container?.image),
    ...(pinned === undefined ? {} : { pinnedImage: pinned }),
    discoveryAddress: discoveryAddressOf(container),
    ...(caAddress === undefined ? {} : { caAddress }),
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

/** Whether these annotations, of a pod or a template, ask for injection with the gateway template. */
export const asksForGateway = (annotations: Labels | undefined): boolean =>
  (labelOf(annotations, "inject.istio.io/templates") ?? "")
    .split(",")
    .some((template) => template.trim() === "gateway");

/** The kind of gateway that istiod deployed for a Gateway resource, by the labels of its Deployment and pods. */
export const managedGatewayOf = (labels: Labels | undefined): "managed-gateway" | "waypoint" | undefined => {
  const controller = labelOf(labels, "gateway.istio.io/managed");
  if (controller === undefined) return undefined;
  const waypoint =
    controller === "istio.io-mesh-controller" ||
    labelOf(labels, "gateway.networking.k8s.io/gateway-class-name") === "istio-waypoint";
  return waypoint ? "waypoint" : "managed-gateway";
};

/** Whether this is a gateway of istioctl's profiles: only a new installation changes its revision. */
export const isStaticGateway = (labels: Labels | undefined): boolean =>
  ["IngressGateways", "EgressGateways"].includes(labelOf(labels, "operator.istio.io/component") ?? "");

const isPodReady = (status: PodObject["status"]): boolean =>
  status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;

/**
 * `revision` of annotation `sidecar.istio.io/status`; undefined where it is not there or damaged (`SidecarInjectionStatus`, istio/istio
 * pkg/kube/inject/webhook.go). Anybody can write an annotation, so its form is checked.
 */
export const statusRevision = (status: string): string | undefined => {
  const revision = objectFrom(status)?.get("revision");
  return typeof revision === "string" && revision !== "" ? revision : undefined;
};

/** The address of its istiod. `PROXY_CONFIG` has no field for a default value; ztunnel has `XDS_ADDRESS` instead. */
const discoveryAddressOf = (container: ContainerSpec | undefined): string | undefined => {
  const config = variableOf(container, "PROXY_CONFIG");
  if (config === undefined) return variableOf(container, "XDS_ADDRESS");
  const fields = objectFrom(config);
  const address = fields?.has("discoveryAddress") ? fields.get("discoveryAddress") : fields && defaultDiscoveryAddress;
  return typeof address === "string" ? address : undefined;
};

const variableOf = (container: ContainerSpec | undefined, name: string): string | undefined =>
  container?.env?.find((variable) => variable.name === name)?.value;

/** Source: `DefaultProxyConfig` (istio/istio pkg/config/mesh/mesh.go). */
export const defaultDiscoveryAddress = "istiod.istio-system.svc:15012";

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
