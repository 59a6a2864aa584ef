import { ignoredNamespaces } from "../../mesh/injection.ts";
import { labelOf } from "../../mesh/labels.ts";
import type { Mesh, Namespace, Pod, Workload } from "../../mesh/model.ts";
import { isLive } from "../../mesh/pod-state.ts";
import { ownersWish } from "../owners/owners-wish.ts";

/**
 * Whether a migration may touch a namespace. `eligible`: new pods in it are injected, by its labels or because it has
 * none (`enableNamespacesByDefault`). The rest says why not: `protected` is one of istiod's own list or has nothing but
 * a control plane, `kept-by-owners` has annotation `kubectl-mesh/migrate: no`, `disabled` has an `istio-injection` that
 * is not `enabled`, `unserved` a label that no webhook serves (and nothing there runs a sidecar), `pod-labels` is
 * injected by the labels of its pods alone, `ambient` and `unlabelled` have no injection label at all.
 */
export type Eligibility =
  | "eligible"
  | "protected"
  | "terminating"
  | "kept-by-owners"
  | "disabled"
  | "unserved"
  | "ambient"
  | "pod-labels"
  | "unlabelled";

/**
 * istiod injects nothing in its own four namespaces, whatever their names begin with: `kube-logging` is one like any
 * other. A namespace with a control plane is part of a migration where something else in it is injected (a gateway:
 * istio.io content/en/docs/setup/platform-setup/k3d/index.md).
 */
const isProtected = (mesh: Mesh, namespace: string, pods: readonly Pod[]): boolean =>
  ignoredNamespaces.includes(namespace) ||
  ([mesh.istioNamespace, ...mesh.controlPlanes.map((plane) => plane.namespace)].includes(namespace) &&
    !pods.some(hasSidecar));

/**
 * By what injects today. `istio-injection` wins over `istio.io/rev` whatever its value (istio-facts: precedence of
 * injection); a namespace without either is injected where an entry of a webhook selects it (`auto.` of the
 * istio-discovery chart, templates/mutatingwebhook.yaml).
 */
export const eligibilityOf = (
  mesh: Mesh,
  namespace: Namespace,
  workloads: readonly Workload[],
  pods: readonly Pod[],
): Eligibility => {
  if (isProtected(mesh, namespace.name, pods)) return "protected";
  if (namespace.terminating) return "terminating";
  const injection = labelOf(namespace.labels, "istio-injection");
  if (injection !== undefined && injection !== "enabled") return "disabled";
  if (injection !== undefined || labelOf(namespace.labels, "istio.io/rev") !== undefined) {
    if (!isServed(namespace, workloads) && !pods.some(hasSidecar)) return "unserved";
    return ownersWish(namespace.annotations) === "no" ? "kept-by-owners" : "eligible";
  }
  const byDefault = namespace.injection.kind !== "none";
  if (labelOf(namespace.labels, "istio.io/dataplane-mode") === "ambient")
    return byDefault && pods.some(hasSidecar) ? "eligible" : "ambient";
  if (byDefault) return "eligible";
  return workloads.some(asksForInjection) ? "pod-labels" : "unlabelled";
};

/**
 * An injector may be set to inject only pods that ask for it: then only its workloads show that the label is served.
 */
const isServed = (namespace: Namespace, workloads: readonly Workload[]): boolean =>
  [namespace, ...workloads].some(({ injection }) => injection.kind !== "none");

/** Its template asks for a sidecar by a label of its own. */
export const asksForInjection = ({ template, gateway }: Workload): boolean => !gateway && asksByTemplate({ template });

/** The same of gateways too. */
export const asksByTemplate = ({ template }: Pick<Workload, "template">): boolean =>
  labelOf(template?.metadata?.labels, "sidecar.istio.io/inject") !== "false" &&
  (labelOf(template?.metadata?.labels, "istio.io/rev") !== undefined ||
    labelOf(template?.metadata?.labels, "sidecar.istio.io/inject") === "true");

const hasSidecar = (pod: Pod): boolean =>
  isLive(pod) && (pod.proxy?.kind === "sidecar" || pod.proxy?.kind === "gateway");
