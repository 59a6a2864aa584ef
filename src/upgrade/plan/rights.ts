/** What a plan, its proof and its way back need to be allowed to do. */
import type { Right } from "../../mesh/kubernetes.ts";
import { type WorkloadKind, workloadResources } from "../../mesh/workload-kinds.ts";
import type { Plan, Step } from "./plan.ts";

type RestartStep = Extract<Step, { readonly kind: "restart-workload" }>;

/**
 * The rights that carrying out the plan needs, and putting it back: labels (patch of the namespace), restarts (patch of
 * the workloads), the probe (a pod created in a dry run, which Kubernetes cannot tell from a real one), what is waited
 * for (pods, ReplicaSets), and the causes of a failure (events, logs). Port-forwards to istiod are not among them: the
 * plan was made from what came through them. A StatefulSet that is stuck on a broken pod goes back only once that pod
 * is deleted. Empty for a plan without steps. A namespace stands in itself
 * (k8s.io/apiserver/pkg/endpoints/request/requestinfo.go): a RoleBinding in it is enough.
 */
export const neededRights = ({ steps }: Plan): readonly Right[] => {
  const relabelled = steps.flatMap((step): readonly Right[] =>
    step.kind === "relabel-namespace"
      ? verbs(["get", "patch"], { group: "", resource: "namespaces", namespace: step.namespace, name: step.namespace })
      : [],
  );
  const restarted = steps.filter((step): step is RestartStep => step.kind === "restart-workload");
  const perNamespace = [...Map.groupBy(restarted, ({ workload }) => workload.namespace)].flatMap(
    ([namespace, inside]) => namespaceRights(namespace, inside),
  );
  return [...relabelled, ...perNamespace];
};

const namespaceRights = (namespace: string, restarted: readonly RestartStep[]): readonly Right[] => {
  const kinds = new Set(restarted.map(({ workload }) => workload.kind));
  return [
    ...[...kinds].flatMap((kind) => {
      const { group, plural: resource } = workloadResources[kind as WorkloadKind];
      return verbs(["get", "list", "patch"], { group, resource, namespace });
    }),
    ...verbs(["list", "watch", "create", ...(kinds.has("StatefulSet") ? ["delete"] : [])], {
      group: "",
      resource: "pods",
      namespace,
    }),
    ...verbs(["get"], { group: "", resource: "pods", subresource: "log", namespace }),
    ...verbs(["list"], { group: "", resource: "events", namespace }),
    ...verbs(["list"], { group: "apps", resource: "replicasets", namespace }),
  ];
};

const verbs = (names: readonly string[], right: Omit<Right, "verb">): readonly Right[] =>
  names.map((verb) => ({ verb, ...right }));
