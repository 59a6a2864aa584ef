/** Reads the state of a mesh from the cluster, once. */

import type { Cluster } from "../cluster/cluster.ts";
import { kinds } from "../cluster/kinds.ts";
import { revisionsBehind } from "../mesh/from/called-revision.ts";
import { controlPlanesFrom } from "../mesh/from/control-plane.ts";
import { isSidecarInjector } from "../mesh/from/injectors.ts";
import { meshFrom } from "../mesh/from/inventory.ts";
import { podFrom, podFromMetadata } from "../mesh/from/pod.ts";
import type { GatewayObject, WebhookConfigurationObject, WorkloadObject } from "../mesh/kubernetes.ts";
import type { Mesh, Unknown } from "../mesh/model.ts";
import type { OwnerKind } from "../mesh/operators/restart-way.ts";
import { defaultValidatorName } from "../mesh/revision-names.ts";
import { workloadKinds } from "../mesh/workload-kinds.ts";
import { askIstiods } from "./ask-istiods.ts";
import { readEndpointSlices, readPolicies, readServices } from "./injector-facts.ts";
import { itemsOf, listKind, listNamespaces, listReplicaSets, listWorkloads, type Where } from "./list-kind.ts";
import { recordingUnknown } from "./optional-read.ts";
import { readOwners } from "./read-owners.ts";

/** How much of the mesh is read. */
export interface Scope {
  readonly istioNamespace: string;
  /** Whose pods, workloads and Gateways are read. A namespace that does not exist is left out. */
  readonly namespaces: Where;
  /** Read workloads and their ReplicaSets too; else the workload of a pod is found by names alone. */
  readonly workloads: boolean;
  /** Ask each istiod for its proxies. */
  readonly askIstiods: boolean;
  /**
   * Read only the metadata of pods that have not ended, a quarter of the bytes: their revision is known, their status
   * is not (`podFromMetadata`). And no ReplicaSets, of which each Deployment keeps ten old ones: the name of a pod's
   * ReplicaSet says which Deployment it belongs to.
   */
  readonly podMetadataOnly?: boolean;
  /** Operators' objects of these kinds are read where they own pods or workloads: they are restarted through them. */
  readonly owners?: readonly OwnerKind[];
}

/**
 * Reads the state of a mesh: all parts at the same time, in few requests, keeping only what is needed of each page.
 *
 * Webhooks, namespaces, and the Deployments and pods of istiod are required: without them, what could not be read would
 * look as if it did not exist. Their errors are thrown, and so are errors after which nothing else can be read (no
 * connection, no valid credentials). All else that cannot be read is listed in the mesh's `unknown`.
 */
export const snapshot = async (cluster: Cluster, scope: Scope): Promise<Mesh> => {
  const unknown: Unknown[] = [];
  const optional = recordingUnknown(unknown);
  const { istioNamespace } = scope;
  const webhooks = itemsOf(cluster.list(kinds.mutatingWebhooks, {}, whole<WebhookConfigurationObject>));
  const deployments = itemsOf(cluster.list(kinds.deployments, { labelSelector: "app=istiod" }, whole<WorkloadObject>));
  const istiods = itemsOf(cluster.list(kinds.pods, { labelSelector: "app=istiod" }, podFrom));

  const injectors = webhooks.then((configurations) => configurations.filter(isSidecarInjector));
  const answers = Promise.all([deployments, istiods, injectors]).then(([deployed, pods, configurations]) =>
    scope.askIstiods
      ? askIstiods(cluster, controlPlanesFrom(deployed, pods, configurations, istioNamespace, new Map()))
      : [],
  );

  const services = readServices(cluster, optional, istioNamespace, injectors);

  // The longest read first, because the number of connections is limited.
  const [pods, namespaces, endpointSlices, policies, defaultValidator, gateways, replicaSets, workloads] =
    await Promise.all([
      scope.podMetadataOnly
        ? listKind(cluster, scope.namespaces, optional, kinds.pods, podFromMetadata, {
            metadataOnly: true,
            fieldSelector: "status.phase!=Succeeded,status.phase!=Failed",
          })
        : listKind(cluster, scope.namespaces, optional, kinds.pods, podFrom),
      listNamespaces(cluster, scope.namespaces),
      injectors.then((found) => optional("endpoints of the injectors", readEndpointSlices(cluster, found))),
      Promise.all([injectors, services, deployments, istiods]).then(([found, called, deployed, own]) =>
        readPolicies(cluster, optional, istioNamespace, found, revisionsBehind(called.services, deployed, own)),
      ),
      optional("the default validator", cluster.get(kinds.validatingWebhooks, defaultValidatorName)),
      listKind(cluster, scope.namespaces, optional, kinds.gateways, whole<GatewayObject>),
      scope.workloads && !scope.podMetadataOnly ? listReplicaSets(cluster, scope.namespaces) : [],
      scope.workloads ? listWorkloads(cluster, scope.namespaces, optional, workloadKinds) : [],
      answers,
    ]);

  const owners = scope.owners ? await readOwners(cluster, scope.namespaces, scope.owners, [...pods, ...workloads]) : [];

  return meshFrom({
    takenAt: (await cluster.now()).toISOString(),
    istioNamespace,
    mutatingWebhooks: await webhooks,
    defaultValidator,
    endpointSlices,
    policies,
    services: (await services).services,
    servicesUnread: (await services).unread,
    istiodDeployments: await deployments,
    istiodPods: await istiods,
    namespaces,
    workloads,
    replicaSets,
    owners,
    pods,
    gateways,
    answers: await answers,
    unknown: [
      ...unknown,
      ...(await answers).flatMap((answer) =>
        answer.kind === "unanswered" ? [{ subject: `istiod ${answer.istiod}`, reason: answer.reason }] : [],
      ),
    ],
  });
};

/** For `Cluster.list`: keeps an object as it is. */
const whole = <T>(object: T): T => object;
