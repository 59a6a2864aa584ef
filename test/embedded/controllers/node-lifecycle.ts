/**
 * What becomes of the pods of a node that is not ready: k8s.io/kubernetes pkg/controller/nodelifecycle and
 * pkg/controller/tainteviction.
 */
import { conditionOf, controllerOf, isGoing, isReady, type Json, type KubeJson, withCondition } from "../object.ts";
import type { Cluster, Controller } from "./controller.ts";

/** A node says so itself; one that says nothing is taken to be. */
export const isUp = (node: KubeJson | undefined): boolean =>
  !node || !["False", "Unknown"].includes(conditionOf(node, "Ready")?.status);

/** Seconds for which pods tolerate it unless they say otherwise (the DefaultTolerationSeconds admission). */
const toleratedFor = 300;

export const nodeLifecycle: Controller = { of: "nodes", reconcile };

async function reconcile(node: KubeJson, cluster: Cluster): Promise<number | undefined> {
  if (isUp(node)) return undefined;
  const pods = cluster.store.list(cluster.resource("pods")).filter(({ spec }) => spec.nodeName === node.metadata.name);
  for (const pod of pods.filter(isReady))
    await cluster.setStatus(pod, { ...pod.status, conditions: unready(pod, cluster) });
  const since = Date.parse(conditionOf(node, "Ready").lastTransitionTime);
  const left = since + toleratedFor * 1000 - cluster.clock.wall();
  if (left > 0) return left;
  // DaemonSets have their pods tolerate it for ever. Deleted is not gone: the kubelet that would end them does not
  // answer.
  for (const pod of pods) if (!isGoing(pod) && controllerOf(pod)?.kind !== "DaemonSet") await cluster.remove(pod);
  return undefined;
}

/** Without a reason: pkg/controller/util/node/controller_utils.go `MarkPodsNotReady`. */
const unready = (pod: KubeJson, cluster: Cluster): readonly Json[] =>
  withCondition(pod.status?.conditions, { type: "Ready", status: "False" }, cluster.now());
