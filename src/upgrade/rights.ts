/** What a plan, its proof and its way back need to be allowed to do. */
import type { WorkloadKind } from "../mesh/model.ts";
import type { Plan, Step } from "./plan.ts";

/** A verb on a resource, as an access review asks for it. Without a namespace: in all of them, or of the cluster. */
export interface Right {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

type RestartStep = Extract<Step, { readonly kind: "restart-workload" }>;

const resources: ReadonlyMap<string, readonly [group: string, resource: string]> = new Map<WorkloadKind, readonly [string, string]>([
  ["Deployment", ["apps", "deployments"]],
  ["StatefulSet", ["apps", "statefulsets"]],
  ["DaemonSet", ["apps", "daemonsets"]],
  ["Rollout", ["argoproj.io", "rollouts"]],
]);

/**
 * The rights that carrying out the plan needs, and putting it back: labels (patch of the namespace), restarts (patch of the workloads), the probe
 * (a pod created in a dry run, which Kubernetes cannot tell from a real one), what is waited for (pods, ReplicaSets), and the causes of a failure (events,
 * logs). Port-forwards to istiod are not among them: the plan was made from what came through them. A StatefulSet that is stuck on a broken pod goes back only once that pod is deleted.
 * Empty for a plan without steps. A namespace stands in itself (k8s.io/apiserver/pkg/endpoints/request/requestinfo.go): a RoleBinding in it is enough.
 */
export const neededRights = ({ steps }: Plan): readonly Right[] => {
  const relabelled = steps.flatMap((step): readonly Right[] =>
    step.kind === "relabel-namespace"
      ? verbs(["get", "patch"], { group: "", resource: "namespaces", namespace: step.namespace, name: step.namespace })
      : [],
  );
  const restarted = steps.filter((step): step is RestartStep => step.kind === "restart-workload");
  const perNamespace = [...Map.groupBy(restarted, ({ workload }) => workload.namespace)].flatMap(([namespace, inside]) =>
    namespaceRights(namespace, inside),
  );
  return [...relabelled, ...perNamespace];
};

const namespaceRights = (namespace: string, restarted: readonly RestartStep[]): readonly Right[] => {
  const kinds = new Set(restarted.map(({ workload }) => workload.kind));
  return [
    ...[...kinds].flatMap((kind) => {
      const [group, resource] = resources.get(kind) ?? ["", ""];
      return verbs(["get", "list", "patch"], { group, resource, namespace });
    }),
    ...verbs(["list", "watch", "create", ...(kinds.has("StatefulSet") ? ["delete"] : [])], { group: "", resource: "pods", namespace }),
    ...verbs(["get"], { group: "", resource: "pods", subresource: "log", namespace }),
    ...verbs(["list"], { group: "", resource: "events", namespace }),
    ...verbs(["list"], { group: "apps", resource: "replicasets", namespace }),
  ];
};

const verbs = (names: readonly string[], right: Omit<Right, "verb">): readonly Right[] => names.map((verb) => ({ verb, ...right }));
