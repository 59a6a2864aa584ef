/** What `kubectl apply` would take: YAML of many documents, lists, objects. */
import { loadAll } from "js-yaml";
import type { Json } from "./object.ts";

export type Manifests = string | object | readonly object[];

/** The single objects, in their order. */
export function objectsOf(manifests: Manifests): readonly Json[] {
  const given: readonly Json[] =
    typeof manifests === "string" ? loadAll(manifests) : Array.isArray(manifests) ? manifests : [manifests];
  return given.flatMap((each) =>
    each === null || each === undefined ? [] : each.kind === "List" ? objectsOf(each.items) : [each],
  );
}

/** What is in every cluster before anything is applied. */
export function clusterObjects(kubelet: string): readonly Json[] {
  const namespace = (name: string): Json => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  const everything = [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }];
  return [
    ...["default", "kube-system", "kube-public", "kube-node-lease", "istio-system"].map(namespace),
    ...[0, 1, 2, 3].map((index) => node(`node-${index}`, kubelet)),
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: "cluster-admin" },
      rules: everything,
    },
    {
      ...{
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        metadata: { name: "cluster-admin" },
      },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "system:masters" }],
    },
  ];
}

const node = (name: string, kubelet: string): Json => ({
  ...{ apiVersion: "v1", kind: "Node", spec: {} },
  metadata: {
    name,
    labels: { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64" },
  },
  status: {
    conditions: [{ type: "Ready", status: "True", reason: "KubeletReady", message: "kubelet is posting ready status" }],
    nodeInfo: {
      kubeletVersion: kubelet,
      operatingSystem: "linux",
      architecture: "amd64",
      osImage: "embedded",
      containerRuntimeVersion: "embedded",
    },
    capacity: { cpu: "1k", memory: "1Ti", pods: "1M" },
    allocatable: { cpu: "1k", memory: "1Ti", pods: "1M" },
  },
});

/** A CustomResourceDefinition; several versions with commas, the preferred one first. */
const crd = (group: string, served: string, plural: string, kind: string, namespaced = true): Json => ({
  ...{
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
  },
  spec: {
    ...{
      group,
      scope: namespaced ? "Namespaced" : "Cluster",
      names: { plural, kind, singular: kind.toLowerCase(), listKind: `${kind}List` },
    },
    versions: served
      .split(",")
      .map((name, at) => ({ name, served: true, storage: at === 0, subresources: { status: {} } })),
  },
});

export const gatewayApi: readonly Json[] = [
  crd("gateway.networking.k8s.io", "v1", "gateways", "Gateway"),
  crd("gateway.networking.k8s.io", "v1", "gatewayclasses", "GatewayClass", false),
];

/** Routes of the Gateway API, of its standard and of its experimental channel. */
export const gatewayRoutes: readonly Json[] = [
  crd("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute"),
  crd("gateway.networking.k8s.io", "v1alpha2", "tlsroutes", "TLSRoute"),
];

/** Some of Istio's kinds, in the versions of Istio 1.19 and 1.20. */
export const istioApi: readonly Json[] = [
  crd("networking.istio.io", "v1beta1,v1alpha3", "virtualservices", "VirtualService"),
  crd("networking.istio.io", "v1beta1,v1alpha3", "serviceentries", "ServiceEntry"),
  crd("networking.istio.io", "v1alpha3", "envoyfilters", "EnvoyFilter"),
  crd("security.istio.io", "v1beta1", "authorizationpolicies", "AuthorizationPolicy"),
];

export const argoRollouts: readonly Json[] = [crd("argoproj.io", "v1alpha1", "rollouts", "Rollout")];
