/**
 * All API resources that the plugins use, in one table, so that the server need not be asked for its list
 * (kubernetes/kubectl#1126).
 */
import type { EventObject } from "../mesh/from/event.ts";
import type {
  ConfigMapObject,
  EndpointSliceObject,
  GatewayObject,
  KubeObject,
  LeaseObject,
  NamespaceObject,
  PodObject,
  ServiceObject,
  WebhookConfigurationObject,
  WorkloadObject,
} from "../mesh/kubernetes.ts";
import type { ObjectRef } from "../mesh/model.ts";
import type { OwnerResource } from "../mesh/operators/restart-way.ts";
import { isWorkloadKind, type WorkloadKind, workloadResources } from "../mesh/workload-kinds.ts";
import { podMessage } from "./http/messages.ts";
import type { Message } from "./http/protobuf.ts";

/** One resource of the API; `T` is the shape its objects are read as. */
export interface Kind<T extends KubeObject = KubeObject> {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Not in every cluster: a 404 on the collection means "not installed", not "none". */
  readonly optional: boolean;
  /** How lists of it are read where the server has them in protobuf; JSON for all else. */
  readonly message?: Message<T>;
  /** Never set: carries `T`. */
  readonly shape?: T;
}

const kind = <T extends KubeObject>(
  group: string,
  version: string,
  plural: string,
  name: string,
  rest: { cluster?: true; optional?: true; message?: Message<T> } = {},
): Kind<T> => ({
  group,
  version,
  plural,
  kind: name,
  namespaced: !rest.cluster,
  optional: rest.optional ?? false,
  ...(rest.message && { message: rest.message }),
});

const admission = <T extends KubeObject>(plural: string, name: string, rest?: { optional: true }): Kind<T> =>
  kind<T>("admissionregistration.k8s.io", "v1", plural, name, { cluster: true, ...rest });

const rbac = (plural: string, name: string, rest?: { cluster: true }): Kind =>
  kind("rbac.authorization.k8s.io", "v1", plural, name, rest);

const workload = (name: WorkloadKind, rest?: { optional: true }): Kind<WorkloadObject> => {
  const { group, version, plural } = workloadResources[name];
  return kind<WorkloadObject>(group, version, plural, name, rest);
};

export const kinds = {
  namespaces: kind<NamespaceObject>("", "v1", "namespaces", "Namespace", { cluster: true }),
  pods: kind<PodObject>("", "v1", "pods", "Pod", { message: podMessage }),
  services: kind<ServiceObject>("", "v1", "services", "Service"),
  configMaps: kind<ConfigMapObject>("", "v1", "configmaps", "ConfigMap"),
  events: kind<EventObject>("", "v1", "events", "Event"),
  resourceQuotas: kind("", "v1", "resourcequotas", "ResourceQuota"),
  persistentVolumeClaims: kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
  endpointSlices: kind<EndpointSliceObject>("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"),
  deployments: workload("Deployment"),
  statefulSets: workload("StatefulSet"),
  daemonSets: workload("DaemonSet"),
  replicaSets: kind<WorkloadObject>("apps", "v1", "replicasets", "ReplicaSet"),
  rollouts: workload("Rollout", { optional: true }),
  /** Those that no other workload owns are workloads of their own. */
  replicationControllers: kind("", "v1", "replicationcontrollers", "ReplicationController"),
  cronJobs: kind("batch", "v1", "cronjobs", "CronJob"),
  jobs: kind("batch", "v1", "jobs", "Job"),
  ingresses: kind("networking.k8s.io", "v1", "ingresses", "Ingress"),
  leases: kind<LeaseObject>("coordination.k8s.io", "v1", "leases", "Lease"),
  autoscalers: kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
  disruptionBudgets: kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"),
  networkPolicies: kind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"),
  gateways: kind<GatewayObject>("gateway.networking.k8s.io", "v1", "gateways", "Gateway", { optional: true }),
  gatewayClasses: kind("gateway.networking.k8s.io", "v1", "gatewayclasses", "GatewayClass", {
    cluster: true,
    optional: true,
  }),
  mutatingWebhooks: admission<WebhookConfigurationObject>(
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
  ),
  validatingWebhooks: admission<WebhookConfigurationObject>(
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
  ),
  // Policies in v1: validating ones are there from Kubernetes 1.30 on, mutating ones from 1.36 on.
  validatingPolicies: admission("validatingadmissionpolicies", "ValidatingAdmissionPolicy", { optional: true }),
  validatingPolicyBindings: admission("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", {
    optional: true,
  }),
  mutatingPolicies: admission("mutatingadmissionpolicies", "MutatingAdmissionPolicy", { optional: true }),
  mutatingPolicyBindings: admission("mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", {
    optional: true,
  }),
  // What an installation of a control plane has beside what runs; mesh-cleanup looks through it.
  serviceAccounts: kind("", "v1", "serviceaccounts", "ServiceAccount"),
  roles: rbac("roles", "Role"),
  roleBindings: rbac("rolebindings", "RoleBinding"),
  clusterRoles: rbac("clusterroles", "ClusterRole", { cluster: true }),
  clusterRoleBindings: rbac("clusterrolebindings", "ClusterRoleBinding", { cluster: true }),
  customResourceDefinitions: kind(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    { cluster: true },
  ),
  envoyFilters: kind("networking.istio.io", "v1alpha3", "envoyfilters", "EnvoyFilter", { optional: true }),
  peerAuthentications: kind("security.istio.io", "v1beta1", "peerauthentications", "PeerAuthentication", {
    optional: true,
  }),
  istioOperators: kind("install.istio.io", "v1alpha1", "istiooperators", "IstioOperator", { optional: true }),
  istios: kind("sailoperator.io", "v1", "istios", "Istio", { cluster: true, optional: true }),
  istioRevisions: kind("sailoperator.io", "v1", "istiorevisions", "IstioRevision", { cluster: true, optional: true }),
  nodes: kind("", "v1", "nodes", "Node", { cluster: true }),
  limitRanges: kind("", "v1", "limitranges", "LimitRange"),
  // In these versions in every release from 1.19 to 1.31 (manifests/charts/base/files/crd-all.gen.yaml).
  authorizationPolicies: kind("security.istio.io", "v1beta1", "authorizationpolicies", "AuthorizationPolicy", {
    optional: true,
  }),
  telemetries: kind("telemetry.istio.io", "v1alpha1", "telemetries", "Telemetry", { optional: true }),
  // In v1beta1 in every release from 1.19 to 1.29.
  istioGateways: kind("networking.istio.io", "v1beta1", "gateways", "Gateway", { optional: true }),
  workloadEntries: kind("networking.istio.io", "v1beta1", "workloadentries", "WorkloadEntry", { optional: true }),
  workloadGroups: kind("networking.istio.io", "v1beta1", "workloadgroups", "WorkloadGroup", { optional: true }),
  /** Argo CD's. */
  applications: kind("argoproj.io", "v1alpha1", "applications", "Application", { optional: true }),
} as const;

/** The API resource of each kind of workload. */
export const workloadApi: Readonly<Record<WorkloadKind, Kind<WorkloadObject>>> = {
  Deployment: kinds.deployments,
  StatefulSet: kinds.statefulSets,
  DaemonSet: kinds.daemonSets,
  Rollout: kinds.rollouts,
};

/** The API resource of an operator's object. */
export const ownerApi = <T extends KubeObject>({ group, version, plural, kind: name }: OwnerResource): Kind<T> =>
  kind<T>(group, version, plural, name, { optional: true });

/** The API resource of the workload that is referred to. Throws an `Error` for any other kind: a bug. */
export function resourceOf({ kind: name }: ObjectRef): Kind<WorkloadObject> {
  if (!isWorkloadKind(name)) throw new Error(`no workload kind: ${name}`);
  return workloadApi[name];
}
