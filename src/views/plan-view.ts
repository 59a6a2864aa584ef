/** A plan as a person reads it before it is run: its stages, each step with its before and after. */
import type { Finding } from "../mesh/finding.ts";
import { refArgument } from "../mesh/object-ref.ts";
import { listed } from "../mesh/phrase.ts";
import { revisionLabelsText } from "../mesh/revision-labels.ts";
import { paceText } from "../upgrade/pace/workload-pace.ts";
import type { Unplanned } from "../upgrade/plan/plan.ts";
import { type Left, type MigrationPlan, type MovePlan, type Stage, stepsOfLane } from "../upgrade/plan/plan.ts";
import type { Step } from "../upgrade/plan/step.ts";
import type { Target } from "../upgrade/record/undo-record.ts";
import { findingsView } from "./findings-view.ts";
import { type Cell, type TableOptions, table } from "./table.ts";

const stepHeads = ["stage", "change", "object", "from", "to", "pods", { wide: "pods in flight" }];
const stageHeads = ["stage", "ends when", "after a failure"];

/** The steps in the order in which they begin, how each stage ends, what is left, findings. */
export function planView(
  plan: MovePlan & Pick<MigrationPlan, "unplanned">,
  findings: readonly Finding[],
  options: TableOptions = {},
): string {
  const seen = new Set<Step>();
  const rows = plan.stages.flatMap((stage) =>
    stage.lanes
      .flatMap(stepsOfLane)
      .filter((step) => !seen.has(step) && seen.add(step))
      .filter(() => options.wide || stage.name !== "close")
      .map((step) => row(stage, step)),
  );
  const parts = [
    rows.length === 0 ? "" : table(stepHeads, rows, options),
    plan.stages.length === 0 ? "" : table(stageHeads, plan.stages.map(stageRow), options),
    plan.left.length === 0 ? "" : leftView(plan.left, options),
    notInjectedView(plan.notInjected, options),
    unplannedView(plan.unplanned, options),
    findingsView(findings),
  ];
  return parts.filter((part) => part !== "").join("\n");
}

/** The objects that stay on the old revision, and why. */
export const leftView = (left: readonly Left[], options: TableOptions = {}): string =>
  table(
    ["left", "because", "by"],
    left.map(({ object, reason, by }) => [refArgument(object), reason, by]),
    options,
  );

/** Workloads that get no proxy from the target: they opted out, or another revision injects them. */
const notInjectedView = (notInjected: MovePlan["notInjected"], options: TableOptions): string =>
  notInjected.length === 0
    ? ""
    : table(
        ["not injected", "because"],
        notInjected.map(({ object, reason }) => [refArgument(object), reason]),
        options,
      );

/** Of `-A`: what is in no namespace of the plan; empty text without any. */
export const unplannedView = (unplanned: readonly Unplanned[] = [], options: TableOptions = {}): string =>
  unplanned.length === 0
    ? ""
    : table(
        ["not in the plan", "objects", "pods", "on", "because", { wide: "to move it" }],
        unplanned.map(({ namespace, objects, revisions, pods, reason, remedy }) => [
          `namespace/${namespace}`,
          listed(objects.map(({ kind, name }) => `${kind.toLowerCase()}/${name}`)),
          `${pods}`,
          revisions.join(",") || "unknown",
          reason,
          remedy,
        ]),
        options,
      );

/** `revision 1-20`, or `revision 1-20 by tag prod`. */
export const targetText = ({ revision, tag }: Target): string =>
  tag === undefined ? `revision ${revision}` : `revision ${revision} by tag ${tag}`;

function row({ name }: Stage, step: Step): readonly Cell[] {
  switch (step.kind) {
    case "relabel": {
      const [before, after] = [revisionLabelsText(step.before), revisionLabelsText(step.after)];
      const close = step.record.kind === "close" && (step.record.removes ? "remove record" : "close record");
      const change = close ? close : before === after ? "keep labels" : "relabel";
      return [name, change, `namespace/${step.namespace}`, before, after];
    }
    case "move-tag": {
      const change = step.record === "close" ? "close record" : "move tag";
      return [name, change, `tag/${step.tag}`, step.from?.revision ?? "<none>", step.to ?? "<none>"];
    }
    case "restart": {
      const { workload, from, to, stalePods, pods, podsInFlight, way, pace } = step;
      const paced = pace ? `restart, ${paceText(pace)}` : "restart";
      const change = way ? `ask ${way.direct ? "its operator" : refArgument(way.object)}` : paced;
      return [name, change, refArgument(workload), from.join(","), to, `${stalePods}/${pods}`, podsInFlight];
    }
    case "prove":
      return [name, "prove", refArgument(step.workload), step.to, step.to];
  }
}

function stageRow({ name, until, gate, lanes, evenAfterFailure }: Stage): readonly Cell[] {
  const failure = lanes[0]?.onFailure ?? "stop";
  if (name === "records") return [name, "each namespace has its undo record", "everything is put back"];
  if (name === "tag")
    return [
      name,
      "every object of the tag is written, and every Gateway of it is programmed",
      "everything is put back",
    ];
  if (name === "labels") return [name, "a trial pod of each namespace is injected as before", "the others go on"];
  if (gate === "last-look")
    return [name, "no pod came up on another revision meanwhile, and the records are closed", ""];
  return [
    name,
    until === "first-pod" ? "its first new pod is proven" : "every pod is proven",
    evenAfterFailure
      ? "the others go on"
      : failure === "undo"
        ? "everything is put back"
        : "what has not begun is left as it is",
  ];
}
