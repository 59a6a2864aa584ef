import type { Cluster } from "../../cluster/cluster.ts";
import type { Mesh } from "../../mesh/model.ts";
import type { MissingEvidence } from "../../upgrade/evidence/cluster-evidence.ts";
import type { Surroundings } from "../../upgrade/preflight/preflight-facts.ts";
import type { Where } from "../list-kind.ts";
import { evidence } from "../read-evidence.ts";
import { readConfig } from "./read-config.ts";
import { readControlPlanes } from "./read-control-planes.ts";
import type { ReadFor } from "./read-for.ts";
import { readNodes } from "./read-nodes.ts";

/**
 * Reads what only a preflight looks at, all parts at the same time. What cannot be read is listed in `unknown` with the
 * check that lacks it. Throws `ClusterError` where nothing can be read (no connection, no valid credentials).
 */
export const readSurroundings = async (cluster: Cluster, mesh: Mesh, namespaces: Where): Promise<Surroundings> => {
  const unknown: MissingEvidence[] = [];
  const readFor: ReadFor = (check, essential) => evidence(unknown, check, essential);
  const [controlPlanes, nodes, config] = await Promise.all([
    readControlPlanes(cluster, mesh, namespaces, readFor),
    readNodes(cluster, mesh, namespaces, readFor),
    readConfig(cluster, mesh, namespaces, readFor),
  ]);
  return { controlPlanes, nodes, config, unknown };
};
