/**
 * How long a new pod may take to count as available for reasons that its owner has stated: that long is no lack of
 * progress. https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/,
 * https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#min-ready-seconds
 */
import type { ContainerSpec } from "../../mesh/kubernetes.ts";
import type { Workload } from "../../mesh/model.ts";

interface Probe {
  readonly initialDelaySeconds?: number;
  readonly periodSeconds?: number;
  readonly failureThreshold?: number;
}

type Probed = ContainerSpec & { readonly startupProbe?: Probe; readonly readinessProbe?: Probe };

/** For what nobody states: to be scheduled, to pull the images, to start the proxy (ms). */
const startMs = 60_000;

/**
 * Milliseconds from a pod's creation to its being available, at most as the template and `minReadySeconds` state it; 0
 * where they state nothing. Of a startup probe all of its attempts count.
 */
export const statedMs = ({ template, minReadySeconds = 0 }: Pick<Workload, "template" | "minReadySeconds">): number => {
  const containers: readonly Probed[] = template?.spec.containers ?? [];
  const seconds =
    minReadySeconds +
    Math.max(
      0,
      ...containers.map(({ startupProbe, readinessProbe }) => startup(startupProbe) + readiness(readinessProbe)),
    );
  return seconds === 0 ? 0 : startMs + seconds * 1000;
};

const startup = (probe: Probe | undefined): number =>
  probe === undefined
    ? 0
    : (probe.initialDelaySeconds ?? 0) + (probe.periodSeconds ?? 10) * (probe.failureThreshold ?? 3);

const readiness = (probe: Probe | undefined): number =>
  probe === undefined ? 0 : (probe.initialDelaySeconds ?? 0) + (probe.periodSeconds ?? 10);
