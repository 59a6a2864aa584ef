/**
 * Whether a node is free for one pod more of a workload, by the rules that the scheduler never bends. What is not judged
 * here (other pods, resources, volumes) can only make fewer nodes free: no free node is certain, a free one is not.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/
 */
import type { LabelSelector, Labels, PodSpec, PodTemplateSpec } from "../../mesh/kubernetes.ts";
import { labelOf, matchesSelector } from "../../mesh/labels.ts";
import type { Workload } from "../../mesh/model.ts";
import { isLive } from "../../mesh/pod-state.ts";

/** A node as far as placement asks for it. `open`: it is ready and not cordoned. */
export interface PlacementNode {
  readonly name: string;
  readonly labels: Labels;
  readonly open: boolean;
  readonly taints: readonly Taint[];
}

interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
}

interface Toleration {
  readonly key?: string;
  readonly operator?: string;
  readonly value?: string;
  readonly effect?: string;
}

/** https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/ */
export interface SpreadConstraint {
  readonly maxSkew: number;
  readonly minDomains?: number;
  readonly topologyKey: string;
  readonly whenUnsatisfiable: string;
  readonly labelSelector?: LabelSelector;
  readonly matchLabelKeys?: readonly string[];
  readonly nodeAffinityPolicy?: string;
  readonly nodeTaintsPolicy?: string;
}

/** A pod's spec as far as placement asks for it. */
export interface PlacedSpec extends PodSpec {
  readonly nodeSelector?: Labels;
  readonly tolerations?: readonly Toleration[];
  readonly topologySpreadConstraints?: readonly SpreadConstraint[];
  readonly affinity?: {
    readonly nodeAffinity?: {
      readonly requiredDuringSchedulingIgnoredDuringExecution?: {
        readonly nodeSelectorTerms?: readonly Pick<LabelSelector, "matchExpressions">[];
      };
    };
    readonly podAntiAffinity?: {
      readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly {
        readonly topologyKey: string;
        readonly labelSelector?: LabelSelector;
      }[];
    };
  };
}

/** The label by which a rule means one node each. A rule shuts no node that is without it. */
const hostname = "kubernetes.io/hostname";

export const specOf = (template: PodTemplateSpec | undefined): PlacedSpec | undefined => template?.spec;

/** Its own pods keep a new one off their nodes. */
export const shunsItself = ({ template }: Pick<Workload, "template">): boolean =>
  (specOf(template)?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).some(
    ({ topologyKey, labelSelector }) =>
      topologyKey === hostname &&
      labelSelector !== undefined &&
      matches(labelSelector, template?.metadata?.labels, false),
  );

/** Nodes that take a pod of the workload and on which its own do not keep it off, by name. */
export const nodesBesideItself = (workload: Workload, nodes: readonly PlacementNode[]): readonly string[] => {
  const free = new Set(freeNodes(workload, nodes));
  return nodes
    .filter(
      (node) =>
        free.has(node.name) || (labelOf(node.labels, hostname) === undefined && takes(node, specOf(workload.template))),
    )
    .map(({ name }) => name);
};

/** Nodes that take a pod of the workload and on which none of it runs, by name. */
export const freeNodes = ({ template, pods }: Workload, nodes: readonly PlacementNode[]): readonly string[] => {
  const taken = new Set(pods.filter(isLive).map(({ node }) => node));
  return nodes.filter((node) => takes(node, specOf(template)) && !taken.has(node.name)).map(({ name }) => name);
};

/** Whether the node would take a pod of this spec, if it had room. */
export const takes = (node: PlacementNode, spec: PlacedSpec | undefined): boolean =>
  !node.open || spec?.nodeName !== undefined ? node.open : isSelected(node, spec) && isTolerated(node, spec);

/** By `nodeSelector` and required node affinity. */
export const isSelected = ({ labels }: PlacementNode, spec: PlacedSpec | undefined): boolean => {
  const terms = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return (
    Object.entries(spec?.nodeSelector ?? {}).every(([key, value]) => labelOf(labels, key) === value) &&
    (terms === undefined || terms.some(({ matchExpressions = [] }) => matches({ matchExpressions }, labels, true)))
  );
};

export const isTolerated = ({ taints }: PlacementNode, spec: PlacedSpec | undefined): boolean =>
  taints.every((taint) => taint.effect === "PreferNoSchedule" || (spec?.tolerations ?? []).some(tolerates(taint)));

/** https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/ */
const tolerates =
  (taint: Taint) =>
  ({ key, operator = "Equal", value = "", effect }: Toleration): boolean =>
    (effect === undefined || effect === "" || effect === taint.effect) &&
    (key === undefined || key === "" || key === taint.key) &&
    (operator === "Exists" || value === (taint.value ?? ""));

/** `otherwise`: of a selector with an operator that is not evaluated here (`Gt`, `Lt`). */
export const matches = (selector: LabelSelector, labels: Labels | undefined, otherwise: boolean): boolean => {
  try {
    return matchesSelector(selector, labels);
  } catch {
    return otherwise;
  }
};
