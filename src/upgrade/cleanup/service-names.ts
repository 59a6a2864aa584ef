/** How the Services of a revision are called by name, and which texts contain such a name. */

import type { ServiceObject } from "../../mesh/kubernetes.ts";
import { labelOf, matchesSelector } from "../../mesh/labels.ts";
import type { Mesh } from "../../mesh/model.ts";
import { labelledRevision, revisionedName } from "../../mesh/revision-names.ts";

/** A Service that leads to the revision, or led to it while it had an istiod. */
export interface RevisionService {
  readonly namespace: string;
  readonly name: string;
  /** Its cluster IP, where it has one. */
  readonly ip: string | undefined;
  /** Label `istio.io/tag`, where it belongs to a tag. */
  readonly tag: string | undefined;
  /** Reachable from outside the cluster (LoadBalancer, NodePort). */
  readonly exposed: boolean;
  /** It has no selector: istiod runs elsewhere, and who is connected to it cannot be seen here. */
  readonly elsewhere: boolean;
}

/**
 * The Services of a revision: those that select an istiod of it, by pods and by the templates of its Deployments; and
 * the Service with the chart's name in the namespace of the revision, also where it is gone, unless it leads to another
 * revision. Webhooks, proxies and other objects may call it by that name.
 */
export const revisionServices = (
  services: readonly ServiceObject[],
  mesh: Mesh,
  revision: string,
): readonly RevisionService[] => {
  const istiods = istiodLabels(mesh);
  const chartName = revisionedName("istiod", revision);
  const selected = services.map((service) => {
    const selector = service.spec?.selector ?? {};
    const behind = istiods.filter(
      ({ namespace, labels }) =>
        Object.keys(selector).length > 0 &&
        namespace === service.metadata.namespace &&
        matchesSelector({ matchLabels: selector }, labels),
    );
    return { service, behind: new Set(behind.map((each) => each.revision)) };
  });
  const places = new Set([
    mesh.istioNamespace,
    ...mesh.controlPlanes.filter((plane) => plane.revision === revision).map(({ namespace }) => namespace),
  ]);
  const isChartName = ({ metadata }: ServiceObject): boolean =>
    metadata.name === chartName && places.has(metadata.namespace ?? "");
  const found = selected
    .filter(({ service, behind }) => behind.has(revision) || (behind.size === 0 && isChartName(service)))
    .map(({ service }) => serviceOf(service));
  const gone = [...places].filter(
    (namespace) => !services.some(({ metadata }) => metadata.namespace === namespace && metadata.name === chartName),
  );
  return [
    ...found,
    ...gone.map((namespace) => ({
      ...{ namespace, name: chartName, ip: undefined, tag: undefined, exposed: false, elsewhere: false },
    })),
  ];
};

const serviceOf = ({ metadata, spec = {} }: ServiceObject): RevisionService => ({
  namespace: metadata.namespace ?? "",
  name: metadata.name,
  ip: spec.clusterIP === undefined || spec.clusterIP === "None" ? undefined : spec.clusterIP,
  tag: labelOf(metadata.labels, "istio.io/tag"),
  exposed: spec.type === "LoadBalancer" || spec.type === "NodePort",
  elsewhere: Object.keys(spec.selector ?? {}).length === 0,
});

/** Labels of every istiod pod, and of the pod template of every istiod Deployment. */
const istiodLabels = ({ pods, workloads, controlPlanes }: Mesh) => {
  const deployed = new Map(
    controlPlanes.flatMap(({ deployment, revision }) => (deployment ? [[deployment.uid, revision] as const] : [])),
  );
  return [
    ...pods
      .filter(({ labels }) => labelOf(labels, "app") === "istiod")
      .map(({ namespace, labels }) => ({ namespace, labels, revision: labelledRevision(labels) })),
    ...workloads.flatMap(({ namespace, uid, template }) => {
      const revision = deployed.get(uid);
      return revision === undefined ? [] : [{ namespace, labels: template?.metadata?.labels ?? {}, revision }];
    }),
  ];
};

/**
 * Whether a text contains the address of one of these Services: `NAME.NAMESPACE`, with whatever follows (`.svc`, the
 * cluster's domain, a port), also inside a longer text such as JSON or an SNI name.
 */
export const containsAddress = (text: string, services: readonly RevisionService[]): boolean =>
  services.some(({ name, namespace }) => {
    const host = `${name}.${namespace}`;
    for (let at = text.indexOf(host); at >= 0; at = text.indexOf(host, at + 1))
      if (!/[a-z0-9-]/i.test(text[at - 1] ?? "") && !/[a-z0-9-]/i.test(text[at + host.length] ?? "")) return true;
    return false;
  });

/** Whether a host means one of these Services; a short name is one of the namespace that it is written in. */
export const isHostOf = (host: string, namespace: string, services: readonly RevisionService[]): boolean =>
  services.some((service) => service.name === host && service.namespace === namespace) ||
  containsAddress(host, services);
