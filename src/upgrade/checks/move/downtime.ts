/** Which workloads cannot be restarted without downtime, or may hang in the middle of their rollout? */

import type { Pod, Workload } from "../../../mesh/model.ts";
import { refText } from "../../../mesh/object-ref.ts";
import { counted, listed } from "../../../mesh/phrase.ts";
import type { ClusterEvidence } from "../../evidence/cluster-evidence.ts";
import { freeNodes, nodesBesideItself, shunsItself } from "../../evidence/placement.ts";
import { shutBySpread } from "../../evidence/topology-spread.ts";
import { type Facts, restarts } from "../../plan/moves.ts";
import { isNamed } from "../../plan/object-pattern.ts";
import { surge, unavailable } from "../../plan/rollout-size.ts";
import { allowDowntime, blocker, type Check, type CheckRecord, cannotTell, warning } from "../check.ts";

type Risk = { readonly reason: string; readonly remedy: string; readonly unknown?: true } | undefined;

const downtimeCheck = (
  record: CheckRecord,
  riskOf: (workload: Workload, evidence: ClusterEvidence, pods: readonly Pod[]) => Risk,
): Check<Facts> => ({
  ...record,
  run: (facts) =>
    restarts(facts).flatMap(({ workload, move }) => {
      const found = riskOf(workload, facts.evidence, move.pods);
      if (found === undefined) return [];
      if (isNamed(facts.request.allowDowntime, workload))
        return [warning(refText(workload), `${found.reason} (accepted by --allow-downtime)`)];
      return [
        (found.unknown ? cannotTell : blocker)(refText(workload), found.reason, found.remedy, allowDowntime(workload)),
      ];
    }),
});

/**
 * Certain downtime: the strategy lets every pod be missing at once. A Deployment of one replica with a surge and
 * `maxUnavailable: 0` is replaced without a gap. A DaemonSet runs one pod a node, and its `maxUnavailable` says on how
 * many nodes it may be missing.
 */
const allAtOnce = (workload: Workload): Risk => {
  const { kind, strategy, status } = workload;
  if (kind === "DaemonSet" || status.desired === 0 || unavailable(workload) < status.desired) return undefined;
  const remedy =
    kind === "Deployment"
      ? "let it make a new pod first: strategy RollingUpdate with maxSurge 1 and maxUnavailable 0; or accept the downtime"
      : "run two or more replicas while it moves; or accept the downtime";
  if (strategy.type === "Recreate")
    return { reason: `strategy Recreate stops ${pods(status.desired)} before the new one starts`, remedy };
  if (status.desired === 1)
    return {
      reason: `its only pod is stopped before the new one starts${kind === "Deployment" ? ` (maxUnavailable ${unavailable(workload)})` : ""}`,
      remedy,
    };
  return {
    reason: `its strategy lets all ${status.desired} pods be missing at once (maxUnavailable ${unavailable(workload)})`,
    remedy,
  };
};

const pods = (count: number): string => (count === 1 ? "its only pod" : `all ${counted(count, "pod")}`);

/**
 * A pod beyond the desired number mounts the same volume as the one that it replaces. One that a single node may mount
 * stops it wherever the scheduler chooses another node; one that a single pod may mount stops it for certain.
 * https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes
 */
const sharedVolume = (workload: Workload, { claims }: ClusterEvidence): Risk => {
  if (surge(workload) === 0) return undefined;
  const modes = new Map(
    claims
      .filter(({ namespace }) => namespace === workload.namespace)
      .map(({ name, accessModes }) => [name, accessModes]),
  );
  const unseen = workload.claims.filter((claim) => modes.get(claim) === undefined);
  const remedy =
    "let it stop a pod before it starts the next (maxSurge 0), or use a volume that many nodes may mount; or accept that it may be down";
  const single = workload.claims.filter((claim) => isSingle(modes.get(claim), workload));
  if (single.length > 0)
    return {
      reason: `a new pod has to mount ${listed(single)} beside the old one, which ${single.length === 1 ? "it allows" : "they allow"} on one node or in one pod only (${[...new Set(single.flatMap((claim) => modes.get(claim) ?? []))].join(", ")}): the rollout may hang`,
      remedy,
    };
  if (unseen.length > 0)
    return {
      reason: `whether ${listed(unseen)} can be mounted by a new pod beside the old one is unknown`,
      remedy,
      unknown: true,
    };
  return undefined;
};

/** The new pod of a DaemonSet is on the node of the old one, so that both can mount a ReadWriteOnce volume. */
const isSingle = (accessModes: readonly string[] | undefined, { kind }: Workload): boolean =>
  accessModes !== undefined &&
  !accessModes.some((mode) => mode === "ReadWriteMany" || mode === "ReadOnlyMany") &&
  (kind !== "DaemonSet" || accessModes.includes("ReadWriteOncePod"));

/**
 * With a surge and `maxUnavailable: 0` a new pod waits for a node where the port is free, and the old pods stay until
 * the new one is ready. Where the nodes may not be read, whether one is free is not known.
 */
const hostPorts = (workload: Workload, { nodes }: ClusterEvidence): Risk => {
  if (workload.hostPorts.length === 0 || surge(workload) === 0 || unavailable(workload) > 0) return undefined;
  if (nodes !== undefined && freeNodes(workload, nodes).length > 0) return undefined;
  return {
    reason: `a new pod needs host port ${listed(workload.hostPorts.map(String))} while the old ones hold it: the rollout hangs ${nodes ? "for want of a free node" : "unless another node is free"}`,
    remedy: "let it stop a pod before it starts the next (maxSurge 0, maxUnavailable 1); or accept that it may hang",
  };
};

/**
 * Required anti-affinity against its own pods by host: one pod more than there are nodes (kubernetes/kubernetes#116891).
 * Not judged where the nodes may not be read; an autoscaler that adds a node cannot be seen.
 */
const antiAffinity = (workload: Workload, { nodes }: ClusterEvidence): Risk => {
  if (surge(workload) === 0 || unavailable(workload) > 0 || workload.kind === "DaemonSet") return undefined;
  if (nodes === undefined || !shunsItself(workload) || nodesBesideItself(workload, nodes).length > 0) return undefined;
  return {
    reason:
      "a new pod may not run beside an old one (required podAntiAffinity), and no other node takes it: the rollout hangs unless a node is added",
    remedy:
      "let it stop a pod before it starts the next (maxSurge 0, maxUnavailable 1), or add a node for that time; where an autoscaler adds nodes, accept it",
  };
};

/**
 * Not judged where the nodes may not be read. Only the first new pod is: where it finds a node, an old one goes, and the
 * counts are others.
 */
const topologySpread = (workload: Workload, { nodes }: ClusterEvidence, around: readonly Pod[]): Risk => {
  if (surge(workload) === 0 || unavailable(workload) > 0 || workload.kind === "DaemonSet" || !nodes) return undefined;
  const keys = shutBySpread(workload, nodes, around);
  if (keys === undefined) return undefined;
  return {
    reason: `topologySpreadConstraints by ${listed(keys)} (DoNotSchedule) leave no node to a new pod beside the old ones: the rollout hangs`,
    remedy:
      "see that no node is cordoned or down that the constraint counts, or set its nodeTaintsPolicy to Honor; or let it stop a pod before it starts the next (maxSurge 0, maxUnavailable 1); where an autoscaler adds nodes, accept it",
  };
};

export const downtimeChecks: readonly Check<Facts>[] = [
  downtimeCheck(
    {
      id: "downtime",
      title: "no workload has to be down to be restarted",
      severity: "blocker",
      category: "availability",
      accepts: ["--allow-downtime"],
    },
    allAtOnce,
  ),
  downtimeCheck(
    {
      id: "volumes",
      title: "no new pod waits for the volume of the one it replaces",
      severity: "blocker",
      category: "availability",
      accepts: ["--allow-downtime", "--skip-check"],
    },
    sharedVolume,
  ),
  downtimeCheck(
    {
      id: "host-ports",
      title: "no new pod waits for the host port of the one it replaces",
      severity: "blocker",
      category: "availability",
      accepts: ["--allow-downtime"],
    },
    hostPorts,
  ),
  downtimeCheck(
    {
      id: "anti-affinity",
      title: "no new pod waits for a node without a pod of its own workload",
      severity: "blocker",
      category: "availability",
      accepts: ["--allow-downtime"],
    },
    antiAffinity,
  ),
  downtimeCheck(
    {
      id: "topology-spread",
      title: "no new pod waits for a node that its topology spread constraints leave it",
      severity: "blocker",
      category: "availability",
      accepts: ["--allow-downtime"],
    },
    topologySpread,
  ),
];
