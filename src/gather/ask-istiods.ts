/** Asks istiods which proxies are connected to them and whether those have their configuration. */
import type { Cluster } from "../cluster/cluster.ts";
import { ClusterError } from "../cluster/cluster-error.ts";
import { proxiesFrom } from "../mesh/from/syncz.ts";
import type { Barrier, ControlPlane, Istiod, IstiodAnswer } from "../mesh/model.ts";
import { isRunningIstiod } from "../mesh/revision-state.ts";

/**
 * The monitoring port of istiod, which serves the debug pages. Requests from the pod's loopback address, as those of
 * port-forwards are, need no credentials (pilot/pkg/xds/debug.go, `allowAuthenticatedOrLocalhost`).
 */
export const debugPort = 15014;

/**
 * Asks every running istiod of these control planes, all at the same time: each knows only the proxies that are
 * connected to it. Never throws: an istiod without a good answer is `unanswered`, with the reason. Istiods that are
 * starting or have ended have no proxies and are not asked.
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
    const barrier = barrierOf(error);
    return {
      kind: "unanswered",
      istiod,
      revision,
      reason: error instanceof Error ? error.message : String(error),
      ...(barrier === undefined ? {} : { barrier }),
      ...(pod.ready ? {} : { ready: false }),
    };
  }
};

/**
 * istiod serves its debug pages only with `ENABLE_DEBUG_ON_HTTP` (else 404); where it does not take the connection for
 * one from its own pod, it wants credentials (401, 403). Source: `InitDebug`, `allowAuthenticatedOrLocalhost`
 * (pilot/pkg/xds/debug.go).
 */
const barrierOf = (error: unknown): Barrier | undefined => {
  if (!(error instanceof ClusterError)) return undefined;
  if (error.answeredBy !== "pod") return error.reason === "forbidden" ? "no-port-forward" : undefined;
  if (error.status === 404) return "debug-off";
  return error.status === 401 || error.status === 403 ? "debug-closed" : undefined;
};
