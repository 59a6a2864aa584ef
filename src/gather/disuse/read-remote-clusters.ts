/** Asks the istiods of a revision which other clusters they watch. */
import type { Cluster } from "../../cluster/cluster.ts";
import type { Istiod } from "../../mesh/model.ts";
import type { RemoteClusters } from "../../upgrade/checks/cleanup/cleanup-facts.ts";
import { debugPort } from "../ask-istiods.ts";

/** Never throws: an istiod without a good answer is `unanswered`, with the reason. */
export const readRemoteClusters = (cluster: Cluster, istiods: readonly Istiod[]): Promise<readonly RemoteClusters[]> =>
  Promise.all(
    istiods.map(async (pod): Promise<RemoteClusters> => {
      const istiod = `${pod.namespace}/${pod.name}`;
      try {
        const body = await cluster.getFromPod(pod, debugPort, "/debug/clusterz");
        return { kind: "answered", istiod, clusters: remoteClustersFrom(body) };
      } catch (error) {
        return { kind: "unanswered", istiod, reason: error instanceof Error ? error.message : String(error) };
      }
    }),
  );

/**
 * Ids of the clusters that istiod knows by a Secret; its own has none. istiods up to 1.20 answer `null` where there is
 * none. Throws an `Error` for another form. Source: `ListRemoteClusters` (istio/istio
 * pkg/kube/multicluster/secretcontroller.go).
 */
const remoteClustersFrom = (body: string): readonly string[] => {
  const malformed = new Error("istiod's answer to /debug/clusterz is not a list of clusters");
  let entries: unknown;
  try {
    entries = JSON.parse(body) ?? [];
  } catch {
    throw malformed;
  }
  if (!Array.isArray(entries)) throw malformed;
  return entries.flatMap((entry: { readonly id?: unknown; readonly secretName?: unknown } | null) => {
    if (typeof entry?.id !== "string") throw malformed;
    return typeof entry.secretName === "string" && entry.secretName !== "" ? [entry.id] : [];
  });
};
