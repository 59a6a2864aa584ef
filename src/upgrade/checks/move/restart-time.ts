/** What of a restart takes long for a reason that is known before it begins? */
import type { Workload } from "../../../mesh/model.ts";
import { refText } from "../../../mesh/object-ref.ts";
import { durationText } from "../../../mesh/text/duration.ts";
import { paceOf, pausesMs, unpacedReason } from "../../pace/workload-pace.ts";
import { type Facts, restarts } from "../../plan/moves.ts";
import { rolloutBatches } from "../../plan/rollout-size.ts";
import { gracePeriod } from "../../preflight/pod-template.ts";
import { blocker, type Check, leave, type Observation, warning } from "../check.ts";

/** The default of `--workload-timeout` (ms). */
const usualPatienceMs = 600_000;

export const patienceMs = ({ request }: Pick<Facts, "request">): number => request.workloadTimeoutMs ?? usualPatienceMs;

/** Seconds after which an end of a pod is long. Most pods end within Kubernetes' default of 30, and of what they may. */
export const longEnd = 300;

/** Pods that may take longer to end than a run waits for them. */
export const endsLate = (workload: Workload, facts: Pick<Facts, "request">): boolean =>
  gracePeriod(workload) > longEnd && gracePeriod(workload) * 1000 > patienceMs(facts);

/**
 * A Deployment makes its new pods without waiting for the old ones to end. A StatefulSet and a DaemonSet make the next pod
 * after the old one is gone. https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
 */
const longTermination: Check<Facts> = {
  id: "long-termination",
  title: "no old pod may take longer to end than a run waits",
  severity: "warning",
  category: "availability",
  run: (facts) =>
    restarts(facts)
      .filter(({ workload }) => endsLate(workload, facts))
      .map(({ workload }) => {
        const each = durationText(gracePeriod(workload) * 1000);
        const batches = rolloutBatches(workload);
        const [message, remedy] =
          batches === 1
            ? [
                `its old pods may take up to ${each} to end (terminationGracePeriodSeconds), longer than --workload-timeout ${durationText(patienceMs(facts))}: the run may end before they are gone`,
                `run the same command again later to see the end, or wait for them with --workload-timeout ${each}`,
              ]
            : [
                `each old pod may take up to ${each} to end (terminationGracePeriodSeconds), and the next one is replaced after it: up to ${durationText(gracePeriod(workload) * batches * 1000)} in all`,
                `give it the time with --timeout, which is for the whole run, or leave it and move it by itself`,
              ];
        return warning(refText(workload), message, remedy);
      }),
};

/** A pace that was asked for is kept, or a person knows where it is not (pace/workload-pace.ts). */
const workloadPace: Check<Facts> = {
  id: "workload-pace",
  title: "the pace of --workload-pods can be kept",
  severity: "blocker",
  category: "availability",
  accepts: ["--leave", "--skip-check"],
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

export const restartTimeChecks: readonly Check<Facts>[] = [longTermination, workloadPace];
