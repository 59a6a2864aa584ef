/** Can each workload be brought to the target by a restart? */

import type { Finding } from "../../../mesh/finding.ts";
import { refText } from "../../../mesh/object-ref.ts";
import { counted, listed } from "../../../mesh/phrase.ts";
import type { Blocked, NamespaceMove, PodsWithoutWorkload, WorkloadMove } from "../../plan/moves.ts";
import { restarts } from "../../plan/moves.ts";
import { rolloutVerdict } from "../../proof/rollout-verdict.ts";
import { blocker, type Check, leave, note, unknown, warning } from "../check.ts";

const blockedCheck = (id: Blocked["check"], title: string): Check => ({
  id,
  title,
  run: ({ moves }) =>
    moves
      .flatMap(({ workloads }) => workloads)
      .flatMap(({ workload, disposition, blocked }) => {
        if (disposition !== "blocked" || blocked?.check !== id) return [];
        return [
          (blocked.unknown ? unknown : blocker)(id, refText(workload), blocked.reason, blocked.remedy, leave(workload)),
        ];
      }),
});

const podsOwned: Check = {
  id: "pods-owned",
  title: "every pod to move belongs to a workload that can be restarted",
  run: ({ moves }) =>
    moves.flatMap(({ podsWithoutWorkload }) =>
      podsWithoutWorkload.filter(({ disposition }) => disposition === "blocked").map(ownerless),
    ),
};

const ownerless = ({ ref, pods }: PodsWithoutWorkload): Finding => {
  const revisions = listed([...new Set(pods.map((pod) => pod.proxy?.revision ?? "an unknown revision"))]);
  const message =
    ref.kind === "Pod"
      ? `nothing would create this pod again, so it stays on ${revisions}`
      : `${counted(pods.length, "pod")} on ${revisions} belong to it, and how a ${ref.kind} is restarted is not known`;
  const remedy =
    ref.kind === "Pod"
      ? "leave it, or delete it and create it again after the move"
      : "leave it, and have its own controller replace its pods after the move";
  return blocker("pods-owned", refText(ref), message, remedy, leave(ref));
};

/** A rollout that was begun by the run that is gone on with is no illness. */
const healthy: Check = {
  id: "workloads-healthy",
  title: "the workloads are healthy before they are touched",
  run: (facts) =>
    restarts(facts)
      .filter(({ workload, move }) => move.open === undefined || workload.restartedAt !== move.open.stamp)
      .flatMap(({ workload }) => {
        const verdict = rolloutVerdict(workload);
        if (verdict.kind === "done") return [];
        const status =
          workload.kind === "Rollout"
            ? `kubectl -n ${workload.namespace} describe rollout ${workload.name}`
            : `kubectl -n ${workload.namespace} rollout status ${workload.kind.toLowerCase()}/${workload.name}`;
        return [
          blocker(
            "workloads-healthy",
            refText(workload),
            `it is not healthy as it is: ${verdict.reason}`,
            `mend it first: ${status}`,
            leave(workload),
          ),
        ];
      }),
};

/** Due a sidecar and without one: no old proxy to replace, so nothing of this migration. */
const sidecarsPresent: Check = {
  id: "sidecars-present",
  title: "every pod that is due a sidecar has one",
  run: ({ moves }) => moves.flatMap(({ workloads }) => workloads.flatMap(lacking)),
};

const lacking = ({ workload, disposition, after }: WorkloadMove): readonly Finding[] => {
  if (disposition !== "not-injected" || workload.gateway || after.kind !== "injected") return [];
  const pods = workload.pods.filter((pod) => pod.proxy === undefined && !pod.terminating);
  if (pods.length === 0) return [];
  const message = `${counted(pods.length, "pod")} run${pods.length === 1 ? "s" : ""} without the sidecar that is due; it is not restarted, and gets one at its next pod`;
  return [
    warning(
      "sidecars-present",
      refText(workload),
      message,
      `kubectl -n ${workload.namespace} rollout restart ${workload.kind.toLowerCase()}/${workload.name} (after the move)`,
    ),
  ];
};

const nextPods: Check = {
  id: "next-pods",
  title: "what has no pods now moves with its next one",
  run: ({ moves, evidence: surroundings, target }) =>
    moves.flatMap(({ namespace, workloads }) => {
      const idle = workloads
        .filter(({ disposition }) => disposition === "empty")
        .map(({ workload }) => `${workload.kind.toLowerCase()}/${workload.name}`);
      const crons = surroundings.cronJobs
        .filter((job) => job.namespace === namespace.name)
        .map(({ name }) => `cronjob/${name}`);
      const names = [...idle, ...crons];
      return names.length === 0
        ? []
        : [
            note(
              "next-pods",
              `namespace/${namespace.name}`,
              `no pods to restart now, the next ones get what ${target.revision} injects: ${listed(names, 8)}`,
            ),
          ];
    }),
};

const selection: Check = {
  id: "selection",
  title: "the label selector matches something to restart",
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
          "selection",
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
      return [warning("selection", `namespace/${move.namespace.name}`, message)];
    });
  },
};

export const workloadChecks: readonly Check[] = [
  blockedCheck("workloads-restartable", "every workload can be restarted"),
  blockedCheck("proxies-unpinned", "no proxy is pinned by its pod template"),
  blockedCheck("sidecars-kept", "every restarted pod is injected by the target"),
  podsOwned,
  healthy,
  sidecarsPresent,
  nextPods,
  selection,
];
