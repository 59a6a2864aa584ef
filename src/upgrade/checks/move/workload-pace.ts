/** Can the pace that was asked for be kept? */
import { refText } from "../../../mesh/object-ref.ts";
import { durationText } from "../../../mesh/text/duration.ts";
import { type Facts, restarts } from "../../plan/moves.ts";
import { paceOf, pausesMs, unpacedReason } from "../../plan/pace.ts";
import { blocker, type Check, leave, type Observation, warning } from "../check.ts";

const workloadPace: Check<Facts> = {
  id: "workload-pace",
  title: "the pace of --workload-pods can be kept",
  severity: "blocker",
  category: "availability",
  accepts: ["--leave"],
  run: (facts) => {
    const { pace } = facts.request;
    if (pace === undefined) return [];
    return restarts(facts).flatMap(({ workload }): readonly Observation[] => {
      const reason = unpacedReason(workload, pace);
      if (reason !== undefined)
        return [
          warning(
            refText(workload),
            `it is not paced: ${reason}`,
            "leave it and move it by itself, where its clients need a slower pace",
            leave(workload),
          ),
        ];
      const pauses = paceOf(workload, pace) ? pausesMs(workload.status.desired, pace) : 0;
      if (pauses < pace.withinMs) return [];
      return [
        blocker(
          refText(workload),
          `its pauses alone take ${durationText(pauses)}, and the run ends after ${durationText(pace.withinMs)}`,
          `give it the time with --timeout, or a shorter --workload-pause, or more --workload-pods`,
          leave(workload),
        ),
      ];
    });
  },
};

export const workloadPaceChecks: readonly Check<Facts>[] = [workloadPace];
