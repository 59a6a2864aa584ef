import { labelOf } from "../../mesh/labels.ts";
import type { Mesh, Namespace, Pod, Workload } from "../../mesh/model.ts";
import { ownersWish } from "./owners-wish.ts";

/**
 * Whether a migration may touch a namespace. `eligible`: its own labels inject. The rest says why not: `protected` is
 * Kubernetes' or Istio's own, `kept-by-owners` has annotation `kubectl-mesh/migrate: no`, `disabled` has an `istio-injection` that is not `enabled`, `unserved` a label that no
 * webhook serves (and nothing there runs a sidecar), `pod-labels` is injected by the labels of its pods alone,
 * `ambient` and `unlabelled` have no injection label at all.
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

export const isProtected = (mesh: Mesh, namespace: string): boolean =>
  namespace.startsWith("kube-") ||
  namespace === mesh.istioNamespace ||
  mesh.controlPlanes.some((plane) => plane.namespace === namespace);

/** `istio-injection` wins over `istio.io/rev` whatever its value (istio-facts: precedence of injection). */
export const eligibilityOf = (
  mesh: Mesh,
  namespace: Namespace,
  workloads: readonly Workload[],
  pods: readonly Pod[],
): Eligibility => {
  if (isProtected(mesh, namespace.name)) return "protected";
  if (namespace.terminating) return "terminating";
  const injection = labelOf(namespace.labels, "istio-injection");
  if (injection !== undefined && injection !== "enabled") return "disabled";
  if (injection !== undefined || labelOf(namespace.labels, "istio.io/rev") !== undefined) {
    if (!isServed(namespace, workloads) && !pods.some(hasSidecar)) return "unserved";
    return ownersWish(namespace.annotations) === "no" ? "kept-by-owners" : "eligible";
  }
  if (labelOf(namespace.labels, "istio.io/dataplane-mode") === "ambient") return "ambient";
  return workloads.some(asksForInjection) ? "pod-labels" : "unlabelled";
};

/**
 * An injector may be set to inject only pods that ask for it: then only its workloads show that the label is served.
 */
const isServed = (namespace: Namespace, workloads: readonly Workload[]): boolean =>
  [namespace, ...workloads].some(({ injection }) => injection.kind !== "none");

/** Its template asks for a sidecar by a label of its own. */
export const asksForInjection = ({ template, gateway }: Workload): boolean =>
  !gateway &&
  labelOf(template?.metadata?.labels, "sidecar.istio.io/inject") !== "false" &&
  (labelOf(template?.metadata?.labels, "istio.io/rev") !== undefined ||
    labelOf(template?.metadata?.labels, "sidecar.istio.io/inject") === "true");

const hasSidecar = (pod: Pod): boolean => pod.proxy?.kind === "sidecar" || pod.proxy?.kind === "gateway";
