/** When the workloads of a namespace have arrived. */
import type { Api, Json } from "./api.ts";

/**
 * Whether every workload's controller has seen its latest change and all of its pods are ready, and new where it
 * replaces them by itself.
 */
export async function isReady(api: Api, namespace: string): Promise<boolean> {
  const list = async (path: string): Promise<Json[]> => (await api.get(path)).items;
  const apps = `/apis/apps/v1/namespaces/${namespace}`;
  const rollouts = list(`/apis/argoproj.io/v1alpha1/namespaces/${namespace}/rollouts`).catch(() => []); // not installed
  const [deployments, statefulSets, daemonSets] = await Promise.all(
    ["deployments", "statefulsets", "daemonsets"].map((kind) => list(`${apps}/${kind}`)),
  );
  const seen = ({ metadata, status }: Json) => String(status.observedGeneration) === String(metadata.generation);
  const full = ({ spec, status }: Json) =>
    (status.readyReplicas ?? 0) === spec.replicas && (status.replicas ?? 0) === spec.replicas;
  const updated = ({ spec, status }: Json) => (status.updatedReplicas ?? 0) === spec.replicas;
  const byItself = ({ spec }: Json) =>
    spec.updateStrategy?.type !== "OnDelete" && !spec.updateStrategy?.rollingUpdate?.partition && !spec.paused;
  return (
    [...(deployments ?? []), ...(statefulSets ?? [])].every(
      (each) => seen(each) && full(each) && (updated(each) || !byItself(each)),
    ) &&
    (await rollouts).every((each) => seen(each) && each.status.phase === "Healthy") &&
    (daemonSets ?? []).every(({ metadata, status }) => {
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
