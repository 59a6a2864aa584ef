/** Fields of pod templates that say how a pod starts and ends; of pods they are not read. */
import type { ContainerSpec, PodSpec } from "../../mesh/kubernetes.ts";
import type { Workload } from "../../mesh/model.ts";

interface AppContainer extends ContainerSpec {
  readonly readinessProbe?: object;
  readonly startupProbe?: object;
  readonly lifecycle?: { readonly preStop?: object };
}

interface AppSpec extends PodSpec {
  readonly containers: readonly AppContainer[];
  readonly initContainers?: readonly AppContainer[];
  readonly terminationGracePeriodSeconds?: number;
  readonly readinessGates?: readonly object[];
}

/**
 * The containers that run as long as the pod: init containers with `restartPolicy: Always` are among them. Not the
 * proxy.
 */
const appContainers = ({ template }: Workload): readonly AppContainer[] => {
  const spec: AppSpec = template?.spec ?? { containers: [] };
  const lasting = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  return [...spec.containers, ...lasting].filter(({ name }) => name !== "istio-proxy");
};

/**
 * Whether a new pod counts as ready only once its application says so, or somebody else does: by a readiness probe, a
 * startup probe (a container that has not started is not ready: `UpdatePodStatus` of Kubernetes' pkg/kubelet/prober), or
 * a readiness gate.
 */
export const showsReadiness = (workload: Workload): boolean => {
  const spec: AppSpec | undefined = workload.template?.spec;
  return (
    (spec?.readinessGates ?? []).length > 0 ||
    appContainers(workload).some(
      ({ readinessProbe, startupProbe }) => readinessProbe !== undefined || startupProbe !== undefined,
    )
  );
};

export const hasPreStop = (workload: Workload): boolean =>
  appContainers(workload).some(({ lifecycle }) => lifecycle?.preStop !== undefined);

/** Seconds in which a pod has to end; Kubernetes' default is 30. */
export const gracePeriod = ({ template }: Workload): number => {
  const spec: AppSpec | undefined = template?.spec;
  return spec?.terminationGracePeriodSeconds ?? 30;
};
