/**
 * The objects that Istio's charts make of a revision, by name: those of the releases 1.19 to 1.29, with all options.
 * Nothing else is ever taken for a revision's. Source: manifests/charts/istio-control/istio-discovery/templates; the
 * Leases are of pilot/pkg/leaderelection.
 */
import { revisionedName } from "../../mesh/revision-names.ts";
import type { ResourceRef } from "./revision-inventory.ts";

/** How an object with the name of the chart is proven to be the revision's. */
export type ObjectProof =
  /** The chart labels it with `istio.io/rev`. */
  | "revision label"
  /** The chart does not label it: its label `app` is istiod's. */
  | "app label"
  /** It binds accounts of the chart to roles of the chart, and nobody else. */
  | "binding"
  /** No binding but the chart's refers to it. */
  | "role"
  /** It is about objects of the revision: the policy selects them, its binding names the policy. */
  | "policy"
  /** The name alone has the revision: Leases, which istiod itself makes, and what istioctl kept of its settings. */
  | "name";

/** One object, or with `name` undefined all those whose names match `pattern`. */
export interface ChartObject {
  readonly ref: ResourceRef;
  readonly proof: ObjectProof;
}

/** In the order of their deletion: nothing is deleted before what calls it. */
export const removalOrder = [
  "MutatingWebhookConfiguration",
  "ValidatingWebhookConfiguration",
  "ValidatingAdmissionPolicyBinding",
  "ValidatingAdmissionPolicy",
  "Service",
  "HorizontalPodAutoscaler",
  "PodDisruptionBudget",
  "Deployment",
  "NetworkPolicy",
  "EnvoyFilter",
  "ConfigMap",
  "Lease",
  "IstioOperator",
  "RoleBinding",
  "ClusterRoleBinding",
  "Role",
  "ClusterRole",
  "ServiceAccount",
] as const;

/** The API resources of these objects, by kind. */
export const chartKinds = {
  Deployment: ["apps", "v1", "deployments"],
  Service: ["", "v1", "services"],
  HorizontalPodAutoscaler: ["autoscaling", "v2", "horizontalpodautoscalers"],
  PodDisruptionBudget: ["policy", "v1", "poddisruptionbudgets"],
  NetworkPolicy: ["networking.k8s.io", "v1", "networkpolicies"],
  ConfigMap: ["", "v1", "configmaps"],
  ServiceAccount: ["", "v1", "serviceaccounts"],
  Role: ["rbac.authorization.k8s.io", "v1", "roles"],
  RoleBinding: ["rbac.authorization.k8s.io", "v1", "rolebindings"],
  ClusterRole: ["rbac.authorization.k8s.io", "v1", "clusterroles"],
  ClusterRoleBinding: ["rbac.authorization.k8s.io", "v1", "clusterrolebindings"],
  MutatingWebhookConfiguration: ["admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations"],
  ValidatingWebhookConfiguration: ["admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations"],
  ValidatingAdmissionPolicy: ["admissionregistration.k8s.io", "v1", "validatingadmissionpolicies"],
  ValidatingAdmissionPolicyBinding: ["admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings"],
  Lease: ["coordination.k8s.io", "v1", "leases"],
  EnvoyFilter: ["networking.istio.io", "v1alpha3", "envoyfilters"],
  IstioOperator: ["install.istio.io", "v1alpha1", "istiooperators"],
} as const satisfies Readonly<Record<(typeof removalOrder)[number], readonly [string, string, string]>>;

export type ChartKind = keyof typeof chartKinds;

export const isChartKind = (kind: string): kind is ChartKind => Object.hasOwn(chartKinds, kind);

/** A reference to an object of a kind of the charts; without a namespace it is cluster-scoped. */
export const chartRef = (kind: ChartKind, name: string, namespace?: string): ResourceRef => {
  const [group, version, plural] = chartKinds[kind];
  return { group, version, plural, kind, namespace, name };
};

/** Every object of the revision whose name is known beforehand. */
export const chartObjects = (revision: string, istioNamespace: string): readonly ChartObject[] => {
  const named = (name: string): string => revisionedName(name, revision);
  const inside = (kind: ChartKind, name: string, proof: ObjectProof): ChartObject => ({
    ref: chartRef(kind, name, istioNamespace),
    proof,
  });
  const global = (kind: ChartKind, name: string, proof: ObjectProof): ChartObject => ({
    ref: chartRef(kind, name),
    proof,
  });
  const roles = ["istiod-clusterrole", "istiod-gateway-controller", "istio-reader-clusterrole"].map(
    (role) => `${named(role)}-${istioNamespace}`,
  );
  // chart: mutatingwebhook.yaml adds the namespace where it is not istio-system.
  const injector = `${named("istio-sidecar-injector")}${istioNamespace === "istio-system" ? "" : `-${istioNamespace}`}`;
  const all = [
    global("MutatingWebhookConfiguration", injector, "revision label"),
    global("ValidatingWebhookConfiguration", `${named("istio-validator")}-${istioNamespace}`, "revision label"),
    global(
      "ValidatingAdmissionPolicyBinding",
      `${named("stable-channel-policy-binding")}-${istioNamespace}.istio.io`,
      "policy",
    ),
    global("ValidatingAdmissionPolicy", `${named("stable-channel-policy")}-${istioNamespace}.istio.io`, "policy"),
    ...(["Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Deployment", "NetworkPolicy"] as const).map(
      (kind) => inside(kind, named("istiod"), "revision label"),
    ),
    ...["istio", "istio-sidecar-injector", "values", "pilot-jwks-extra-cacerts"].map((name) =>
      inside("ConfigMap", named(name), "revision label"),
    ),
    ...["istio-gateway-deployment", "istio-gateway-status-leader"].map((name) =>
      inside("Lease", `${name}-${revision}`, "name"),
    ),
    inside("IstioOperator", named("installed-state"), "name"),
    inside("RoleBinding", named("istiod"), "binding"),
    ...roles.map((role) => global("ClusterRoleBinding", role, "binding")),
    inside("Role", named("istiod"), "role"),
    ...roles.map((role) => global("ClusterRole", role, "role")),
    inside("ServiceAccount", named("istiod"), "app label"),
  ];
  return inRemovalOrder(all);
};

/**
 * The Istio version whose proxies an EnvoyFilter of the charts is for (`1.19` of `stats-filter-1.19-1-19`), where it has
 * such a name of the revision; charts up to 1.20 have them for four versions each.
 */
export const filterVersion = (name: string, revision: string): string | undefined => {
  const suffix = revisionedName("", revision);
  if (!name.endsWith(suffix)) return undefined;
  return /^(?:tcp-)?(?:stats-filter|metadata-exchange|stackdriver-filter|stackdriver-sampling-accesslog-filter)-(1\.\d{1,3})$/.exec(
    name.slice(0, name.length - suffix.length),
  )?.[1];
};

/** Whether it is the name of a ConfigMap of the revision with the settings of a gateway class. */
export const isGatewayClassName = (name: string, revision: string): boolean =>
  name.startsWith(`istio-${revision}-gatewayclass-`);

/** Whether an object of this name and kind can be the revision's at all. */
export const isChartRef = (ref: ResourceRef, revision: string, istioNamespace: string): boolean => {
  const key = refKey(ref);
  return (
    chartObjects(revision, istioNamespace).some((each) => refKey(each.ref) === key) ||
    (sameResource(ref, "EnvoyFilter") &&
      ref.namespace !== undefined &&
      filterVersion(ref.name, revision) !== undefined) ||
    (sameResource(ref, "ConfigMap") && ref.namespace === istioNamespace && isGatewayClassName(ref.name, revision))
  );
};

const sameResource = (ref: ResourceRef, kind: ChartKind): boolean => {
  const [group, version, plural] = chartKinds[kind];
  return ref.kind === kind && ref.group === group && ref.version === version && ref.plural === plural;
};

/** `deployments.apps/istio-system/istiod-1-19`: as a key in maps, and for a person. */
export const refKey = ({ group, plural, namespace, name }: ResourceRef): string =>
  [group === "" ? plural : `${plural}.${group}`, ...(namespace === undefined ? [] : [namespace]), name].join("/");

/** Sorted by `removalOrder`, else as they were. */
export const inRemovalOrder = <T extends { readonly ref: ResourceRef }>(objects: readonly T[]): readonly T[] => {
  const place = ({ ref }: T): number => {
    const at = (removalOrder as readonly string[]).indexOf(ref.kind);
    return at < 0 ? removalOrder.length : at;
  };
  return objects.toSorted((a, b) => place(a) - place(b));
};
