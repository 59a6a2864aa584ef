/**
 * Pods as `kubectl get pods` prints them: what STATUS says is reckoned from all containers (printPod of kubernetes
 * pkg/printers/internalversion/printers.go).
 */
import { conditionOf, isGoing, isReady, type Json, type KubeJson } from "../../object.ts";
import { ageColumn, ageOf, type Column, column, nameColumn, wide } from "./column.ts";

const none = "<none>";

export const podColumns: readonly Column[] = [
  nameColumn,
  column("Ready", (pod) => glance(pod).ready),
  column("Status", (pod) => glance(pod).status),
  column("Restarts", (pod, now) => {
    const { restarts, last } = glance(pod);
    return restarts > 0 && last !== "" ? `${restarts} (${ageOf(last, now)} ago)` : String(restarts);
  }),
  ageColumn,
  wide("IP", ({ status }) => status?.podIPs?.[0]?.ip || none),
  wide("Node", ({ spec }) => spec.nodeName || none),
  wide("Nominated Node", ({ status }) => status?.nominatedNodeName || none),
  wide("Readiness Gates", (pod) => {
    const gates: readonly Json[] = pod.spec.readinessGates ?? [];
    const open = gates.filter(({ conditionType }) => conditionOf(pod, conditionType)?.status === "True");
    return gates.length === 0 ? none : `${open.length}/${gates.length}`;
  }),
];

interface Glance {
  readonly ready: string;
  readonly status: string;
  readonly restarts: number;
  /** RFC 3339, when a container last ended; empty for never. */
  readonly last: string;
}

/** Native sidecars count as containers. */
function glance(pod: KubeJson): Glance {
  const { spec, status = {} } = pod;
  const inits: readonly Json[] = spec.initContainers ?? [];
  const sidecars = new Set(inits.filter(({ restartPolicy }) => restartPolicy === "Always").map(({ name }) => name));
  const initStatuses: readonly Json[] = status.initContainerStatuses ?? [];
  const statuses: readonly Json[] = status.containerStatuses ?? [];
  const isUp = ({ name, started }: Json): boolean => sidecars.has(name) && started === true;
  const stuck = initStatuses.findIndex((each) => each.state?.terminated?.exitCode !== 0 && !isUp(each));
  const past = stuck < 0 ? initStatuses : initStatuses.slice(0, stuck);
  const sidecarsReady = past.filter((each) => isUp(each) && each.state?.terminated === undefined && each.ready).length;
  const begun = stuck < 0 || conditionOf(pod, "Initialized")?.status === "True";
  const running = begun
    ? statuses.filter(({ ready, state }) => ready && state?.running && !state.waiting?.reason).length
    : 0;

  const before = stuck < 0 ? status.reason || status.phase || "" : initReason(initStatuses[stuck], stuck, inits.length);
  const reason = begun ? runningReason(pod, statuses, running > 0, before) : before;
  const counted = begun
    ? [...initStatuses.filter(({ name }) => sidecars.has(name)), ...statuses]
    : initStatuses.slice(0, stuck + 1);
  const over = status.phase === "Succeeded" || status.phase === "Failed";
  return {
    ready: `${sidecarsReady + running}/${spec.containers.length + sidecars.size}`,
    status: isGoing(pod) && status.reason === "NodeLost" ? "Unknown" : isGoing(pod) && !over ? "Terminating" : reason,
    restarts: counted.reduce((sum, { restartCount }) => sum + (restartCount ?? 0), 0),
    last: counted.map(({ lastState }) => lastState?.terminated?.finishedAt ?? "").reduce((a, b) => (a > b ? a : b), ""),
  };
}

const endOf = ({ reason, signal, exitCode }: Json): string =>
  reason || (signal ? `Signal:${signal}` : `ExitCode:${exitCode}`);

function initReason({ state = {} }: Json, index: number, count: number): string {
  if (state.terminated) return `Init:${endOf(state.terminated)}`;
  const waiting = state.waiting?.reason;
  return waiting && waiting !== "PodInitializing" ? `Init:${waiting}` : `Init:${index}/${count}`;
}

/** The first container that has something to say says it. */
function runningReason(pod: KubeJson, statuses: readonly Json[], hasRunning: boolean, before: string): string {
  const reasons = statuses.flatMap(
    ({ state }) => state?.waiting?.reason || (state?.terminated ? endOf(state.terminated) : []),
  );
  const reason = reasons[0] ?? before;
  if (reason !== "Completed") return reason;
  if (hasRunning && isReady(pod)) return "Running";
  const failed = statuses.find(
    ({ state }) => state?.terminated && state.terminated.exitCode !== 0 && !state.waiting?.reason,
  );
  return failed ? endOf(failed.state.terminated) : hasRunning ? "NotReady" : reason;
}
