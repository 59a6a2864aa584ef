/** When the workloads of a namespace have arrived. */
import type { Api, Json } from "./api.ts";

/** All workloads of a namespace, as the API server has them. */
export interface Workloads {
  readonly deployments: readonly Json[];
  readonly statefulSets: readonly Json[];
  readonly daemonSets: readonly Json[];
  readonly rollouts: readonly Json[];
}

/**
 * Whether every workload's controller has seen its latest change and all of its pods are ready, and new where it
 * replaces them by itself.
 */
export function areReady({ deployments, statefulSets, daemonSets, rollouts }: Workloads): boolean {
  const seen = ({ metadata, status }: Json) => String(status.observedGeneration) === String(metadata.generation);
  const full = ({ spec, status }: Json) =>
    (status.readyReplicas ?? 0) === spec.replicas && (status.replicas ?? 0) === spec.replicas;
  const updated = ({ spec, status }: Json) => (status.updatedReplicas ?? 0) === spec.replicas;
  const byItself = ({ spec }: Json) =>
    spec.updateStrategy?.type !== "OnDelete" && !spec.updateStrategy?.rollingUpdate?.partition && !spec.paused;
  return (
    [...deployments, ...statefulSets].every((each) => seen(each) && full(each) && (updated(each) || !byItself(each))) &&
    rollouts.every((each) => seen(each) && each.status.phase === "Healthy") &&
    daemonSets.every(({ metadata, status }) => {
      const { desiredNumberScheduled: desired, numberReady, updatedNumberScheduled } = status;
      return (
        status.observedGeneration === metadata.generation &&
        desired > 0 &&
        numberReady === desired &&
        updatedNumberScheduled === desired
      );
    })
  );
}

/** The same, asked of the API server. */
export async function isReady(api: Api, namespace: string): Promise<boolean> {
  const list = async (path: string): Promise<Json[]> => (await api.get(path)).items;
  const apps = `/apis/apps/v1/namespaces/${namespace}`;
  const [deployments = [], statefulSets = [], daemonSets = [], rollouts = []] = await Promise.all([
    ...["deployments", "statefulsets", "daemonsets"].map((kind) => list(`${apps}/${kind}`)),
    list(`/apis/argoproj.io/v1alpha1/namespaces/${namespace}/rollouts`).catch(() => []), // not installed
  ]);
  return areReady({ deployments, statefulSets, daemonSets, rollouts });
}
