import type { Cluster } from "../cluster/cluster.ts";
import { kinds } from "../cluster/kinds.ts";
import { controlPlanesFrom } from "../mesh/from/control-plane.ts";
import { isSidecarInjector } from "../mesh/from/injectors.ts";
import { meshFrom } from "../mesh/from/inventory.ts";
import { podFrom, podFromMetadata } from "../mesh/from/pod.ts";
import type {
  GatewayObject,
  KubeObject,
  NamespaceObject,
  WebhookConfigurationObject,
  WorkloadObject,
} from "../mesh/kubernetes.ts";
import type { Mesh, Unknown } from "../mesh/model.ts";
import { workloadKinds } from "../mesh/workload-kinds.ts";
import { askIstiods } from "./ask-istiods.ts";
import { readEndpointSlices, readPolicies } from "./injector-facts.ts";
import { itemsOf, listKind, listReplicaSets, listWorkloads } from "./list-kind.ts";
import { recordingUnknown } from "./optional-read.ts";

/** How much of the mesh is looked at. */
export interface Scope {
  readonly istioNamespace: string;
  /** Whose pods, workloads and Gateways are read. A namespace that does not exist is simply not in the picture. */
  readonly namespaces: readonly string[] | "all";
  /** Read workloads and their ReplicaSets too; without, a pod's workload is told by names alone. */
  readonly workloads: boolean;
  /** Ask each istiod for its proxies. */
  readonly askIstiods: boolean;
  /**
   * Of pods that have not ended read only the metadata, a quarter of the bytes: what they run is known, how they do is
   * not (`podFromMetadata`); and no ReplicaSets, of which each Deployment keeps ten old ones: a pod's ReplicaSet tells
   * by its name whose it is.
   */
  readonly podMetadataOnly?: boolean;
}

/**
 * Reads the picture of a mesh: everything at once, in few requests, pods and workloads projected while their pages come
 * in.
 *
 * The webhooks, the namespaces and istiod's Deployments and pods must be had, because what is missing of them would
 * look like what is not there: their errors are thrown, as is being unreachable or unknown to the server. Whatever else
 * may not be read or does not answer stands in the mesh's `unknown`, and the rest of the picture is there.
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
    scope.askIstiods ? askIstiods(cluster, controlPlanesFrom(deployed, pods, configurations, istioNamespace)) : [],
  );

  // The longest read first: there are only so many connections.
  const [pods, namespaces, endpointSlices, policies, defaultValidator, tagServices, gateways, replicaSets, workloads] =
    await Promise.all([
      scope.podMetadataOnly
        ? listKind(cluster, scope.namespaces, optional, kinds.pods, podFromMetadata, {
            metadataOnly: true,
            fieldSelector: "status.phase!=Succeeded,status.phase!=Failed",
          })
        : listKind(cluster, scope.namespaces, optional, kinds.pods, podFrom),
      readNamespaces(cluster, scope.namespaces),
      injectors.then((found) => optional("endpoints of the injectors", readEndpointSlices(cluster, found))),
      injectors.then((found) => readPolicies(cluster, optional, istioNamespace, found)),
      optional("the default validator", cluster.get(kinds.validatingWebhooks, "istiod-default-validator")),
      optional(
        "revision tags' Services",
        itemsOf(
          cluster.list(kinds.services, { namespace: istioNamespace, labelSelector: "istio.io/tag" }, whole<KubeObject>),
        ),
      ),
      listKind(cluster, scope.namespaces, optional, kinds.gateways, whole<GatewayObject>),
      scope.workloads && !scope.podMetadataOnly ? listReplicaSets(cluster, scope.namespaces) : [],
      scope.workloads ? listWorkloads(cluster, scope.namespaces, optional, workloadKinds) : [],
      answers,
    ]);

  return meshFrom({
    takenAt: (await cluster.now()).toISOString(),
    istioNamespace,
    mutatingWebhooks: await webhooks,
    defaultValidator,
    endpointSlices,
    policies,
    tagServices: tagServices ?? [],
    istiodDeployments: await deployments,
    istiodPods: await istiods,
    namespaces,
    workloads,
    replicaSets,
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

/** All namespaces, or those of the names that exist. */
const readNamespaces = async (cluster: Cluster, names: Scope["namespaces"]): Promise<readonly NamespaceObject[]> => {
  if (names === "all") return itemsOf(cluster.list(kinds.namespaces, {}, whole<NamespaceObject>));
  const found = await Promise.all(names.map((name) => cluster.get(kinds.namespaces, name)));
  return found.filter((namespace) => namespace !== undefined);
};

/** For `Cluster.list`: keeps an object as it is. */
const whole = <T>(object: T): T => object;
