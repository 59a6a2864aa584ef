/** A whole mesh, from the objects that were read of a cluster. */
import { injectableFrom, injectionOf } from "../injection.ts";
import type {
  EndpointSliceObject,
  GatewayObject,
  KubeObject,
  NamespaceObject,
  PodTemplateSpec,
  ServiceObject,
  WebhookConfigurationObject,
  WorkloadObject,
} from "../kubernetes.ts";
import { labelOf } from "../labels.ts";
import type {
  Gateway,
  Injection,
  InjectorPolicy,
  IstiodAnswer,
  IstiodService,
  Mesh,
  Pod,
  Unknown,
  Workload,
} from "../model.ts";
import { labelledRevision } from "../revision-names.ts";
import { calledRevisions, revisionsBehind } from "./called-revision.ts";
import { controlPlanesFrom, versionsOf } from "./control-plane.ts";
import { injectorsFrom, isSidecarInjector } from "./injectors.ts";
import { istiodServicesFrom, leadsOf } from "./istiod-services.ts";
import { namespaceFrom } from "./namespace.ts";
import { attachOwners, type FoundOwner } from "./owner-workload.ts";
import { attachPods } from "./ownership.ts";
import { tagsFrom } from "./tag.ts";
import type { BareWorkload } from "./workload.ts";

/**
 * All objects that were read of a cluster; pods and workloads are converted already. A list that could not be read is
 * empty here, and has an entry in `unknown`.
 */
export interface RawObjects {
  readonly takenAt: string;
  readonly istioNamespace: string;
  /** All of the cluster, also those that are not Istio's. */
  readonly mutatingWebhooks: readonly WebhookConfigurationObject[];
  readonly defaultValidator: WebhookConfigurationObject | undefined;
  /** EndpointSlices of the injectors' Services; undefined when they could not be read. */
  readonly endpointSlices: readonly EndpointSliceObject[] | undefined;
  /** The injection policy of each revision; a revision without the ConfigMap is absent. */
  readonly policies: ReadonlyMap<string, InjectorPolicy | "unknown">;
  /** Services of the Istio namespace, and of the namespaces of the injectors' Services. */
  readonly services: readonly ServiceObject[];
  /** Namespaces whose Services could not be read; absent: none. */
  readonly servicesUnread?: readonly string[];
  readonly istiodDeployments: readonly WorkloadObject[];
  readonly istiodPods: readonly Pod[];
  readonly namespaces: readonly NamespaceObject[];
  readonly workloads: readonly BareWorkload[];
  /** Metadata of ReplicaSets; the owner of one that is missing is found by its name (ownership.ts). */
  readonly replicaSets: readonly KubeObject[];
  /** Objects of operators that own some of these. */
  readonly owners?: readonly FoundOwner[];
  readonly pods: readonly Pod[];
  readonly gateways: readonly GatewayObject[];
  readonly answers: readonly IstiodAnswer[];
  readonly unknown: readonly Unknown[];
}

/** The mesh that these objects are. */
export const meshFrom = (listed: RawObjects): Mesh => {
  const configurations = listed.mutatingWebhooks.filter(isSidecarInjector);
  const behind = revisionsBehind(listed.services, listed.istiodDeployments, listed.istiodPods);
  const controlPlanes = controlPlanesFrom(
    listed.istiodDeployments,
    listed.istiodPods,
    configurations,
    listed.istioNamespace,
    behind,
  );
  const versions = versionsOf(controlPlanes);
  const { services, servicesUnread: unread = [] } = listed;
  const leads = leadsOf(services);
  const injectors = injectorsFrom(configurations, {
    behind,
    readyEndpoints: readyEndpointsOf(configurations, listed.endpointSlices, leads, unread),
    services: { leads, unread },
    policies: listed.policies,
    versions,
  });
  const labels = new Map(listed.namespaces.map(({ metadata }) => [metadata.name, metadata.labels ?? {}]));
  const injectionIn = (namespace: string, template: PodTemplateSpec | undefined): Injection => {
    const known = labels.get(namespace);
    if (known === undefined) return { kind: "unknown", reason: `namespace ${namespace} was not read` };
    if (template === undefined) return { kind: "unknown", reason: "its pod template was not read" };
    return injectionOf(injectors, { name: namespace, labels: known }, injectableFrom(template));
  };
  const attached = attachPods(listed.workloads, listed.replicaSets, listed.pods);
  const { workloads, pods } = attachOwners(attached, listed.owners ?? []);
  return {
    takenAt: listed.takenAt,
    istioNamespace: listed.istioNamespace,
    controlPlanes,
    tags: tagsFrom(configurations, injectors, listed.services, behind),
    injectors,
    istiodServices: istiodServicesFrom(
      services,
      configurations,
      behind,
      ({ metadata }) => labelledRevision(metadata.labels),
      listed.istioNamespace,
    ),
    ...(unread.length === 0 ? {} : { servicesUnread: unread }),
    defaultValidator: listed.defaultValidator && {
      name: listed.defaultValidator.metadata.name,
      revision: calledRevisions(listed.defaultValidator, behind)[0] ?? "default",
    },
    namespaces: listed.namespaces.map((namespace) => namespaceFrom(namespace, injectors)),
    workloads: workloads.map(
      (workload): Workload => ({ ...workload, injection: injectionIn(workload.namespace, workload.template) }),
    ),
    pods,
    gateways: listed.gateways.map(gatewayFrom),
    answers: listed.answers,
    unknown: listed.unknown,
  };
};

/**
 * Ready endpoints of each Service that an injector uses, by `NAMESPACE/SERVICE`; 0 for a Service without slices. Empty
 * when the slices could not be read. A Service of type ExternalName has no endpoints, and one without slices that could
 * not be read may be one: neither is in the map.
 */
const readyEndpointsOf = (
  configurations: readonly WebhookConfigurationObject[],
  slices: readonly EndpointSliceObject[] | undefined,
  leads: ReadonlyMap<string, IstiodService["lead"]>,
  unread: readonly string[],
): ReadonlyMap<string, number> => {
  if (slices === undefined) return new Map();
  const services = configurations.flatMap(({ webhooks = [] }) =>
    webhooks.flatMap((entry) => entry.clientConfig.service ?? []),
  );
  const counts = new Map(services.map(({ namespace, name }) => [`${namespace}/${name}`, 0]));
  for (const { metadata, endpoints } of slices) {
    const service = `${metadata.namespace}/${labelOf(metadata.labels, "kubernetes.io/service-name")}`;
    const ready = (endpoints ?? []).filter((endpoint) => endpoint.conditions?.ready !== false).length;
    if (counts.has(service)) counts.set(service, (counts.get(service) ?? 0) + ready);
  }
  return new Map(
    [...counts].filter(
      ([service, count]) =>
        leads.get(service) !== "name" &&
        (count > 0 || leads.has(service) || !unread.includes(service.split("/")[0] ?? "")),
    ),
  );
};

const gatewayFrom = ({ metadata, spec }: GatewayObject): Gateway => {
  const className = spec?.gatewayClassName ?? "";
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    uid: metadata.uid,
    className,
    waypoint: className === "istio-waypoint",
    pinned: labelOf(metadata.labels, "istio.io/rev"),
  };
};
