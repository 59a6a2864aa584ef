/** EndpointSlices of Services with a selector: the pods behind them, and which are ready. */
import { isDeepStrictEqual } from "node:util";
import { matchesSelector } from "../../../src/mesh/labels.ts";
import { isGoing, isOver, isReady, type KubeJson, ownerReference } from "../object.ts";
import type { Cluster, Controller } from "./controller.ts";

export const serviceLabel = "kubernetes.io/service-name";

export const endpointSlices: Controller = {
  of: "services",
  concerns: ({ resource, object, before }, { store, resource: named }) =>
    resource.plural === "pods"
      ? store
          .list(named("services"), object.metadata.namespace)
          .filter((service) => selects(service, object) || (before && selects(service, before)))
      : [],
  reconcile,
};

const selects = ({ spec }: KubeJson, pod: KubeJson): boolean =>
  spec.selector && matchesSelector({ matchLabels: spec.selector }, pod.metadata.labels);

async function reconcile(service: KubeJson, cluster: Cluster): Promise<undefined> {
  const { namespace, name, uid } = service.metadata;
  if (!service.spec.selector || isGoing(service)) return;
  const pods = cluster.store
    .list(cluster.resource("pods"), namespace)
    .filter((pod) => selects(service, pod) && pod.status?.podIP && !isOver(pod));
  const endpoints = pods.map((pod) => ({
    addresses: [pod.status.podIP],
    conditions: { ready: isReady(pod) && !isGoing(pod), serving: isReady(pod), terminating: isGoing(pod) },
    nodeName: pod.spec.nodeName,
    targetRef: { kind: "Pod", namespace, name: pod.metadata.name, uid: pod.metadata.uid },
  }));
  const ports = (service.spec.ports ?? []).map(
    ({
      name: port = "",
      port: number,
      targetPort,
      protocol = "TCP",
    }: {
      name?: string;
      port: number;
      targetPort?: number;
      protocol?: string;
    }) => ({
      name: port,
      port: targetPort ?? number,
      protocol,
    }),
  );
  const slice = cluster.store.controlled(uid).find(({ kind }) => kind === "EndpointSlice");
  if (slice && isDeepStrictEqual(slice.endpoints, endpoints)) return;
  if (slice) return void (await cluster.change(slice, (now) => ({ ...now, endpoints, ports })));
  await cluster.create("endpointslices", namespace, {
    ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4", endpoints, ports },
    metadata: {
      generateName: `${name}-`,
      labels: {
        ...service.metadata.labels,
        [serviceLabel]: name,
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
      },
      ownerReferences: [ownerReference(service)],
    },
  });
}
