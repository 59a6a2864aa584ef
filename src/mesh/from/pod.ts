import type { ContainerSpec, ContainerStatus, KubeObject, PodObject } from "../kubernetes.ts";
import type { ContainerTrouble, Pod } from "../model.ts";
import { podProxyFrom, proxyContainer } from "./pod-proxy.ts";

/**
 * A pod as far as the suite looks at it. Few fields are kept, so that thousands of pods fit: pods are projected while
 * they are listed.
 */
export const podFrom = (pod: PodObject): Pod => {
  const { metadata, spec, status = {} } = pod;
  const owner = metadata.ownerReferences?.find((reference) => reference.controller);
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
    owner: owner && { kind: owner.kind, name: owner.name, uid: owner.uid },
    workload: undefined,
    proxy: podProxyFrom(pod),
    troubles: [
      ...troublesOf(spec.initContainers ?? [], status.initContainerStatuses ?? [], true),
      ...troublesOf(spec.containers, status.containerStatuses ?? [], false),
    ],
    conditions: conditions
      .filter((condition) => condition.status !== "True")
      .map(({ type, status, reason = "", message = "" }) => ({ type, status, reason, message })),
  };
};

/**
 * A pod of which only the metadata was read: who it is, its proxy and the revision that injected it, as labels and
 * annotations say. How it does was not read: phase `Unknown`, not ready, no containers, no version.
 */
export const podFromMetadata = ({ metadata }: KubeObject): Pod =>
  podFrom({ metadata, spec: { containers: [{ name: proxyContainer }] } });

const troublesOf = (
  specs: readonly ContainerSpec[],
  statuses: readonly ContainerStatus[],
  init: boolean,
): ContainerTrouble[] =>
  statuses.flatMap((status) => {
    const runsOnce = init && specs.find((spec) => spec.name === status.name)?.restartPolicy !== "Always";
    const trouble = troubleOf(status, runsOnce);
    return trouble ? [{ container: status.name, init, restarts: status.restartCount, ...trouble }] : [];
  });

/** A container that is meant to end has no trouble once it ended well; any other must be running and ready. */
const troubleOf = (
  status: ContainerStatus,
  runsOnce: boolean,
): Omit<ContainerTrouble, "container" | "init" | "restarts"> | undefined => {
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
