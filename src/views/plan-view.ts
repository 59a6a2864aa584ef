/** A plan as text for a person: each step with its before and after. */
import { refArgument } from "../mesh/object-ref.ts";
import type { RevisionLabels } from "../mesh/revision-labels.ts";
import type { Plan, Step } from "../upgrade/plan/plan.ts";
import type { Target } from "../upgrade/record/undo-record.ts";
import { findingsView } from "./findings-view.ts";
import { type Cell, type TableOptions, table } from "./table.ts";

const heads = ["step", "change", "object", "from", "to", "pods", { wide: "pods in flight" }];

/** The steps in their order, the objects that are left, and the findings. */
export function planView(plan: Plan, options: TableOptions = {}): string {
  const parts = [
    plan.steps.length === 0
      ? ""
      : table(
          heads,
          plan.steps.map((step, index) => row(step, index, plan.target)),
          options,
        ),
    plan.left.length === 0 ? "" : leftView(plan.left, options),
    findingsView(plan.findings),
  ];
  return parts.filter((part) => part !== "").join("\n");
}

/** The objects that stay on the old revision, and why. */
export const leftView = (left: Plan["left"], options: TableOptions = {}): string =>
  table(
    ["left", "because", "by"],
    left.map(({ object, reason, by }) => [refArgument(object), reason, by]),
    options,
  );

/** `revision 1-20`, or `revision 1-20 by tag prod`. */
export const targetText = ({ revision, tag }: Target): string =>
  tag === undefined ? `revision ${revision}` : `revision ${revision} by tag ${tag}`;

/** `istio-injection=enabled`; `<none>` for a namespace without either label. */
export function labelsText(labels: RevisionLabels): string {
  const set = (["istio-injection", "istio.io/rev"] as const).filter((key) => labels[key] !== null);
  return set.map((key) => `${key}=${labels[key]}`).join(",") || "<none>";
}

function row(step: Step, index: number, target: Target): readonly Cell[] {
  switch (step.kind) {
    case "relabel-namespace": {
      const [before, after] = [labelsText(step.before), labelsText(step.after)];
      return [index + 1, before === after ? "keep labels" : "relabel", `namespace/${step.namespace}`, before, after];
    }
    case "restart-workload":
      return [
        index + 1,
        step.canary ? "restart first" : "restart",
        refArgument(step.workload),
        step.from.join(","),
        target.revision,
        `${step.stalePods}/${step.pods}`,
        step.podsInFlight,
      ];
  }
}
