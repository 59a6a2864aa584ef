/** Proves a workload that needs no restart: its pods may be connected to another control plane, or to none. */
import { refText } from "../../mesh/object-ref.ts";
import { type ProveStep, stepKey } from "../../upgrade/plan/step.ts";
import { presentGoal } from "../../upgrade/proof/present-goal.ts";
import { arrival } from "../arrival.ts";
import type { StepActions } from "../run-plan.ts";

/** A proxy reconnects within seconds; a longer wait than this (ms) does not help. */
const reconnectMs = 60_000;

export const proveActions: StepActions<ProveStep, undefined> = {
  podsInFlight: () => 0,
  guard: async () => "go",
  apply: async () => undefined,
  prove: async (step, _, __, tools) => {
    const { workload, to } = step;
    const title = `${workload.kind}/${workload.name} (there already)`;
    const task = tools.sectionOf(workload.namespace).task(refText(workload), title);
    const goal = {
      ...presentGoal(step, to),
      question: "all-pods",
      wrongRevision: "ends",
      diagnosed: true,
      restarted: false,
      noProgressMs: Math.min(tools.timeouts.workload, reconnectMs),
    } as const;
    const { kind, reason, diagnosis, pods, proven } = await arrival(workload, goal, tools, (text) => task.update(text));
    tools.journal.note(stepKey(step), { pods, proven });
    if (kind !== "done") {
      task.fail(reason);
      return { state: "unproven", reason, diagnosis };
    }
    task.done(`${proven} of ${pods} pods on ${to}`);
    return { state: "proven", reason: undefined };
  },
};
