/**
 * Proves what needed no restart: pods that the target injected before may hang on another control plane all the same,
 * or on none.
 */

import type { Workload } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import type { Plan } from "../../upgrade/plan/plan.ts";
import type { RestartGoal } from "../../upgrade/proof/workload-proof.ts";
import { gatherFailure } from "../failure.ts";
import type { Run } from "../tools.ts";
import { watchMove } from "./watch-move.ts";

/** A proxy that reconnects is back within seconds; one that is not after so long (ms) will not come by waiting. */
const reconnectMs = 60_000;

/** Every pod it has, whenever it was made. */
export const presentGoal = ({ uid, restartedAt }: Workload, { target }: Plan): RestartGoal => ({
  uid,
  stamp: restartedAt ?? "1970-01-01T00:00:00Z",
  generation: 0,
  revision: target.revision,
  oldRevisions: [],
});

/** Notes in the ledger whether each has arrived. Writes nothing to the cluster. */
export async function provePresent(run: Run, workloads: readonly Workload[]): Promise<void> {
  const { timeouts } = run.options;
  const patient: Run = {
    ...run,
    options: { ...run.options, timeouts: { ...timeouts, workload: Math.min(timeouts.workload, reconnectMs) } },
  };
  await Promise.all(workloads.map((workload) => proveOne(patient, workload)));
}

async function proveOne(run: Run, workload: Workload): Promise<void> {
  const task = run
    .sectionOf(workload.namespace)
    .task(refText(workload), `${workload.kind}/${workload.name} (there already)`);
  const fail = async (reason: string): Promise<void> => {
    task.fail(reason);
    run.ledger.noteWorkload(workload, { outcome: "unproven", reason });
    run.ledger.noteFailure(
      await gatherFailure(
        run.cluster,
        { kind: workload.kind, namespace: workload.namespace, name: workload.name },
        reason,
        undefined,
      ),
    );
  };
  try {
    const end = await watchMove(run, workload, presentGoal(workload, run.plan), "all pods", (text) =>
      task.update(text),
    );
    if (end.kind !== "done") return await fail(end.reason);
    run.ledger.noteWorkload(workload, { outcome: "already", pods: end.pods, proven: end.proven });
    task.done(`${end.proven} of ${end.pods} pods on ${run.plan.target.revision}`);
  } catch (error) {
    if (!run.ends.aborted) throw error;
    run.ledger.noteWorkload(workload, { outcome: "unproven", reason: "not waited for to the end" });
  }
}
