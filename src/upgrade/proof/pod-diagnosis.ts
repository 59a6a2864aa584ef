/**
 * What is wrong with one pod, by the states of its containers, its conditions, its events, and by what istiod lists of
 * its proxy.
 */
import type { ClusterEvent } from "../../mesh/from/event.ts";
import { isBefore } from "../../mesh/instant.ts";
import type { Pod, UnreadyContainer } from "../../mesh/model.ts";
import { counted } from "../../mesh/phrase.ts";
import { hasStarted } from "./pod-proof.ts";
import { type Diagnosis, defaultGraceMs, type Evidence, restartLimit, type Symptom } from "./symptom.ts";
import type { CheckedPod } from "./workload-proof.ts";

/** The reasons why a pod is not proven. */
export function diagnosePod(checked: CheckedPod, evidence: Evidence): readonly Diagnosis[] {
  const { pod } = checked;
  const unscheduled = pod.conditions.find(({ type }) => type === "PodScheduled");
  if (unscheduled) {
    const { reason, message } = unscheduled;
    return [
      {
        ...podFields(pod),
        symptom: "unscheduled",
        reason: reason || "Unscheduled",
        message: `not scheduled: ${message}`,
      },
    ];
  }
  const warning = newestWarning(evidence, pod.uid);
  const found = pod.unreadyContainers.flatMap((container) => containerDiagnosis(checked, container, warning) ?? []);
  if (hasStarted(pod)) return [...found, ...proxyDiagnoses(checked)];
  if (found.length > 0) return found;
  const message = warning
    ? `${warning.reason}: ${warning.message}`
    : `its containers have not started on node ${pod.node ?? "?"}`;
  return [{ ...podFields(pod), symptom: "starting", reason: warning?.reason ?? "Starting", message }];
}

const podFields = (pod: Pod) =>
  ({
    object: { kind: "Pod", namespace: pod.namespace, name: pod.name },
    uid: pod.uid,
    container: undefined,
    cause: "cluster",
    logs: undefined,
    graceMs: undefined,
  }) as const;

/**
 * What istiod lists of the proxy, or that it does not answer. Nothing for a pod that only waits for its application.
 */
function proxyDiagnoses({ pod, proof }: CheckedPod): readonly Diagnosis[] {
  const proxy = { ...podFields(pod), container: pod.proxy?.container, cause: "proxy", logs: "current" } as const;
  switch (proof.kind) {
    case "rejected":
      return [
        {
          ...proxy,
          symptom: "rejected",
          reason: "ConfigurationRejected",
          message: proof.reason,
          graceMs: defaultGraceMs,
        },
      ];
    case "unknown":
      return [{ ...proxy, symptom: "unconnected", reason: "IstiodUnanswered", message: proof.reason }];
    case "waiting":
      return pod.ready || !pod.proxy?.ready
        ? [{ ...proxy, symptom: "unconnected", reason: "NotConnected", message: proof.reason }]
        : [];
    default:
      return [];
  }
}

/** Undefined for a container that only starts, or that waits for another container of its pod. */
function containerDiagnosis(
  { pod, proof }: CheckedPod,
  found: UnreadyContainer,
  warning: ClusterEvent | undefined,
): Diagnosis | undefined {
  const symptom = symptomOf(found);
  if (symptom === undefined) return undefined;
  const cause = isProxyContainer(pod, found.container) ? "proxy" : "application";
  const reason = found.reason || (found.state === "not ready" ? "NotReady" : "Error");
  const ended = found.exitCode === undefined ? undefined : `exit code ${found.exitCode}`;
  const facts = [reason, found.restarts > 0 ? counted(found.restarts, "restart") : undefined, ended]
    .filter((fact) => fact !== undefined)
    .join(", ");
  const words = found.message || (warning ? `${warning.reason}: ${warning.message}` : "");
  const also =
    cause === "application" && pod.proxy && !pod.proxy.ready && proof.kind === "waiting"
      ? `; its proxy: ${proof.reason}`
      : "";
  return {
    ...podFields(pod),
    symptom,
    container: found.container,
    cause,
    reason,
    message: `container ${found.container} (the ${cause}): ${facts}${words ? `: ${words}` : ""}${also}`,
    ...logsAndGrace(symptom, found),
  };
}

/**
 * Which logs to read and how long to wait. Of a terminated container, the logs of the current run; of one that waits
 * for its next start, those of the previous run.
 */
function logsAndGrace(symptom: Symptom, { state, restarts }: UnreadyContainer): Pick<Diagnosis, "logs" | "graceMs"> {
  if (symptom === "crash")
    return {
      logs: state === "waiting" ? "previous" : "current",
      graceMs: restarts >= restartLimit ? 0 : undefined,
    };
  return symptom === "unready" ? { logs: "current", graceMs: undefined } : { logs: undefined, graceMs: defaultGraceMs };
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

function symptomOf({ state, reason, restarts }: UnreadyContainer): Symptom | undefined {
  if (state === "terminated" || reason === "CrashLoopBackOff") return "crash";
  if (imageReasons.has(reason)) return "image";
  if (configReasons.has(reason)) return "config";
  if (state === "not ready") return restarts >= restartLimit ? "crash" : "unready";
  return undefined;
}

/** The sidecar, and the init containers that injection adds. */
const isProxyContainer = (pod: Pod, container: string): boolean =>
  container === pod.proxy?.container || ["istio-init", "istio-validation", "enable-core-dump"].includes(container);

const newestWarning = ({ events }: Evidence, uid: string): ClusterEvent | undefined =>
  events
    .filter((event) => event.warning && event.uid === uid)
    .reduce<ClusterEvent | undefined>((last, event) => (last && isBefore(event.at, last.at) ? last : event), undefined);
