import type { Cluster } from "../cluster/cluster.ts";
import { type Kind, kinds } from "../cluster/kinds.ts";
import type { KubeObject, LabelSelector, Labels, WebhookConfigurationObject } from "../mesh/kubernetes.ts";
import type { Mesh, Unknown } from "../mesh/model.ts";
import type { ClusterEvidence, MissingEvidence, NamespaceReader, Quota } from "../upgrade/evidence/cluster-evidence.ts";
import {
  type AdmissionPolicyObject,
  type NetworkPolicyObject,
  networkPolicyReaders,
  policyReaders,
  type RouteGatewayObject,
  routeReaders,
  webhookReaders,
} from "../upgrade/evidence/namespace-readers.ts";
import { readDiscovery } from "./discovery-selectors.ts";
import { namespaceNames } from "./namespace-names.ts";
import { noting, type Optional } from "./optional-read.ts";
import { countedPodUsage } from "./read-pod-usage.ts";

/**
 * Reads what a migration of these namespaces is judged by beside the mesh: all at once, narrow projections, no request
 * a workload. What could not be read stands in `unknown` with the check that is left without evidence; being
 * unreachable or unknown to the server is thrown.
 */
export const readClusterEvidence = async (
  cluster: Cluster,
  mesh: Mesh,
  namespaces: readonly string[] | "all",
): Promise<ClusterEvidence> => {
  const missing: MissingEvidence[] = [];
  const known = new Set(mesh.namespaces.map(({ name }) => name));
  const scope = namespaces === "all" ? undefined : [...new Set(namespaces)].filter((name) => known.has(name));
  const slip = namespaces !== "all" && namespaces.some((name) => !known.has(name));
  const [names, discovery, readers, gatewayClasses, quotas, autoscalers, disruptionBudgets, claims, cronJobs] =
    await Promise.all([
      slip ? namespaceNames(cluster) : [],
      readDiscovery(cluster, mesh, evidence(missing, "discovery-selectors", true)),
      readReaders(cluster, mesh, missing),
      readGatewayClasses(cluster, evidence(missing, "gateways-pinned", true)),
      inScope(cluster, scope, kinds.resourceQuotas as Kind<QuotaObject>, quotaFrom, evidence(missing, "quota", true)),
      inScope(
        cluster,
        scope,
        kinds.autoscalers as Kind<AutoscalerObject>,
        autoscalerFrom,
        evidence(missing, "autoscalers", false),
      ),
      inScope(
        cluster,
        scope,
        kinds.disruptionBudgets as Kind<BudgetObject>,
        budgetFrom,
        evidence(missing, "disruption-budgets", false),
      ),
      inScope(
        cluster,
        scope,
        kinds.persistentVolumeClaims as Kind<ClaimObject>,
        claimFrom,
        evidence(missing, "volumes", true),
      ),
      inScope(cluster, scope, kinds.cronJobs, placeOf, evidence(missing, "next-pods", false)),
    ]);
  const counted = quotas.flat();
  return {
    namespaces: names,
    discovery,
    readers,
    gatewayClasses,
    quotas: counted,
    autoscalers,
    disruptionBudgets,
    claims,
    cronJobs,
    podUsage: await countedPodUsage(
      cluster,
      new Set(counted.map(({ namespace }) => namespace)),
      evidence(missing, "quota", true),
    ),
    unknown: missing,
  };
};

/** Reads on behalf of a check; a failure is noted as what this check lacks. */
const evidence = (missing: MissingEvidence[], check: string, essential: boolean): Optional => {
  const noted: Unknown[] = [];
  const optional = noting(noted);
  return async (subject, read, namespace) => {
    const result = await optional(subject, read, namespace);
    missing.push(...noted.splice(0).map((unknown) => ({ ...unknown, check, essential })));
    return result;
  };
};

/** The objects of a kind in these namespaces, or in all where there is no scope. */
const inScope = async <T extends KubeObject, R>(
  cluster: Cluster,
  scope: readonly string[] | undefined,
  kind: Kind<T>,
  project: (object: T) => R,
  optional: Optional,
): Promise<readonly R[]> => {
  const lists =
    scope === undefined
      ? [optional(kind.plural, cluster.list(kind, {}, project))]
      : scope.map((namespace) =>
          optional(`${kind.plural} in namespace ${namespace}`, cluster.list(kind, { namespace }, project), namespace),
        );
  return (await Promise.all(lists)).flatMap((list) => list?.items ?? []);
};

const policyKind = (plural: string, kind: string, optional: boolean): Kind<AdmissionPolicyObject> => ({
  group: "admissionregistration.k8s.io",
  version: "v1",
  plural,
  kind,
  namespaced: false,
  optional,
});

/** Mutating ones are there from Kubernetes 1.36 on. */
const policyKinds = [
  ["ValidatingAdmissionPolicy", policyKind("validatingadmissionpolicies", "ValidatingAdmissionPolicy", true)],
  [
    "ValidatingAdmissionPolicyBinding",
    policyKind("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", true),
  ],
  ["MutatingAdmissionPolicy", policyKind("mutatingadmissionpolicies", "MutatingAdmissionPolicy", true)],
  [
    "MutatingAdmissionPolicyBinding",
    policyKind("mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", true),
  ],
] as const;

const readReaders = async (
  cluster: Cluster,
  mesh: Mesh,
  missing: MissingEvidence[],
): Promise<readonly NamespaceReader[]> => {
  const injectors = new Set(mesh.injectors.map(({ configuration }) => configuration));
  const all = async <T extends KubeObject>(
    kind: Kind<T>,
    check: string,
    project: (object: T) => readonly NamespaceReader[],
  ): Promise<readonly NamespaceReader[]> =>
    ((await evidence(missing, check, true)(kind.plural, cluster.list(kind, {}, project)))?.items ?? []).flat();
  const ofOthers = (configuration: WebhookConfigurationObject): readonly NamespaceReader[] =>
    injectors.has(configuration.metadata.name) ? [] : webhookReaders("MutatingWebhookConfiguration", configuration);
  const lists = [
    all(kinds.networkPolicies as Kind<NetworkPolicyObject>, "network-policies", networkPolicyReaders),
    all(kinds.mutatingWebhooks, "admission-readers", ofOthers),
    all(kinds.validatingWebhooks, "admission-readers", (configuration) =>
      webhookReaders("ValidatingWebhookConfiguration", configuration),
    ),
    ...policyKinds.map(([name, kind]) => all(kind, "admission-readers", (policy) => policyReaders(name, policy))),
    all(kinds.gateways as Kind<RouteGatewayObject>, "gateway-routes", routeReaders),
  ];
  return (await Promise.all(lists)).flat();
};

const gatewayClasses: Kind<KubeObject & { readonly spec?: { readonly controllerName?: string } }> = {
  group: "gateway.networking.k8s.io",
  version: "v1",
  plural: "gatewayclasses",
  kind: "GatewayClass",
  namespaced: false,
  optional: true,
};

/**
 * Classes of Istio's controllers: `istio.io/gateway-controller`, `istio.io/mesh-controller`, …
 * (pilot/pkg/config/kube/gateway/conversion.go).
 */
const readGatewayClasses = async (cluster: Cluster, optional: Optional): Promise<readonly string[]> => {
  const listed = await optional(
    "gatewayclasses",
    cluster.list(gatewayClasses, {}, ({ metadata, spec }) =>
      /^istio\.io\//.test(spec?.controllerName ?? "") ? [metadata.name] : [],
    ),
  );
  return (listed?.items ?? []).flat();
};

const placeOf = ({ metadata }: KubeObject) => ({ namespace: metadata.namespace ?? "", name: metadata.name });

type QuotaObject = KubeObject & {
  readonly spec?: { readonly hard?: Labels; readonly scopes?: readonly string[]; readonly scopeSelector?: unknown };
  readonly status?: { readonly hard?: Labels; readonly used?: Labels };
};

/**
 * A quota of `Terminating` pods counts none of a workload's: those have no deadline.
 * https://kubernetes.io/docs/concepts/policy/resource-quotas/#quota-scopes
 */
const quotaFrom = (quota: QuotaObject): readonly Quota[] => {
  const { scopes = [], scopeSelector, hard = {} } = quota.spec ?? {};
  if (scopes.includes("Terminating")) return [];
  const scoped = scopeSelector !== undefined || scopes.some((scope) => scope !== "NotTerminating");
  return [{ ...placeOf(quota), hard: quota.status?.hard ?? hard, used: quota.status?.used ?? {}, scoped }];
};

type AutoscalerObject = KubeObject & {
  readonly spec: {
    readonly scaleTargetRef: { readonly kind: string; readonly name: string };
    readonly maxReplicas: number;
  };
  readonly status?: { readonly currentReplicas?: number };
};

const autoscalerFrom = (autoscaler: AutoscalerObject) => ({
  ...placeOf(autoscaler),
  target: autoscaler.spec.scaleTargetRef,
  max: autoscaler.spec.maxReplicas,
  current: autoscaler.status?.currentReplicas ?? 0,
});

type BudgetObject = KubeObject & {
  readonly spec?: { readonly selector?: LabelSelector };
  readonly status?: { readonly disruptionsAllowed?: number };
};

const budgetFrom = (budget: BudgetObject) => ({
  ...placeOf(budget),
  selector: budget.spec?.selector,
  allowed: budget.status?.disruptionsAllowed ?? 0,
});

type ClaimObject = KubeObject & { readonly spec?: { readonly accessModes?: readonly string[] } };

const claimFrom = (claim: ClaimObject) => ({ ...placeOf(claim), accessModes: claim.spec?.accessModes ?? [] });
