/**
 * Gateways on a bed with traffic, one of each kind that an upgrade meets, each leading to a server of the mesh; and the
 * ordinary way in which each is moved, with its gaps. A client outside the mesh calls `host`.
 */
import fs from "node:fs/promises";
import path from "node:path";
import type { Json, Mesh } from "../kit.ts";

export interface GatewayOnBed {
  readonly kind: "injected" | "managed" | "static";
  readonly namespace: string;
  readonly name: string;
  /** Where its Service listens for HTTP: "ingress.gateways:80". */
  readonly host: string;
  /** Selects its pods. */
  readonly selector: string;
}

/** A Service in the mesh that listens for HTTP on 8080, and where its gateways are said to lead. */
export interface Target {
  readonly namespace: string;
  readonly name: string;
}

/** A revision with its release. */
export interface RevisionOfGateway {
  readonly revision: string;
  readonly version: string;
}

type BedMesh = Pick<Mesh, "api" | "apply" | "createNamespace" | "dir" | "eventually" | "istioctl" | "kubectl" | "pods">;

/** Pods of each gateway. */
const replicas = 2;

/**
 * A Deployment whose pods the injector fills by the template `gateway`
 * (https://istio.io/v1.29/docs/setup/additional-setup/gateway/), in a namespace of a revision.
 */
export async function addInjectedGateway(
  mesh: BedMesh,
  { revision }: RevisionOfGateway,
  target: Target,
): Promise<GatewayOnBed> {
  const namespace = await mesh.createNamespace({ "istio.io/rev": revision });
  const name = "ingress";
  const labels = { istio: `${namespace}-${name}` };
  await mesh.apply([
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { namespace, name },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: {
          metadata: {
            labels: { ...labels, "sidecar.istio.io/inject": "true" },
            annotations: { "inject.istio.io/templates": "gateway" },
          },
          // `auto` has no tag, so the API server would set Always before the injector comes
          spec: { containers: [{ name: "istio-proxy", image: "auto", imagePullPolicy: "IfNotPresent" }] },
        },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { namespace, name },
      spec: { selector: labels, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
    },
    ...routes(namespace, name, labels, 8080, target),
  ]);
  const gateway: GatewayOnBed = {
    kind: "injected",
    namespace,
    name,
    host: `${name}.${namespace}:80`,
    selector: `istio=${labels.istio}`,
  };
  await untilOn(mesh, gateway, revision);
  return gateway;
}

/**
 * A Gateway of the Gateway API, whose Deployment and Service istiod makes
 * (https://istio.io/v1.29/docs/tasks/traffic-management/ingress/gateway-api/#automated-deployment). Of type ClusterIP,
 * as no load balancer would give it the address without which it is not programmed.
 */
export async function addManagedGateway(
  mesh: BedMesh,
  { revision }: RevisionOfGateway,
  target: Target,
): Promise<GatewayOnBed> {
  const namespace = await mesh.createNamespace({});
  const name = "entry";
  const api = "gateway.networking.k8s.io/v1beta1";
  await mesh.apply([
    {
      apiVersion: api,
      kind: "Gateway",
      metadata: {
        namespace,
        name,
        labels: { "istio.io/rev": revision },
        annotations: { "networking.istio.io/service-type": "ClusterIP" },
      },
      spec: {
        gatewayClassName: "istio",
        listeners: [{ name: "http", port: 80, protocol: "HTTP", allowedRoutes: { namespaces: { from: "All" } } }],
      },
    },
    {
      apiVersion: api,
      kind: "HTTPRoute",
      metadata: { namespace: target.namespace, name: `${namespace}-${name}` },
      spec: {
        parentRefs: [{ namespace, name }],
        rules: [{ backendRefs: [{ name: target.name, port: 8080 }] }],
      },
    },
  ]);
  const deployment = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}-istio`;
  await mesh.eventually(`istiod to deploy Gateway ${name}`, () => mesh.api.get(deployment));
  await mesh.api.merge(`${deployment}/scale`, { spec: { replicas } });
  const gateway: GatewayOnBed = {
    kind: "managed",
    namespace,
    name,
    host: `${name}-istio.${namespace}:80`,
    selector: `gateway.networking.k8s.io/gateway-name=${name}`,
  };
  await untilOn(mesh, gateway, revision);
  return gateway;
}

/**
 * What `istioctl install` deploys as the component IngressGateways, as in the profile `default`: complete, without
 * injection, in istio-system, whose ConfigMap istio-REVISION tells it its istiod. There is one for all revisions.
 */
export async function addStaticGateway(mesh: BedMesh, on: RevisionOfGateway, target: Target): Promise<GatewayOnBed> {
  const namespace = "istio-system";
  const name = "istio-ingressgateway";
  const gateway: GatewayOnBed = {
    kind: "static",
    namespace,
    name,
    host: `${name}.${namespace}:80`,
    selector: `app=${name}`,
  };
  await installStatic(mesh, on);
  await mesh.apply([...routes(namespace, name, { app: name }, 80, target)]);
  await untilOn(mesh, gateway, on.revision);
  return gateway;
}

/**
 * Moves a gateway as people do, and waits until only pods of the revision are left: an injected one by the namespace's
 * label and a restart, a managed one by its own label, a static one by an install of the new revision over it.
 */
export async function moveGateway(mesh: BedMesh, gateway: GatewayOnBed, to: RevisionOfGateway): Promise<void> {
  const { namespace, name } = gateway;
  const label = `istio.io/rev=${to.revision}`;
  if (gateway.kind === "injected") {
    await mesh.kubectl(["label", "namespace", namespace, label, "--overwrite"]);
    await mesh.kubectl(["rollout", "restart", `deployment/${name}`, "-n", namespace]);
  } else if (gateway.kind === "managed") {
    await mesh.kubectl(["label", "gateways.gateway.networking.k8s.io", name, "-n", namespace, label, "--overwrite"]);
  } else await installStatic(mesh, to);
  await untilOn(mesh, gateway, to.revision);
}

/**
 * The IstioOperator has a name of its own: istioctl takes away what an install of the same name and revision had and
 * this one has not, and that would be istiod (istio/istio, operator/pkg/uninstall/prune.go).
 */
async function installStatic(mesh: BedMesh, { revision, version }: RevisionOfGateway): Promise<void> {
  const operator = {
    apiVersion: "install.istio.io/v1alpha1",
    kind: "IstioOperator",
    metadata: { name: "ingressgateway", namespace: "istio-system" },
    spec: {
      profile: "empty",
      ...(revision !== "default" && { revision }),
      components: {
        ingressGateways: [
          {
            name: "istio-ingressgateway",
            enabled: true,
            k8s: { replicaCount: replicas, resources: { requests: { cpu: "10m", memory: "40Mi" } } },
          },
        ],
      },
      values: { gateways: { "istio-ingressgateway": { autoscaleEnabled: false, type: "ClusterIP" } } },
    },
  };
  const file = path.join(mesh.dir, "ingressgateway.json");
  await fs.writeFile(file, JSON.stringify(operator)); // JSON is YAML
  await mesh.istioctl(version, ["install", "-y", "-f", file, "--readiness-timeout", "90s"]);
}

/** All of its pods are of the revision and ready, and no other is left. */
async function untilOn(mesh: BedMesh, { namespace, name, selector }: GatewayOnBed, revision: string): Promise<void> {
  const isThere = ({ metadata, status }: Json) =>
    metadata.deletionTimestamp === undefined &&
    metadata.annotations?.["istio.io/rev"] === revision &&
    status.conditions?.some(({ type, status: is }: Json) => type === "Ready" && is === "True");
  await mesh.eventually(
    `gateway ${name} to be on ${revision}`,
    async () => {
      const pods = await mesh.pods(namespace, selector);
      return pods.length === replicas && pods.every(isThere);
    },
    120,
  );
}

/** Istio's own kinds; 1.19 serves no v1 of them. */
function routes(
  namespace: string,
  name: string,
  selector: Readonly<Record<string, string>>,
  port: number,
  target: Target,
): readonly object[] {
  const host = `${target.name}.${target.namespace}.svc.cluster.local`;
  return [
    {
      apiVersion: "networking.istio.io/v1beta1",
      kind: "Gateway",
      metadata: { namespace, name },
      spec: { selector, servers: [{ port: { number: port, name: "http", protocol: "HTTP" }, hosts: ["*"] }] },
    },
    {
      apiVersion: "networking.istio.io/v1beta1",
      kind: "VirtualService",
      metadata: { namespace, name },
      spec: {
        hosts: ["*"],
        gateways: [name],
        http: [{ route: [{ destination: { host, port: { number: 8080 } } }] }],
      },
    },
  ];
}
