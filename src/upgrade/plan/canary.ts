import type { Workload } from "../../mesh/model.ts";
import { rolloutVerdict } from "../proof/rollout-verdict.ts";
import type { NamespaceMove } from "./moves.ts";
import { unavailable } from "./rollout-size.ts";

/**
 * The workload that goes first and is judged on its first new pod: the smallest healthy application with two or more
 * pods, of the first namespace that has one. A run that was broken off goes on with what it had begun. Where no
 * application has two pods, the smallest healthy one that its own strategy keeps available, then any healthy one (its
 * downtime was accepted). A gateway is never it: then there is none, and `undefined`.
 */
export const chooseCanary = (moves: readonly NamespaceMove[]): Workload | undefined => {
  const candidates = moves.map(({ open, workloads }) =>
    workloads
      .filter(({ disposition, workload }) => disposition === "restart" && !workload.gateway)
      .map(({ workload }) => ({
        workload,
        begun: open !== undefined && workload.restartedAt === open.stamp,
        healthy: rolloutVerdict(workload).kind === "done",
      }))
      .sort((a, b) => bySize(a.workload, b.workload)),
  );
  const first = (fits: (candidate: (typeof candidates)[number][number]) => boolean): Workload | undefined =>
    candidates.flatMap((each) => each.find(fits) ?? [])[0]?.workload;
  return (
    first(({ begun }) => begun) ??
    first(({ healthy, workload }) => healthy && workload.status.desired >= 2 && staysUp(workload)) ??
    first(({ healthy, workload }) => healthy && staysUp(workload)) ??
    first(({ healthy }) => healthy)
  );
};

/**
 * The workload of a namespace that goes before the others there, chosen as the canary is: its proxy image, pull secrets
 * and service account are proven of no other namespace (istio/istio#51930, PR #24446). Undefined where none is fit.
 */
export const chooseLeader = (move: NamespaceMove): Workload | undefined => chooseCanary([move]);

const staysUp = (workload: Workload): boolean =>
  workload.kind === "DaemonSet" || unavailable(workload) < workload.status.desired;

/**
 * What an operator has to be asked for comes last: it answers when it likes. Among equals a Deployment, whose first new
 * pod comes up beside the old ones; then by name, so that every plan chooses alike.
 */
const bySize = (a: Workload, b: Workload): number =>
  Number(a.way !== undefined) - Number(b.way !== undefined) ||
  a.status.desired - b.status.desired ||
  Number(a.kind !== "Deployment") - Number(b.kind !== "Deployment") ||
  (a.name < b.name ? -1 : 1);
