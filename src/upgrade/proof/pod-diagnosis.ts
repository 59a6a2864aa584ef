/**
 * What is wrong with one pod: told from its containers' states, its conditions, what istiod says of its proxy, and its
 * events.
 */
import type { ClusterEvent } from "../../mesh/from/event.ts";
import { isBefore } from "../../mesh/instant.ts";
import type { ContainerTrouble, Pod } from "../../mesh/model.ts";
import { counted } from "../../mesh/phrase.ts";
import { hasStarted } from "./pod-proof.ts";
import { type Diagnosis, type Evidence, hopelessRestarts, lastingMs, type Symptom } from "./symptom.ts";
import type { JudgedPod } from "./workload-proof.ts";

/** The causes for which a pod has not arrived. */
export function diagnosePod(judged: JudgedPod, evidence: Evidence): readonly Diagnosis[] {
  const { pod } = judged;
  const unscheduled = pod.conditions.find(({ type }) => type === "PodScheduled");
  if (unscheduled) {
    const { reason, message } = unscheduled;
    return [
      { ...about(pod), symptom: "unscheduled", reason: reason || "Unscheduled", message: `finds no node: ${message}` },
    ];
  }
  const warning = newestWarning(evidence, pod.uid);
  const found = pod.troubles.flatMap((trouble) => ofContainer(judged, trouble, warning) ?? []);
  if (hasStarted(pod)) return [...found, ...ofProxy(judged)];
  if (found.length > 0) return found;
  const message = warning
    ? `${warning.reason}: ${warning.message}`
    : `its containers have not started on node ${pod.node ?? "?"}`;
  return [{ ...about(pod), symptom: "starting", reason: warning?.reason ?? "Starting", message }];
}

const about = (pod: Pod) =>
  ({
    object: { kind: "Pod", namespace: pod.namespace, name: pod.name },
    uid: pod.uid,
    container: undefined,
    party: "cluster",
    logs: undefined,
    graceMs: undefined,
  }) as const;

/** What istiod says of the proxy, or does not. A pod that waits for its application alone has no trouble here. */
function ofProxy({ pod, proof }: JudgedPod): readonly Diagnosis[] {
  const proxy = { ...about(pod), container: pod.proxy?.container, party: "proxy", logs: "current" } as const;
  switch (proof.kind) {
    case "rejected":
      return [
        { ...proxy, symptom: "rejected", reason: "ConfigurationRejected", message: proof.reason, graceMs: lastingMs },
      ];
    case "unknown":
      return [{ ...proxy, symptom: "unconnected", reason: "IstiodSilent", message: proof.reason }];
    case "waiting":
      return pod.ready || !pod.proxy?.ready
        ? [{ ...proxy, symptom: "unconnected", reason: "NotArrived", message: proof.reason }]
        : [];
    default:
      return [];
  }
}

/** A container that merely starts, or waits for another of its pod, is no cause. */
function ofContainer(
  { pod, proof }: JudgedPod,
  found: ContainerTrouble,
  warning: ClusterEvent | undefined,
): Diagnosis | undefined {
  const trouble = troubleOf(found);
  if (trouble === undefined) return undefined;
  const party = isProxyContainer(pod, found.container) ? "proxy" : "application";
  const reason = found.reason || (found.state === "not ready" ? "NotReady" : "Error");
  const ended = found.exitCode === undefined ? undefined : `exit code ${found.exitCode}`;
  const facts = [reason, found.restarts > 0 ? counted(found.restarts, "restart") : undefined, ended]
    .filter((fact) => fact !== undefined)
    .join(", ");
  const words = found.message || (warning ? `${warning.reason}: ${warning.message}` : "");
  const also =
    party === "application" && pod.proxy && !pod.proxy.ready && proof.kind === "waiting"
      ? `; its proxy: ${proof.reason}`
      : "";
  return {
    ...about(pod),
    symptom: trouble,
    container: found.container,
    party,
    reason,
    message: `container ${found.container} (the ${party}): ${facts}${words ? `: ${words}` : ""}${also}`,
    ...outlook(trouble, found),
  };
}

/**
 * Of a container that has ended the current run is the one to read; of one that waits to be run again the one before.
 */
function outlook(trouble: Symptom, { state, restarts }: ContainerTrouble): Pick<Diagnosis, "logs" | "graceMs"> {
  if (trouble === "crash")
    return {
      logs: state === "waiting" ? "previous" : "current",
      graceMs: restarts >= hopelessRestarts ? 0 : undefined,
    };
  return trouble === "unready" ? { logs: "current", graceMs: undefined } : { logs: undefined, graceMs: lastingMs };
}

/** Reasons of the kubelet (kubernetes/kubernetes pkg/kubelet/container/sync_result.go, pkg/kubelet/images/types.go). */
const imageReasons = new Set([
  "ErrImagePull",
  "ImagePullBackOff",
  "ErrImageNeverPull",
  "InvalidImageName",
  "ImageInspectError",
  "RegistryUnavailable",
  "SignatureValidationFailed",
]);
const configReasons = new Set([
  "CreateContainerConfigError",
  "CreateContainerError",
  "RunContainerError",
  "StartError",
  "PostStartHookError",
  "PreCreateHookError",
  "PreStartHookError",
]);

function troubleOf({ state, reason, restarts }: ContainerTrouble): Symptom | undefined {
  if (state === "terminated" || reason === "CrashLoopBackOff") return "crash";
  if (imageReasons.has(reason)) return "image";
  if (configReasons.has(reason)) return "config";
  if (state === "not ready") return restarts >= hopelessRestarts ? "crash" : "unready";
  return undefined;
}

/** The sidecar itself, and what injection puts before it. */
const isProxyContainer = (pod: Pod, container: string): boolean =>
  container === pod.proxy?.container || ["istio-init", "istio-validation", "enable-core-dump"].includes(container);

const newestWarning = ({ events }: Evidence, uid: string): ClusterEvent | undefined =>
  events
    .filter((event) => event.warning && event.uid === uid)
    .reduce<ClusterEvent | undefined>((last, event) => (last && isBefore(event.at, last.at) ? last : event), undefined);
