/** Pods, from whole pods and from their metadata alone. */
import type { ContainerSpec, ContainerStatus, KubeObject, PodObject } from "../kubernetes.ts";
import type { Pod, UnreadyContainer } from "../model.ts";
import { controllerOf } from "./owner-references.ts";
import { podProxyFrom, proxyContainer } from "./pod-proxy.ts";

/**
 * The fields of a pod that the suite uses. Pods are converted while they are listed, so that the memory never holds
 * thousands of whole pods.
 */
export const podFrom = (pod: PodObject): Pod => {
  const { metadata, spec, status = {} } = pod;
  const conditions = status.conditions ?? [];
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    uid: metadata.uid,
    labels: metadata.labels ?? {},
    createdAt: metadata.creationTimestamp ?? "",
    phase: status.phase ?? "Unknown",
    ip: status.podIP,
    node: spec.nodeName,
    ready: conditions.some((condition) => condition.type === "Ready" && condition.status === "True"),
    terminating: metadata.deletionTimestamp !== undefined,
    owner: controllerOf(metadata),
    ...(metadata.deletionTimestamp !== undefined && { goneBy: metadata.deletionTimestamp }),
    workload: undefined,
    proxy: podProxyFrom(pod),
    unreadyContainers: [
      ...unreadyAmong(spec.initContainers ?? [], status.initContainerStatuses ?? [], true),
      ...unreadyAmong(spec.containers, status.containerStatuses ?? [], false),
    ],
    conditions: conditions
      .filter((condition) => condition.status !== "True")
      .map(({ type, status, reason = "", message = "" }) => ({ type, status, reason, message })),
  };
};

/**
 * A pod of which only the metadata was read. Its name, proxy and revision are known by labels and annotations. The rest
 * is not known: phase `Unknown`, not ready, no containers, no version.
 */
export const podFromMetadata = ({ metadata }: KubeObject): Pod =>
  podFrom({ metadata, spec: { containers: [{ name: proxyContainer }] } });

const unreadyAmong = (
  specs: readonly ContainerSpec[],
  statuses: readonly ContainerStatus[],
  init: boolean,
): UnreadyContainer[] =>
  statuses.flatMap((status) => {
    const runsOnce = init && specs.find((spec) => spec.name === status.name)?.restartPolicy !== "Always";
    const unready = unreadyState(status, runsOnce);
    return unready ? [{ container: status.name, init, restarts: status.restartCount, ...unready }] : [];
  });

/** An init container may have ended with exit code 0; any other container must be running and ready. */
const unreadyState = (
  status: ContainerStatus,
  runsOnce: boolean,
): Omit<UnreadyContainer, "container" | "init" | "restarts"> | undefined => {
  const { waiting, terminated } = status.state ?? {};
  const before = status.lastState?.terminated;
  if (terminated) {
    const { exitCode, reason = "", message = "" } = terminated;
    return runsOnce && exitCode === 0 ? undefined : { state: "terminated", reason, message, exitCode };
  }
  if (waiting)
    return {
      state: "waiting",
      reason: waiting.reason ?? "",
      message: waiting.message ?? before?.message ?? "",
      exitCode: before?.exitCode,
    };
  if (status.ready) return undefined;
  return {
    state: "not ready",
    reason: before?.reason ?? "",
    message: before?.message ?? "",
    exitCode: before?.exitCode,
  };
};
