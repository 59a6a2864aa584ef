/** Can each workload be brought to the target by a restart? */
import type { Finding } from "../../mesh/finding.ts";
import { counted, listed } from "../../mesh/phrase.ts";
import type { LooseMove, NamespaceMove, Stuck, WorkloadMove } from "../facts.ts";
import { restarts } from "../facts.ts";
import { rolloutVerdict } from "../rollout-verdict.ts";
import { blocker, type Check, leave, note, objectName, unknown, warning } from "./check.ts";

const stuckCheck = (id: Stuck["check"], title: string): Check => ({
  id,
  title,
  run: ({ moves }) =>
    moves
      .flatMap(({ workloads }) => workloads)
      .flatMap(({ workload, fate, stuck }) => {
        if (fate !== "stuck" || stuck?.check !== id) return [];
        return [(stuck.unknown ? unknown : blocker)(id, objectName(workload), stuck.reason, stuck.remedy, leave(workload))];
      }),
});

const podsOwned: Check = {
  id: "pods-owned",
  title: "every pod to move belongs to a workload that can be restarted",
  run: ({ moves }) => moves.flatMap(({ loose }) => loose.filter(({ fate }) => fate === "stuck").map(ownerless)),
};

const ownerless = ({ ref, pods }: LooseMove): Finding => {
  const revisions = listed([...new Set(pods.map((pod) => pod.proxy?.revision ?? "an unknown revision"))]);
  const message =
    ref.kind === "Pod"
      ? `nothing would create this pod again, so it stays on ${revisions}`
      : `${counted(pods.length, "pod")} on ${revisions} belong to it, and how a ${ref.kind} is restarted is not known`;
  const remedy =
    ref.kind === "Pod"
      ? "leave it, or delete it and create it again after the move"
      : "leave it, and have its own controller replace its pods after the move";
  return blocker("pods-owned", objectName(ref), message, remedy, leave(ref));
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
            objectName(workload),
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

const lacking = ({ workload, fate, after }: WorkloadMove): readonly Finding[] => {
  if (fate !== "apart" || workload.gateway || after.kind !== "injected") return [];
  const pods = workload.pods.filter((pod) => pod.proxy === undefined && !pod.terminating);
  if (pods.length === 0) return [];
  const message = `${counted(pods.length, "pod")} run${pods.length === 1 ? "s" : ""} without the sidecar that is due; it is not restarted, and gets one at its next pod`;
  return [
    warning(
      "sidecars-present",
      objectName(workload),
      message,
      `kubectl -n ${workload.namespace} rollout restart ${workload.kind.toLowerCase()}/${workload.name} (after the move)`,
    ),
  ];
};

const nextPods: Check = {
  id: "next-pods",
  title: "what has no pods now moves with its next one",
  run: ({ moves, surroundings, target }) =>
    moves.flatMap(({ namespace, workloads }) => {
      const idle = workloads
        .filter(({ fate }) => fate === "empty")
        .map(({ workload }) => `${workload.kind.toLowerCase()}/${workload.name}`);
      const crons = surroundings.cronJobs.filter((job) => job.namespace === namespace.name).map(({ name }) => `cronjob/${name}`);
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
    const fates = moves.flatMap(({ workloads }) => workloads.map(({ fate }) => fate));
    if (fates.includes("unselected") && !fates.some((fate) => fate === "restart" || fate === "already" || fate === "left")) {
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
      const unselected = move.workloads.filter(({ fate }) => fate === "unselected").length;
      if (unselected === 0) return [];
      const they = unselected === 1 ? "moves at its next pod" : "move at their next pods";
      const message = `the label moves the whole namespace: ${counted(unselected, "workload")} that -l ${request.selector} leaves out ${they}, and the migration stays unfinished until then`;
      return [warning("selection", `namespace/${move.namespace.name}`, message)];
    });
  },
};

export const workloadChecks: readonly Check[] = [
  stuckCheck("workloads-restartable", "every workload can be restarted"),
  stuckCheck("proxies-unpinned", "no proxy is pinned by its pod template"),
  stuckCheck("sidecars-kept", "every restarted pod is injected by the target"),
  podsOwned,
  healthy,
  sidecarsPresent,
  nextPods,
  selection,
];
