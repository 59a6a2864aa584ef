/** Which pods can no restart replace, because their nodes do not answer? */
import { lostNodesText, nodesOf } from "../../../mesh/lost-node.ts";
import type { Workload } from "../../../mesh/model.ts";
import { refText } from "../../../mesh/object-ref.ts";
import { counted, listed } from "../../../mesh/phrase.ts";
import { type Facts, restarts } from "../../plan/moves.ts";
import { surge, unavailable } from "../../plan/rollout-size.ts";
import { lostNodeRemedy, outOfReach } from "../../proof/reach.ts";
import { blocker, type Check, leave, type Observation, warning } from "../check.ts";

/**
 * A DaemonSet waits for the pods of lost nodes: each counts as unavailable, or as a surge that does not end, and with as
 * many as its strategy allows no other pod is replaced (pkg/controller/daemon/update.go `rollingUpdate`;
 * kubernetes/kubernetes#117204, kubernetes/test-infra#31706). An old pod of another kind has its successor already.
 */
const podsReachable: Check<Facts> = {
  id: "pods-reachable",
  title: "every pod to replace is on a node that answers",
  severity: "blocker",
  category: "availability",
  accepts: ["--leave"],
  run: (facts) => restarts(facts).flatMap(({ workload }) => judge(workload)),
};

const judge = (workload: Workload): readonly Observation[] => {
  const lost = outOfReach(workload);
  if (lost.length === 0) return [];
  const where = `${counted(lost.length, "pod")} (${listed(lost.map(({ name }) => name))}) ${lost.length === 1 ? "is" : "are"} on ${lostNodesText(lost)}`;
  const unfinished = "the run proves the others, and stays unfinished (4) until the node is back or deleted";
  if (workload.kind !== "DaemonSet")
    return [warning(refText(workload), `${where}, and cannot end: ${unfinished}`, lostNodeRemedy(lost))];
  const [count, most] = [nodesOf(lost).length, Math.max(surge(workload), unavailable(workload))];
  if (count < most)
    return [warning(refText(workload), `${where}, and cannot be replaced: ${unfinished}`, lostNodeRemedy(lost))];
  const field = surge(workload) > 0 ? "maxSurge" : "maxUnavailable";
  return [
    blocker(
      refText(workload),
      `${where}, and cannot be replaced; with ${field} ${most} its restart would wait for ${count === 1 ? "it" : "them"} before it replaces the others`,
      `${lostNodeRemedy(lost)}; or set ${field} to ${count + 1} or more while it moves`,
      leave(workload),
    ),
  ];
};

export const reachChecks: readonly Check<Facts>[] = [podsReachable];
