/** Which node a pod goes to: the next in turn that is up, not cordoned, and whose labels its nodeSelector takes. */
import { matchesSelector } from "../../../src/mesh/labels.ts";
import type { Cluster, Controller } from "../controllers/controller.ts";
import { isUp } from "../controllers/node-lifecycle.ts";
import type { Json, KubeJson } from "../object.ts";
import { withCondition } from "../object.ts";

/** All that a DaemonSet asks: its pods tolerate nodes that are cordoned or not ready. */
export const fits = ({ nodeSelector = {} }: Json, node: KubeJson): boolean =>
  matchesSelector({ matchLabels: nodeSelector }, node.metadata.labels);

export function scheduler(): Controller {
  let turn = 0;
  return {
    of: "pods",
    reconcile: async (pod, cluster) => {
      if (pod.spec.nodeName || pod.metadata.deletionTimestamp) return undefined;
      const nodes = cluster.store.list(cluster.resource("nodes"));
      const fitting = nodes.filter((node) => isUp(node) && !node.spec?.unschedulable && fits(pod.spec, node));
      const node = fitting[turn++ % Math.max(1, fitting.length)];
      if (node) bind(pod, node.metadata.name, cluster);
      else await refuse(pod, nodes.length, cluster);
      return node ? undefined : 5_000;
    },
  };
}

/** One write, as of the API server's `binding`; it makes no new generation. */
function bind(pod: KubeJson, node: string, { store, resource, now }: Cluster): void {
  const pods = resource("pods");
  if (store.get(pods, pod.metadata.namespace, pod.metadata.name) !== pod) return;
  const conditions = withCondition(pod.status?.conditions, { type: "PodScheduled", status: "True" }, now());
  store.put(pods, { ...pod, spec: { ...pod.spec, nodeName: node }, status: { ...pod.status, conditions } });
}

async function refuse(pod: KubeJson, nodes: number, cluster: Cluster): Promise<void> {
  const message = `0/${nodes} nodes are available: ${nodes} node(s) didn't match Pod's node affinity/selector.`;
  const conditions = withCondition(
    pod.status?.conditions,
    { type: "PodScheduled", status: "False", reason: "Unschedulable", message },
    cluster.now(),
  );
  await cluster.setStatus(pod, { ...pod.status, conditions });
  await cluster.tell(pod, "Warning", "FailedScheduling", message);
}
