/** Nothing stays unsaid: what `-A` does not move although it runs another revision. */
import { refArgument } from "../../../mesh/object-ref.ts";
import { counted, listed } from "../../../mesh/phrase.ts";
import type { Facts } from "../../plan/moves.ts";
import { isOpen } from "../../plan/plan.ts";
import { blocker, type Check, warning } from "../check.ts";

/**
 * Beside other namespaces that move it is a warning, and the run is not done at its end. Where there is nothing else to
 * do it is refused: a run that changes nothing would say "nothing to do" over pods that the old control plane serves.
 */
const podsUnplanned: Check<Facts> = {
  id: "pods-unplanned",
  title: "with -A every injected pod of another revision is in the plan, or left by name",
  severity: "blocker",
  category: "unmoved",
  accepts: ["--leave"],
  run: ({ notPlanned, moves }) =>
    (notPlanned?.unplanned ?? []).filter(isOpen).map(({ namespace, objects, pods, revisions, reason, remedy }) => {
      const object = `namespace/${namespace}`;
      const names = listed(objects.map(refArgument), 6);
      const message = `${counted(pods, "pod")} on ${listed(revisions, 6) || "an unknown revision"} (${names}) ${pods === 1 ? "stays" : "stay"} there: ${reason}`;
      const value = `${namespace}/*/*`;
      return moves.length === 0
        ? blocker(object, message, remedy, { flag: "--leave", value })
        : warning(object, message, `${remedy}; to leave them and be done: --leave '${value}'`);
    }),
};

export const unplannedChecks: readonly Check<Facts>[] = [podsUnplanned];
