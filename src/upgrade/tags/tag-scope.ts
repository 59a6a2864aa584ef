/** What moves with a tag: namespaces and workloads whose new pods its webhook injects, and Gateways that follow it. Pure. */
import { type Injectable, injectableFrom, injectionOf } from "../../mesh/injection.ts";
import { labelOf } from "../../mesh/labels.ts";
import type { Gateway, Injection, Mesh, Namespace } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import type { Asked } from "../plan/moves.ts";

export interface TagScope {
  /** The namespaces, with those of their workloads and pods that the tag injects. By name. */
  readonly asked: readonly Asked[];
  /** Namespaces in which nothing is injected today, and the tag would inject. They are no part of the move. */
  readonly newcomers: readonly string[];
}

/**
 * By the real selectors of `mesh`, which has the tag as it will be: labels of the namespace, or of the pods alone.
 * `webhook`: the name of the tag's MutatingWebhookConfiguration.
 */
export const tagScope = (mesh: Mesh, webhook: string): TagScope => {
  const workloads = Map.groupBy(mesh.workloads, ({ namespace }) => namespace);
  const pods = Map.groupBy(mesh.pods, ({ namespace }) => namespace);
  const asked: Asked[] = [];
  const newcomers: string[] = [];
  for (const namespace of mesh.namespaces.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (namespace.terminating) continue;
    const isByTag = (pod: Injectable): boolean => byWebhook(injectionOf(mesh.injectors, namespace, pod), webhook);
    const inside = (workloads.get(namespace.name) ?? []).filter(({ template }) =>
      template === undefined ? isByTag({}) : isByTag(injectableFrom(template)),
    );
    const known = new Set((workloads.get(namespace.name) ?? []).map(refText));
    const kept = new Set(inside.map(refText));
    const own = (pods.get(namespace.name) ?? []).filter((pod) =>
      pod.workload && known.has(refText(pod.workload))
        ? kept.has(refText(pod.workload))
        : isByTag({ labels: pod.labels }),
    );
    if (!isByTag({}) && inside.length === 0 && own.every(({ proxy }) => proxy === undefined)) continue;
    const injectedToday =
      isInjected(namespace) || inside.some(isInjected) || own.some(({ proxy }) => proxy !== undefined);
    if (injectedToday)
      asked.push({ name: namespace.name, found: { namespace, eligibility: "eligible", workloads: inside, pods: own } });
    else newcomers.push(namespace.name);
  }
  return { asked, newcomers };
};

const isInjected = ({ injection }: Pick<Namespace, "injection">): boolean => injection.kind !== "none";

const byWebhook = (injection: Injection, webhook: string): boolean =>
  injection.kind === "unknown" ||
  (injection.kind !== "none" && injection.by === webhook) ||
  (injection.kind === "injected" && injection.also.includes(webhook));

/**
 * The Gateways of Istio's classes, waypoints included, whose owner the tag names: by their own label, else by that of
 * their namespace, else it is the default. Source: pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go.
 */
export const gatewaysOfTag = (mesh: Mesh, classes: readonly string[], tag: string): readonly Gateway[] => {
  const labels = new Map(mesh.namespaces.map((namespace) => [namespace.name, namespace.labels]));
  return mesh.gateways.filter(
    ({ namespace, className, pinned }) =>
      classes.includes(className) && (pinned ?? labelOf(labels.get(namespace), "istio.io/rev") ?? "default") === tag,
  );
};
