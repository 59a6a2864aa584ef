/** Owners whose pods end by themselves, as those of a Job do: they stay on their revision until then. */
import type { ObjectOwner, Pod } from "../../mesh/model.ts";

/**
 * Group and kinds whose pods run to an end:
 * https://kubernetes.io/docs/concepts/workloads/controllers/job/,
 * https://argo-workflows.readthedocs.io/en/latest/workflow-concepts/ (pods in an injected namespace:
 * argoproj/argo-workflows#7214),
 * https://tekton.dev/docs/pipelines/taskruns/ (tektoncd/pipeline#4731; a PipelineRun owns the StatefulSet of its
 * affinity assistant, docs/affinityassistants.md),
 * https://www.kubeflow.org/docs/components/spark-operator/ (kubeflow/spark-operator#889),
 * https://volcano.sh/en/docs/vcjob/,
 * https://www.kubeflow.org/docs/components/trainer/legacy-v1/overview/ (the kinds of jobs),
 * actions/actions-runner-controller controllers/actions.github.com/ephemeralrunner_controller.go.
 */
const kindsThatEnd: ReadonlyMap<string, readonly string[]> = new Map([
  ["batch", ["Job"]],
  ["argoproj.io", ["Workflow"]],
  ["tekton.dev", ["TaskRun", "PipelineRun"]],
  ["sparkoperator.k8s.io", ["SparkApplication"]],
  ["batch.volcano.sh", ["Job"]],
  ["kubeflow.org", ["PyTorchJob", "TFJob", "MPIJob", "XGBoostJob", "PaddleJob", "JAXJob"]],
  ["actions.github.com", ["EphemeralRunner"]],
]);

/** `more`: the values of `--ends-by-itself`, each `KIND` or `KIND.GROUP`, small or capital letters, kubectl's plural. */
export const endsByItself = ({ group, kind }: Pick<ObjectOwner, "group" | "kind">, more: readonly string[]): boolean =>
  (kindsThatEnd.get(group)?.includes(kind) ?? false) || more.some((text) => names(text.toLowerCase(), group, kind));

const names = (text: string, group: string, kind: string): boolean => {
  const dot = text.indexOf(".");
  const word = dot < 0 ? text : text.slice(0, dot);
  const ofGroup = dot < 0 || text.slice(dot + 1) === group;
  return ofGroup && [kind, `${kind}s`].some((name) => name.toLowerCase() === word);
};

/**
 * Whether a pod ends by itself: by its owner, or by that of the pod which owns it. Executors of Spark are owned by the
 * driver's pod (apache/spark resource-managers/kubernetes/…/KubernetesClientUtils.scala `addOwnerReference`).
 * `podsByUid`: the pods of its namespace.
 */
export const podEndsByItself = (
  { owner }: Pod,
  more: readonly string[],
  podsByUid: ReadonlyMap<string, Pod>,
): boolean => {
  if (owner === undefined) return false;
  if (endsByItself(owner, more)) return true;
  if (owner.group !== "" || owner.kind !== "Pod") return false;
  const above = podsByUid.get(owner.uid)?.owner;
  return above !== undefined && endsByItself(above, more);
};
