/** Reads what a migration is judged by beside the mesh itself, each part for the check that needs it. */
import type { Cluster } from "../cluster/cluster.ts";
import { type Kind, kinds } from "../cluster/kinds.ts";
import type { KubeObject, WebhookConfigurationObject } from "../mesh/kubernetes.ts";
import type { Mesh, Unknown } from "../mesh/model.ts";
import type { ClusterEvidence, MissingEvidence, NamespaceReader } from "../upgrade/evidence/cluster-evidence.ts";
import {
  type AdmissionPolicyObject,
  type NetworkPolicyObject,
  networkPolicyReaders,
  policyReaders,
  type RouteGatewayObject,
  routeReaders,
  webhookReaders,
} from "../upgrade/evidence/namespace-readers.ts";
import { readDiscovery } from "./config/discovery-selectors.ts";
import {
  type AutoscalerObject,
  autoscalerFrom,
  type BudgetObject,
  budgetFrom,
  type ClaimObject,
  claimFrom,
  type GatewayClassObject,
  placeOf,
  type QuotaObject,
  quotaFrom,
  selectorsFrom,
} from "./evidence-objects.ts";
import { listKind, namesIn, someOf, type Where } from "./list-kind.ts";
import { namespaceNames } from "./namespace-names.ts";
import { type OptionalRead, recordingUnknown } from "./optional-read.ts";
import { readPlacement } from "./read-placement.ts";
import { countedPodUsage } from "./read-pod-usage.ts";

/**
 * Reads what a migration of these namespaces is judged by beside the mesh: all parts at the same time, few fields of
 * each object, never a request for each workload. What cannot be read is listed in `unknown` with the check that lacks
 * it. Throws `ClusterError` where nothing can be read (no connection, no valid credentials).
 */
export const readClusterEvidence = async (
  cluster: Cluster,
  mesh: Mesh,
  namespaces: Where,
): Promise<ClusterEvidence> => {
  const missing: MissingEvidence[] = [];
  const known = new Set(mesh.namespaces.map(({ name }) => name));
  const asked = namesIn(namespaces);
  const scope = asked
    ? someOf(
        namespaces,
        [...new Set(asked)].filter((name) => known.has(name)),
      )
    : "all";
  const slip = asked?.some((name) => !known.has(name)) === true;
  const inScope = <T extends KubeObject, R>(kind: Kind<T>, project: (object: T) => R, optional: OptionalRead) =>
    listKind(cluster, scope, optional, kind, project);
  const [
    names,
    discovery,
    readers,
    gatewayClasses,
    quotas,
    autoscalers,
    disruptionBudgets,
    claims,
    services,
    cronJobs,
    nodes,
  ] = await Promise.all([
    slip ? namespaceNames(cluster) : [],
    readDiscovery(cluster, mesh, evidence(missing, "discovery-selectors", true)),
    readReaders(cluster, mesh, missing),
    readGatewayClasses(cluster, evidence(missing, "gateways-pinned", true)),
    inScope(kinds.resourceQuotas as Kind<QuotaObject>, quotaFrom, evidence(missing, "quota", true)),
    inScope(kinds.autoscalers as Kind<AutoscalerObject>, autoscalerFrom, evidence(missing, "autoscalers", false)),
    inScope(kinds.disruptionBudgets as Kind<BudgetObject>, budgetFrom, evidence(missing, "disruption-budgets", false)),
    inScope(kinds.persistentVolumeClaims as Kind<ClaimObject>, claimFrom, evidence(missing, "volumes", true)),
    inScope(kinds.services, selectorsFrom, evidence(missing, "readiness-probes", false)),
    inScope(kinds.cronJobs, placeOf, evidence(missing, "next-pods", false)),
    evidence(missing, "host-ports", false)("nodes", readPlacement(cluster, mesh)),
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
    services: services.flat(),
    cronJobs,
    ...(nodes && { nodes }),
    podUsage: await countedPodUsage(
      cluster,
      new Set(counted.map(({ namespace }) => namespace)),
      evidence(missing, "quota", true),
    ),
    unknown: missing,
  };
};

/** Reads on behalf of a check; a failure is recorded as what this check lacks. */
export const evidence = (missing: MissingEvidence[], check: string, essential: boolean): OptionalRead => {
  const failed: Unknown[] = [];
  const optional = recordingUnknown(failed);
  return async (subject, read, namespace) => {
    const result = await optional(subject, read, namespace);
    missing.push(...failed.splice(0).map((unknown) => ({ ...unknown, check, essential })));
    return result;
  };
};

const policyKinds = [
  ["ValidatingAdmissionPolicy", kinds.validatingPolicies],
  ["ValidatingAdmissionPolicyBinding", kinds.validatingPolicyBindings],
  ["MutatingAdmissionPolicy", kinds.mutatingPolicies],
  ["MutatingAdmissionPolicyBinding", kinds.mutatingPolicyBindings],
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
    ...policyKinds.map(([name, kind]) =>
      all(kind as Kind<AdmissionPolicyObject>, "admission-readers", (policy) => policyReaders(name, policy)),
    ),
    all(kinds.gateways as Kind<RouteGatewayObject>, "gateway-routes", routeReaders),
  ];
  return (await Promise.all(lists)).flat();
};

/**
 * Classes of Istio's controllers: `istio.io/gateway-controller`, `istio.io/mesh-controller`, …
 * (pilot/pkg/config/kube/gateway/conversion.go).
 */
const readGatewayClasses = async (cluster: Cluster, optional: OptionalRead): Promise<readonly string[]> => {
  const listed = await optional(
    "gatewayclasses",
    cluster.list(kinds.gatewayClasses as Kind<GatewayClassObject>, {}, ({ metadata, spec }) =>
      /^istio\.io\//.test(spec?.controllerName ?? "") ? [metadata.name] : [],
    ),
  );
  return (listed?.items ?? []).flat();
};
