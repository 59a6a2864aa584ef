/** What a plan, its proof and its way back need to be allowed to do. */
import type { Right } from "../../mesh/kubernetes.ts";
import type { OwnerResource } from "../../mesh/operators/restart-way.ts";
import { isWorkloadKind, workloadResources } from "../../mesh/workload-kinds.ts";
import { stateName } from "../record/run-journal.ts";
import { type Plan, relabelSteps, restartSteps, tagSteps } from "./plan.ts";
import type { MoveTagStep, RestartStep } from "./step.ts";

/**
 * The rights that carrying out the plan needs, and putting it back: labels (patch of the namespace), restarts (patch of
 * the workloads), the probe (a pod created in a dry run, which Kubernetes cannot tell from a real one), what is waited
 * for (pods, ReplicaSets), and the causes of a failure (events, logs). Port-forwards to istiod are not among them: the
 * plan was made from what came through them. A StatefulSet that is stuck on a broken pod goes back only once that pod
 * is deleted. The lock and the journal of each namespace are a Lease and a ConfigMap of our name; the lock of a cleanup
 * is looked for in the Istio namespace, and the UID of kube-system names the cluster. Events are not among them: a run
 * without them is the same run. Empty for a plan without steps. A namespace stands in itself
 * (k8s.io/apiserver/pkg/endpoints/request/requestinfo.go): a RoleBinding in it is enough.
 */
export const neededRights = (plan: Plan, istioNamespace: string): readonly Right[] => [
  ...relabelSteps(plan).flatMap(({ namespace }) =>
    verbs(["get", "patch"], { group: "", resource: "namespaces", namespace, name: namespace }),
  ),
  ...tagSteps(plan).flatMap(tagRights),
  ...stateRights(plan, istioNamespace),
  ...[...Map.groupBy(restartSteps(plan), ({ workload }) => workload.namespace)].flatMap(([namespace, inside]) =>
    namespaceRights(namespace, inside),
  ),
];

/** Of the objects of a tag, of the Gateways that follow it, and to delete again what the move creates. */
const tagRights = ({ changes, gateways }: MoveTagStep): readonly Right[] => [
  ...changes.flatMap(({ ref, before, after }) => {
    const { namespace, name } = ref;
    const resource = {
      group: ref.kind === "Service" ? "" : "admissionregistration.k8s.io",
      resource: plurals[ref.kind],
    };
    const place = { ...resource, ...(namespace === undefined ? {} : { namespace }) };
    return [
      ...verbs(["get", "patch"], { ...place, name }),
      ...(before && after ? [] : verbs(["delete"], { ...place, name })),
      ...(before ? [] : verbs(["create"], place)),
    ];
  }),
  ...gateways.flatMap(({ namespace, name }) =>
    verbs(["get"], { group: "gateway.networking.k8s.io", resource: "gateways", namespace, name }),
  ),
];

const plurals = {
  MutatingWebhookConfiguration: "mutatingwebhookconfigurations",
  ValidatingWebhookConfiguration: "validatingwebhookconfigurations",
  Service: "services",
} as const;

const leases = { group: "coordination.k8s.io", resource: "leases" };

/** Creating cannot be limited to a name; reading and changing can, so it is asked about the name. */
function stateRights(plan: Plan, istioNamespace: string): readonly Right[] {
  const moved = new Set([
    ...relabelSteps(plan).map(({ namespace }) => namespace),
    ...restartSteps(plan).map(({ workload }) => workload.namespace),
    ...tagSteps(plan).map(({ namespace }) => namespace),
  ]);
  if (moved.size === 0) return [];
  const name = stateName;
  return [
    ...verbs(["get"], { group: "", resource: "namespaces", namespace: "kube-system", name: "kube-system" }),
    ...verbs(["get"], { ...leases, namespace: istioNamespace, name }),
    ...[...moved].flatMap((namespace) =>
      [leases, { group: "", resource: "configmaps" }].flatMap((state) => [
        ...verbs(["create"], { ...state, namespace }),
        ...verbs(["get", "patch"], { ...state, namespace, name }),
      ]),
    ),
  ];
}

const namespaceRights = (namespace: string, restarted: readonly RestartStep[]): readonly Right[] => {
  const kinds = new Set(restarted.map(({ workload }) => workload.kind));
  return [
    ...[...kinds].filter(isWorkloadKind).flatMap((kind) => {
      const { group, plural: resource } = workloadResources[kind];
      const written = restarted.some(({ workload, way }) => workload.kind === kind && way === undefined);
      return verbs(["get", "list", ...(written ? ["patch"] : [])], { group, resource, namespace });
    }),
    ...[...ownersOf(restarted)].flatMap(({ group, plural: resource }) =>
      verbs(["get", "list", "patch"], { group, resource, namespace }),
    ),
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

/** The resources of operators that are asked for restarts, each once. */
const ownersOf = (restarted: readonly RestartStep[]): ReadonlySet<OwnerResource> => {
  const resources = restarted.flatMap(({ way }) => way?.resource ?? []);
  return new Set(new Map(resources.map((each) => [`${each.plural}.${each.group}`, each])).values());
};

const verbs = (names: readonly string[], right: Omit<Right, "verb">): readonly Right[] =>
  names.map((verb) => ({ verb, ...right }));
