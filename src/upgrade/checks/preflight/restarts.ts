/** What a restart of every workload meets. */
import type { Workload } from "../../../mesh/model.ts";
import { refText } from "../../../mesh/object-ref.ts";
import { counted, listed } from "../../../mesh/phrase.ts";
import { durationText } from "../../../mesh/text/duration.ts";
import { restarts } from "../../plan/moves.ts";
import { rolloutBatches, surge, unavailable } from "../../plan/rollout-size.ts";
import { gracePeriod } from "../../preflight/pod-template.ts";
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import { type Check, note, warning } from "../check.ts";
import { endsLate, longEnd } from "../move/restart-time.ts";
import { limitRanges } from "./limit-ranges.ts";

const restarted = (facts: PreflightFacts): readonly Workload[] => restarts(facts).map(({ workload }) => workload);

/** An autoscaler that is at its maximum is said by `autoscalers`. */
const blindAutoscalers: Check<PreflightFacts> = {
  id: "autoscalers-measure",
  title: "every autoscaler can measure its workload",
  severity: "warning",
  category: "availability",
  run: (facts) =>
    restarted(facts).flatMap((workload) =>
      facts.evidence.autoscalers.flatMap(({ namespace, target, name, blind }) =>
        blind !== undefined &&
        namespace === workload.namespace &&
        target.kind === workload.kind &&
        target.name === workload.name
          ? [
              warning(
                refText(workload),
                `its autoscaler ${name} does not scale now (${blind}): nothing would be added under load while it is restarted`,
                blind === "AmbiguousSelector"
                  ? `let its selector match the pods of one autoscaler only: kubectl -n ${namespace} describe hpa ${name}`
                  : `kubectl -n ${namespace} describe hpa ${name}`,
              ),
            ]
          : [],
      ),
    ),
};

/**
 * `downtime` leaves DaemonSets out, because one pod a node is down anyhow.
 * https://kubernetes.io/docs/tasks/manage-daemon/update-daemon-set/
 */
const daemonSetsGradual: Check<PreflightFacts> = {
  id: "daemonsets-gradual",
  title: "no DaemonSet stops on all nodes at once",
  severity: "warning",
  category: "availability",
  run: (facts) =>
    restarted(facts)
      .filter(
        (workload) =>
          workload.kind === "DaemonSet" &&
          workload.status.desired > 1 &&
          surge(workload) === 0 &&
          unavailable(workload) >= workload.status.desired,
      )
      .map((workload) =>
        warning(
          refText(workload),
          `its maxUnavailable lets it be missing on all ${workload.status.desired} nodes at once while it is restarted`,
          "set updateStrategy.rollingUpdate.maxUnavailable to 1 while it moves",
        ),
      ),
};

/**
 * What ends later than a run waits is said by `long-termination`. A StatefulSet and a DaemonSet make the next pod after
 * the old one is gone; a Deployment does not wait, and its old pods stay until they have ended. https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
 */
const gracePeriods: Check<PreflightFacts> = {
  id: "grace-periods",
  title: "no pod may take longer than 5 minutes to end",
  severity: "note",
  category: "availability",
  run: (facts) => {
    const slow = restarted(facts)
      .filter((workload) => gracePeriod(workload) > longEnd && !endsLate(workload, facts))
      .toSorted((a, b) => longest(b) - longest(a));
    const [slowest] = slow;
    if (slowest === undefined) return [];
    return [
      note(
        "terminationGracePeriodSeconds",
        `${counted(slow.length, "workload")} may take long to end their pods: ${listed(slow.map((workload) => `${refText(workload)} up to ${durationText(longest(workload) * 1000)}`))}`,
        "plan for it: such a restart ends when its last old pod has ended",
      ),
    ];
  },
};

/** Seconds, at most: pods that are replaced one after the other add up. */
const longest = (workload: Workload): number => gracePeriod(workload) * rolloutBatches(workload);

export const restartChecks: readonly Check<PreflightFacts>[] = [
  limitRanges,
  blindAutoscalers,
  daemonSetsGradual,
  gracePeriods,
];
