/** Asks istiods of two revisions what they make of the same pods. Nothing is written. */
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import type { Mesh } from "../../mesh/model.ts";
import { refOf } from "../../mesh/object-ref.ts";
import type { ComparedWorkload } from "../../upgrade/trial/compared-workloads.ts";
import type { SidecarComparison } from "../../upgrade/trial/sidecar-comparison.ts";
import { sidecarDifferences } from "../../upgrade/trial/sidecar-differences.ts";
import { podOfTemplate } from "../../upgrade/trial/template-pod.ts";
import { injectedPod } from "./injected-pods.ts";

/** So many at once: each is two port-forwards. */
const atOnce = 8;

/** One comparison for each, in their order; where an istiod has no answer it says why. Throws what is no `ClusterError`. */
export const compareSidecars = async (
  cluster: Cluster,
  mesh: Mesh,
  asked: readonly ComparedWorkload[],
): Promise<readonly SidecarComparison[]> => {
  const found: SidecarComparison[] = [];
  for (let at = 0; at < asked.length; at += atOnce)
    found.push(...(await Promise.all(asked.slice(at, at + atOnce).map((each) => compared(cluster, mesh, each)))));
  return found;
};

const compared = async (
  cluster: Cluster,
  mesh: Mesh,
  { workload, from, to }: ComparedWorkload,
): Promise<SidecarComparison> => {
  const ref = refOf(workload);
  if (workload.template === undefined)
    return { workload: ref, from, to, differences: [], unknown: "it has no pod template" };
  const pod = podOfTemplate(ref, workload.template);
  const of = (revision: string) => injectedPod(cluster, mesh, revision, pod, workload.namespace);
  try {
    const [before, after] = await Promise.all([of(from), of(to)]);
    return { workload: ref, from, to, differences: sidecarDifferences(before, after), unknown: undefined };
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    return { workload: ref, from, to, differences: [], unknown: error.message };
  }
};
