/** Jobs: pods until enough have completed. pkg/controller/job/job_controller.go */
import { isGoing, type KubeJson } from "../object.ts";
import type { Cluster, Controller } from "./controller.ts";
import { podOf } from "./template.ts";

export const jobs: Controller = { of: "jobs", reconcile };

async function reconcile(job: KubeJson, cluster: Cluster): Promise<undefined> {
  const { spec, metadata, status = {} } = job;
  if (isGoing(job) || status.completionTime) return;
  const pods = cluster.store.controlled(metadata.uid).filter(({ kind }) => kind === "Pod");
  const inPhase = (...phases: readonly string[]) =>
    pods.filter((pod) => phases.includes(pod.status?.phase) && !isGoing(pod)).length;
  const [active, succeeded, failed] = [inPhase("Pending", "Running"), inPhase("Succeeded"), inPhase("Failed")];
  const wanted = spec.suspend ? 0 : Math.min(spec.parallelism, spec.completions - succeeded);
  const complete = succeeded >= spec.completions;
  const now = cluster.now();
  await cluster.setStatus(job, {
    ...{ startTime: status.startTime ?? now, ready: pods.filter((pod) => pod.status?.phase === "Running").length },
    ...(active > 0 && { active }),
    ...(succeeded > 0 && { succeeded }),
    ...(failed > 0 && { failed }),
    ...(complete && {
      completionTime: now,
      conditions: [{ type: "Complete", status: "True", reason: "CompletionsReached", lastTransitionTime: now }],
    }),
  });
  for (let made = active; !complete && made < wanted; made++)
    await cluster.create("pods", metadata.namespace, podOf(job, spec.template));
}
