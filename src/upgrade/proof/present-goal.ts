/** What is to be proven of a workload that nobody restarted. */
import type { PodsProof } from "./pods-proof.ts";
import type { RestartGoal } from "./workload-proof.ts";

/** Every pod that it has, whenever the pod was made, on `revision`. */
export const presentGoal = (
  { uid, restartedAt }: { readonly uid: string; readonly restartedAt: string | undefined },
  revision: string,
  proof?: PodsProof,
): RestartGoal => ({
  uid,
  stamp: restartedAt ?? "1970-01-01T00:00:00Z",
  generation: 0,
  revision,
  oldRevisions: [],
  ...(proof && { proof }),
});
