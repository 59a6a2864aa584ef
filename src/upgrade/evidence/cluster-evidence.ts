/**
 * What the checks need to know besides the mesh: what else selects namespaces by their labels, and quotas, autoscalers
 * and disruption budgets. Plain readonly data; src/gather/read-evidence.ts reads it.
 */
import type { LabelSelector, Labels } from "../../mesh/kubernetes.ts";
import type { Unknown } from "../../mesh/model.ts";
import type { RevisionConfig } from "../preflight/evidence/control-plane-evidence.ts";
import type { MeshSettings } from "../preflight/mesh-settings.ts";
import type { PlacementNode } from "./placement.ts";

/** Everything that was read. A list that could not be read is empty, with an entry in `unknown`. */
export interface ClusterEvidence {
  /** Names of all namespaces, to suggest one for a mistyped name; empty when every requested namespace exists. */
  readonly namespaces: readonly string[];
  /** `discoverySelectors` of each control plane's mesh config; without any, it watches every namespace. */
  readonly discovery: readonly Discovery[];
  /** Everything that selects namespaces by their labels: a change of labels can change what it selects. */
  readonly readers: readonly NamespaceReader[];
  /** Names of the GatewayClasses that Istio serves. */
  readonly gatewayClasses: readonly string[];
  readonly quotas: readonly Quota[];
  readonly autoscalers: readonly Autoscaler[];
  readonly disruptionBudgets: readonly DisruptionBudget[];
  readonly claims: readonly Claim[];
  /** Services with a selector. */
  readonly services: readonly ServiceSelector[];
  readonly cronJobs: readonly { readonly namespace: string; readonly name: string }[];
  /**
   * What each running pod uses of a quota: quantities by resource name, by pod UID; only in namespaces with a quota.
   */
  readonly podUsage: ReadonlyMap<string, Labels>;
  /** The nodes; absent where no workload depends on them, and where they may not be read. */
  readonly nodes?: readonly PlacementNode[] | undefined;
  /** Reads that failed, each with the check that needs them. */
  readonly unknown: readonly MissingEvidence[];
}

/** The discovery selectors of one control plane. */
export interface Discovery {
  readonly revision: string;
  /** Namespace and name of the ConfigMap, e.g. `istio-system/istio-1-20`. */
  readonly configMap: string;
  readonly selectors: readonly LabelSelector[];
  /** The whole mesh config, as its istiod merges it; absent: only the selectors are known. */
  readonly settings?: MeshSettings;
  /** The ConfigMap that `SHARED_MESH_CONFIG` of its istiod names, and whether it exists. */
  readonly shared?: RevisionConfig["shared"];
}

/** One selector of namespaces, and the object that contains it. */
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
  /** The place in the object, for a person: `egress rule 2`, `webhook check.example.com`. */
  readonly where: string;
  readonly selector: LabelSelector | undefined;
  /** A CEL expression that contains the label's name; it is not evaluated here. */
  readonly expression?: string;
}

export interface Quota {
  readonly namespace: string;
  readonly name: string;
  readonly hard: Labels;
  readonly used: Labels;
  /**
   * Whether it counts some pods only (`scopes`, `scopeSelector`); one with scope `Terminating` counts no workload's
   * pods.
   */
  readonly scoped: boolean;
}

export interface Autoscaler {
  readonly namespace: string;
  readonly name: string;
  readonly target: { readonly kind: string; readonly name: string };
  readonly max: number;
  readonly current: number;
  /** Why it cannot measure what it scales by, in its own words; absent: it can, or has not said yet. */
  readonly blind?: string;
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

export interface ServiceSelector {
  readonly namespace: string;
  readonly name: string;
  readonly selector: Labels;
}

/** Something that could not be read, and the check that needs it. */
export interface MissingEvidence extends Unknown {
  /** Id of the check. */
  readonly check: string;
  /** True when the plan may be wrong without it; false when only a warning may be missing. */
  readonly essential: boolean;
}
