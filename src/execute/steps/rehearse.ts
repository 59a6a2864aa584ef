/**
 * `--dry-run=server`: sends every restart of the plan as a dry run, so that admission and rights speak (the labels' are
 * sent in any case).
 */

import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { resourceOf } from "../../cluster/kinds.ts";
import type { Finding } from "../../mesh/finding.ts";
import { refText } from "../../mesh/object-ref.ts";
import type { Plan } from "../../upgrade/plan/plan.ts";
import { restartSteps } from "../tools.ts";
import { stampPatch } from "./restart.ts";
import { stampAt } from "./stamp.ts";

/**
 * A finding for each restart that the server would not take. Throws `ClusterError` only for what is not about one of
 * them.
 */
export async function rehearse(cluster: Cluster, plan: Plan): Promise<readonly Finding[]> {
  const stamp = stampAt(await cluster.now());
  const findings = await Promise.all(
    restartSteps(plan).map(async ({ workload, uid }): Promise<readonly Finding[]> => {
      try {
        await cluster.patch(resourceOf(workload), workload, stampPatch(workload, uid, stamp), {
          dryRun: true,
        });
        return [];
      } catch (error) {
        if (!(error instanceof ClusterError)) throw error;
        const severity = ["denied", "forbidden", "invalid"].includes(error.reason) ? "blocker" : "unknown";
        return [
          {
            check: "restart-admission",
            severity,
            object: refText(workload),
            message: `its restart is refused: ${error.message}`,
            remedy: error.hint ?? "find the policy or webhook named there, and let it pass the restart",
            accept: undefined,
          },
        ];
      }
    }),
  );
  return findings.flat();
}
