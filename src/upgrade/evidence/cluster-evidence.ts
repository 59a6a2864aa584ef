/**
 * What a plan is judged by beside the mesh itself: who else reads the labels of a namespace, and what room its
 * workloads have. Plain readonly data; read by src/cluster/surroundings.ts.
 */
import type { LabelSelector, Labels } from "../../mesh/kubernetes.ts";
import type { Unknown } from "../../mesh/model.ts";

export interface ClusterEvidence {
  /** Names of all namespaces, where one that was asked for is not among them: what it may have been meant to be. */
  readonly namespaces: readonly string[];
  /** `discoverySelectors` of each control plane's mesh config; none means that it sees every namespace. */
  readonly discovery: readonly Discovery[];
  /** Whatever asks for namespaces by their labels: an answer that changes with them changes what it does. */
  readonly readers: readonly NamespaceReader[];
  /** Names of the GatewayClasses that Istio serves. */
  readonly gatewayClasses: readonly string[];
  readonly quotas: readonly Quota[];
  readonly autoscalers: readonly Autoscaler[];
  readonly disruptionBudgets: readonly DisruptionBudget[];
  readonly claims: readonly Claim[];
  readonly cronJobs: readonly { readonly namespace: string; readonly name: string }[];
  /**
   * What each running pod counts against a quota, by resource name, by the pod's UID; only of namespaces that have a
   * quota.
   */
  readonly podUsage: ReadonlyMap<string, Labels>;
  /** Reads that failed, each with the check that is left without evidence. */
  readonly unknown: readonly MissingEvidence[];
}

export interface Discovery {
  readonly revision: string;
  /** `istio-system/istio-1-20`. */
  readonly configMap: string;
  readonly selectors: readonly LabelSelector[];
}

/** One label selector over namespaces, and the object it stands in. */
export interface NamespaceReader {
  readonly kind:
    | "NetworkPolicy"
    | "MutatingWebhookConfiguration"
    | "ValidatingWebhookConfiguration"
    | "ValidatingAdmissionPolicy"
    | "ValidatingAdmissionPolicyBinding"
    | "MutatingAdmissionPolicy"
    | "MutatingAdmissionPolicyBinding"
    | "Gateway";
  readonly namespace: string | undefined;
  readonly name: string;
  /** Where in the object, in words: `egress rule 2`, `webhook check.example.com`. */
  readonly where: string;
  readonly selector: LabelSelector | undefined;
  /** The selector cannot be evaluated here, but its text names the label: a CEL expression. */
  readonly expression?: string;
}

export interface Quota {
  readonly namespace: string;
  readonly name: string;
  readonly hard: Labels;
  readonly used: Labels;
  /** Counts only some pods (`scopes`, `scopeSelector`); `Terminating` ones never count a workload's. */
  readonly scoped: boolean;
}

export interface Autoscaler {
  readonly namespace: string;
  readonly name: string;
  readonly target: { readonly kind: string; readonly name: string };
  readonly max: number;
  readonly current: number;
}

export interface DisruptionBudget {
  readonly namespace: string;
  readonly name: string;
  readonly selector: LabelSelector | undefined;
  readonly allowed: number;
}

export interface Claim {
  readonly namespace: string;
  readonly name: string;
  readonly accessModes: readonly string[];
}

export interface MissingEvidence extends Unknown {
  /** Id of the check. */
  readonly check: string;
  /** Without it the plan may be wrong; else only a warning is lost. */
  readonly essential: boolean;
}
