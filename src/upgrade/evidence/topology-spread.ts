/**
 * Whether the topology spread constraints of a workload leave a node to one pod more of it, as the scheduler counts:
 * pkg/scheduler/framework/plugins/podtopologyspread/filtering.go. By default nodes with taints count as domains, also
 * where no pod can be: with none there, no other may have more than `maxSkew` (kubernetes/kubernetes#106127).
 */
import type { LabelSelector, Labels } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import type { Pod, Workload } from "../../mesh/model.ts";
import { isLive } from "../../mesh/pod-state.ts";
import {
  isSelected,
  isTolerated,
  matches,
  type PlacementNode,
  type SpreadConstraint,
  specOf,
  takes,
} from "./placement.ts";

type Placed = Pick<Workload, "template">;

/**
 * Those that keep a pod from a node, and do not count by a label that only new pods have (`matchLabelKeys` with
 * `pod-template-hash`): of these there is none yet.
 */
const constraintsOf = ({ template }: Placed): readonly SpreadConstraint[] =>
  (specOf(template)?.topologySpreadConstraints ?? []).filter(
    ({ whenUnsatisfiable, labelSelector, matchLabelKeys = [] }) =>
      whenUnsatisfiable === "DoNotSchedule" &&
      labelSelector !== undefined &&
      matchLabelKeys.every((key) => labelOf(labelsOf(template), key) !== undefined),
  );

const labelsOf = (template: Workload["template"]): Labels => template?.metadata?.labels ?? {};

/** A new pod has to keep to a spread. */
export const isSpread = (workload: Placed): boolean => constraintsOf(workload).length > 0;

/**
 * The topology keys of the constraints, where for each node that would take a new pod one of them forbids it; undefined
 * where a node is left, and where that cannot be told: a pod that is counted has no node yet. `pods`: of its namespace.
 */
export const shutBySpread = (
  workload: Placed,
  nodes: readonly PlacementNode[],
  pods: readonly Pod[],
): readonly string[] | undefined => {
  const spec = specOf(workload.template);
  const constraints = constraintsOf(workload);
  const running = pods.filter((pod) => isLive(pod) && !pod.terminating);
  const open = nodes.filter((node) => takes(node, spec));
  if (constraints.length === 0 || open.length === 0) return undefined;
  if (constraints.some((each) => running.some((pod) => pod.node === undefined && counts(each, workload, pod))))
    return undefined;
  const keyed = nodes.filter(({ labels }) =>
    constraints.every(({ topologyKey }) => labelOf(labels, topologyKey) !== undefined),
  );
  const forbids = constraints.map((each) => forbidding(each, workload, keyed, running));
  if (open.some((node) => !forbids.some((forbid) => forbid(node)))) return undefined;
  return [...new Set(constraints.map(({ topologyKey }) => topologyKey))];
};

const counts = (
  { labelSelector = {}, matchLabelKeys = [] }: SpreadConstraint,
  { template }: Placed,
  { labels }: Pick<Pod, "labels">,
): boolean => {
  const own = labelsOf(template);
  return isMatch(labelSelector, labels) && matchLabelKeys.every((key) => labelOf(labels, key) === labelOf(own, key));
};

const isMatch = (selector: LabelSelector, labels: Labels): boolean => matches(selector, labels, false);

function forbidding(
  constraint: SpreadConstraint,
  workload: Placed,
  keyed: readonly PlacementNode[],
  running: readonly Pod[],
): (node: PlacementNode) => boolean {
  const {
    maxSkew,
    minDomains = 1,
    topologyKey,
    nodeAffinityPolicy = "Honor",
    nodeTaintsPolicy = "Ignore",
  } = constraint;
  const spec = specOf(workload.template);
  const eligible = keyed.filter(
    (node) =>
      (nodeAffinityPolicy === "Ignore" || isSelected(node, spec)) &&
      (nodeTaintsPolicy === "Ignore" || (node.open && isTolerated(node, spec))),
  );
  const domainOf = ({ labels }: PlacementNode): string => labelOf(labels, topologyKey) ?? "";
  const domains = new Map(eligible.map((node) => [node.name, domainOf(node)]));
  const perDomain = new Map([...domains.values()].map((domain) => [domain, 0]));
  for (const pod of running) {
    const domain = domains.get(pod.node ?? "");
    if (domain !== undefined && counts(constraint, workload, pod))
      perDomain.set(domain, (perDomain.get(domain) ?? 0) + 1);
  }
  const least = perDomain.size < minDomains ? 0 : Math.min(...perDomain.values());
  const self = isMatch(constraint.labelSelector ?? {}, labelsOf(workload.template)) ? 1 : 0;
  return (node) => {
    if (!keyed.includes(node)) return true;
    const count = perDomain.get(domainOf(node));
    return count !== undefined && count + self - least > maxSkew;
  };
}
