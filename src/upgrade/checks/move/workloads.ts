/** Can each workload be brought to the target by a restart? */

import type { Workload } from "../../../mesh/model.ts";
import { refText } from "../../../mesh/object-ref.ts";
import type { OwnerKind } from "../../../mesh/operators/restart-way.ts";
import { counted, listed } from "../../../mesh/phrase.ts";
import { ownersWith, restartByHand } from "../../owners/known-owners.ts";
import {
  type Blocked,
  type Facts,
  type NamespaceMove,
  type PodsWithoutWorkload,
  restarts,
  type WorkloadMove,
} from "../../plan/moves.ts";
import { isOnLostNode, lostNodesText } from "../../proof/lost-node.ts";
import { outOfReach, reachable } from "../../proof/reach.ts";
import { rolloutVerdict } from "../../proof/rollout-verdict.ts";
import { rolloutKey } from "../../record/found-journal.ts";
import { blocker, type Check, cannotTell, leave, note, type Observation, warning } from "../check.ts";

/** The plan has found the reason that keeps a workload from moving; the check only says it. */
const blockedCheck = (id: Blocked["check"], title: string): Check<Facts> => ({
  id,
  title,
  severity: "blocker",
  category: "workloads",
  accepts: ["--leave"],
  run: ({ moves }) =>
    moves
      .flatMap(({ workloads }) => workloads)
      .flatMap(({ workload, disposition, blocked }) => {
        if (disposition !== "blocked" || blocked?.check !== id) return [];
        return [
          (blocked.unknown ? cannotTell : blocker)(refText(workload), blocked.reason, blocked.remedy, leave(workload)),
        ];
      }),
});

const podsOwned: Check<Facts> = {
  id: "pods-owned",
  title: "every pod to move belongs to a workload that can be restarted",
  severity: "blocker",
  category: "workloads",
  accepts: ["--leave"],
  run: ({ moves, request }) =>
    moves.flatMap(({ podsWithoutWorkload }) =>
      podsWithoutWorkload
        .filter(({ disposition }) => disposition === "blocked")
        .map((each) => notRestartable(each, ownersWith(request.owners))),
    ),
};

const notRestartable = ({ ref, pods }: PodsWithoutWorkload, owners: readonly OwnerKind[]): Observation => {
  const owner = pods[0]?.owner;
  const known = owners.some(({ group, kind }) => group === owner?.group && kind === owner.kind);
  const byHand = owner && restartByHand(owner, owners);
  const revisions = listed([...new Set(pods.map((pod) => pod.proxy?.revision ?? "an unknown revision"))]);
  const message =
    ref.kind === "Pod"
      ? `nothing would create this pod again, so it stays on ${revisions}`
      : `${counted(pods.length, "pod")} on ${revisions} belong to it, and ${known ? "it could not be read" : `how a ${ref.kind} is restarted is not known`}`;
  const remedy =
    ref.kind === "Pod"
      ? "leave it, or delete it and create it again after the move"
      : known
        ? `grant get, list and patch on ${ref.kind} of group ${owner?.group} (docs/rbac/operators.yaml); or leave it and, after the move, ${byHand}`
        : `leave it and, after the move, ${byHand ?? "have its own controller replace its pods"}; or say how with --owners`;
  return blocker(refText(ref), message, remedy, leave(ref));
};

/** A rollout that the run being resumed has started, or a rollback that is turned round, is not unhealthy. */
const healthy: Check<Facts> = {
  id: "workloads-healthy",
  title: "the workloads are healthy before they are touched",
  severity: "blocker",
  category: "workloads",
  accepts: ["--leave"],
  run: (facts) =>
    restarts(facts)
      .filter(({ workload, move }) => move.open === undefined || workload.restartedAt !== move.open.stamp)
      .filter(({ workload: { uid, restartedAt } }) => !facts.started?.has(rolloutKey(uid, restartedAt)))
      .flatMap(({ workload }) => {
        const verdict = rolloutVerdict(reachable(workload, outOfReach(workload)));
        if (verdict.kind === "done") return [];
        const status = workload.way?.direct
          ? `kubectl -n ${workload.namespace} describe ${workload.way.resource.plural}.${workload.way.resource.group} ${workload.name}`
          : workload.kind === "Rollout"
            ? `kubectl -n ${workload.namespace} describe rollout ${workload.name}`
            : `kubectl -n ${workload.namespace} rollout status ${workload.kind.toLowerCase()}/${workload.name}`;
        return [
          blocker(
            refText(workload),
            `it is not healthy as it is: ${verdict.reason}${lostText(workload)}`,
            `fix it first: ${status}`,
            leave(workload),
          ),
        ];
      }),
};

/** What is not available because of its node, in a clause. */
const lostText = ({ pods }: Workload): string => {
  const lost = pods.filter(isOnLostNode);
  const names = listed(lost.map(({ name }) => name));
  return lost.length === 0 ? "" : ` (${names} ${lost.length === 1 ? "is" : "are"} on ${lostNodesText(lost)})`;
};

/** Pods without the sidecar that they are due have no old proxy to replace: the migration does not restart them. */
const sidecarsPresent: Check<Facts> = {
  id: "sidecars-present",
  title: "every pod that is due a sidecar has one",
  severity: "warning",
  category: "workloads",
  run: ({ moves }) => moves.flatMap(({ workloads }) => workloads.flatMap(lacking)),
};

const lacking = ({ workload, disposition, after }: WorkloadMove): readonly Observation[] => {
  if (disposition !== "not-injected" || workload.gateway || after.kind !== "injected") return [];
  const pods = workload.pods.filter((pod) => pod.proxy === undefined && !pod.terminating);
  if (pods.length === 0) return [];
  const message = `${counted(pods.length, "pod")} run${pods.length === 1 ? "s" : ""} without the sidecar that is due; it is not restarted, and gets one at its next pod`;
  return [
    warning(
      refText(workload),
      message,
      `kubectl -n ${workload.namespace} rollout restart ${workload.kind.toLowerCase()}/${workload.name} (after the move)`,
    ),
  ];
};

const nextPods: Check<Facts> = {
  id: "next-pods",
  title: "what has no pods now moves with its next one",
  severity: "warning",
  category: "workloads",
  run: ({ moves, evidence, target }) =>
    moves.flatMap(({ namespace, workloads }) => {
      const idle = workloads
        .filter(({ disposition }) => disposition === "empty")
        .map(({ workload }) => `${workload.kind.toLowerCase()}/${workload.name}`);
      const crons = evidence.cronJobs
        .filter((job) => job.namespace === namespace.name)
        .map(({ name }) => `cronjob/${name}`);
      const names = [...idle, ...crons];
      return names.length === 0
        ? []
        : [
            note(
              `namespace/${namespace.name}`,
              `no pods to restart now, the next ones get what ${target.revision} injects: ${listed(names, 8)}`,
            ),
          ];
    }),
};

const selection: Check<Facts> = {
  id: "selection",
  title: "the label selector matches something to restart",
  severity: "blocker",
  category: "request",
  run: ({ moves, request }) => {
    if (request.selector === undefined) return [];
    const dispositions = moves.flatMap(({ workloads }) => workloads.map(({ disposition }) => disposition));
    if (
      dispositions.includes("unselected") &&
      !dispositions.some(
        (disposition) => disposition === "restart" || disposition === "already" || disposition === "left",
      )
    ) {
      const look = `kubectl -n ${moves[0]?.namespace.name} get deployments,statefulsets,daemonsets --show-labels`;
      return [
        blocker(
          `selector/${request.selector}`,
          "it matches no workload here, and the labels would move all of them at their next pods",
          look,
        ),
      ];
    }
    return moves.flatMap((move: NamespaceMove) => {
      const unselected = move.workloads.filter(({ disposition }) => disposition === "unselected").length;
      if (unselected === 0) return [];
      const they = unselected === 1 ? "moves at its next pod" : "move at their next pods";
      const message = `the label moves the whole namespace: ${counted(unselected, "workload")} that -l ${request.selector} leaves out ${they}, and the migration stays unfinished until then`;
      return [warning(`namespace/${move.namespace.name}`, message)];
    });
  },
};

const movable: readonly Check<Facts>[] = [
  blockedCheck("workloads-restartable", "every workload can be restarted"),
  blockedCheck("proxies-unpinned", "no proxy is pinned by its pod template"),
  blockedCheck("sidecars-kept", "every restarted pod is injected by the target"),
  podsOwned,
];

export const workloadChecks: readonly Check<Facts>[] = [...movable, healthy, sidecarsPresent, nextPods, selection];

/** A rollback has no `-l`, and what is unhealthy goes back first. */
export const rolledBackWorkloadChecks: readonly Check<Facts>[] = [...movable, sidecarsPresent, nextPods];
