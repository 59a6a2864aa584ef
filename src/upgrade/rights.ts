/** What a plan, its proof and its way back need to be allowed to do. */
import type { Finding } from "../mesh/finding.ts";
import type { WorkloadKind } from "../mesh/model.ts";
import { listed } from "../mesh/phrase.ts";
import { blocker, unknown } from "./checks/check.ts";
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

export type RightAnswer =
  | { readonly right: Right; readonly allowed: boolean; readonly reason: string }
  /** The server did not say. */
  | { readonly right: Right; readonly failure: string };

type RestartStep = Extract<Step, { readonly kind: "restart-workload" }>;

const resources: ReadonlyMap<string, readonly [group: string, resource: string]> = new Map<WorkloadKind, readonly [string, string]>([
  ["Deployment", ["apps", "deployments"]],
  ["StatefulSet", ["apps", "statefulsets"]],
  ["DaemonSet", ["apps", "daemonsets"]],
  ["Rollout", ["argoproj.io", "rollouts"]],
]);

/**
 * The rights that carrying out the plan needs, and putting it back: labels (patch of the namespace), restarts (patch of the workloads), the probe
 * (a pod created in a dry run, which Kubernetes cannot tell from a real one), what is waited for (pods, ReplicaSets), the causes of a failure (events,
 * logs), and the proof (port-forwards to istiod). A StatefulSet that is stuck on a broken pod goes back only once that pod is deleted.
 * Empty for a plan without steps.
 */
export const rightsFor = ({ steps }: Plan, istioNamespace: string): readonly Right[] => {
  if (steps.length === 0) return [];
  const relabelled = steps.flatMap((step): readonly Right[] => (step.kind === "relabel-namespace" ? verbs(["get", "patch"], { group: "", resource: "namespaces", name: step.namespace }) : []));
  const restarted = steps.filter((step): step is RestartStep => step.kind === "restart-workload");
  const perNamespace = [...Map.groupBy(restarted, ({ workload }) => workload.namespace)].flatMap(([namespace, inside]) => namespaceRights(namespace, inside));
  return [...relabelled, ...perNamespace, ...verbs(["get", "create"], { group: "", resource: "pods", subresource: "portforward", namespace: istioNamespace })];
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

/** `patch deployments.apps in namespace production`. */
export const rightText = ({ verb, group, resource, subresource, namespace, name }: Right): string =>
  `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`}${group === "" ? "" : `.${group}`}${name === undefined ? "" : ` ${name}`}${namespace === undefined ? "" : ` in namespace ${namespace}`}`;

/** A blocker for each missing right, with the rule to grant; `unknown` where the server did not say. */
export const rightFindings = (answers: readonly RightAnswer[]): readonly Finding[] =>
  [...Map.groupBy(answers.filter((answer) => !("allowed" in answer && answer.allowed)), ({ right }) => `${"name" in right ? right.name : ""}/${right.namespace ?? ""}/${right.group}/${right.resource}/${right.subresource ?? ""}`).values()].flatMap(
    (missing): readonly Finding[] => {
      const denied = missing.filter((answer) => "allowed" in answer);
      const silent = missing.filter((answer) => "failure" in answer);
      return [...(denied.length === 0 ? [] : [refusal(denied)]), ...silent.map(({ right, failure }) => unknown("rights", place(right), `whether you may ${rightText(right)} is unknown: ${failure}`, "kubectl auth can-i --list"))];
    },
  );

const refusal = (denied: readonly Extract<RightAnswer, { readonly allowed: boolean }>[]): Finding => {
  const [first, names] = [denied[0], denied.map(({ right }) => right.verb)];
  if (first === undefined) throw new Error("a refusal without a right");
  const { group, resource, subresource } = first.right;
  const rule = { apiGroups: [group], resources: [subresource === undefined ? resource : `${resource}/${subresource}`], verbs: names };
  const why = first.reason === "" ? "" : ` (${first.reason})`;
  return blocker("rights", place(first.right), `you may not ${rightText({ ...first.right, verb: listed(names, 8) })}, which the migration or its way back needs${why}`, `grant the rule ${JSON.stringify(rule)}`);
};

const place = ({ namespace, resource, name }: Right): string => (resource === "namespaces" && name !== undefined ? `namespace/${name}` : namespace === undefined ? "cluster" : `namespace/${namespace}`);
