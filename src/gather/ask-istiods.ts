import type { Cluster } from "../cluster/cluster.ts";
import { proxiesFrom } from "../mesh/from/syncz.ts";
import type { ControlPlane, Istiod, IstiodAnswer } from "../mesh/model.ts";
import { isRunningIstiod } from "../mesh/revision-state.ts";

/**
 * istiod's monitoring port, which serves the debug pages; callers from the pod's loopback, as port-forwards are, need
 * no credentials.
 */
const debugPort = 15014;

/**
 * Asks every running istiod of these control planes for its proxies, all at once: each knows only its own. Never
 * throws; one that does not answer, or answers something else, is `unanswered` with the reason. An istiod pod that
 * is not running is not asked: it has no connected proxies.
 */
export const askIstiods = (cluster: Cluster, controlPlanes: readonly ControlPlane[]): Promise<IstiodAnswer[]> =>
  Promise.all(
    controlPlanes.flatMap((plane) =>
      plane.istiods.filter(isRunningIstiod).map((istiod) => askIstiod(cluster, plane, istiod)),
    ),
  );

const askIstiod = async (cluster: Cluster, { revision, version }: ControlPlane, pod: Istiod): Promise<IstiodAnswer> => {
  const istiod = `${pod.namespace}/${pod.name}`;
  try {
    const connections = await cluster.getFromPod(pod, debugPort, "/debug/connections");
    const syncz = await cluster.getFromPod(pod, debugPort, "/debug/syncz");
    return { kind: "answered", istiod, revision, version, proxies: proxiesFrom(connections, syncz) };
  } catch (error) {
    return { kind: "unanswered", istiod, revision, reason: error instanceof Error ? error.message : String(error) };
  }
};
