/** The proof of the part of a workload that is new, while its rollout is held. */
import { counted } from "../../mesh/phrase.ts";
import { done, type Verdict, waiting } from "./verdict.ts";
import { isNew, type RestartGoal, type WorkloadProof } from "./workload-proof.ts";

/** `done` once at least so many new pods are there, and all that are there are proven. */
export function newPodsVerdict({ verdict, pods }: WorkloadProof, goal: RestartGoal, least: number): Verdict {
  if (verdict.kind === "done" || verdict.kind === "failed") return verdict;
  const fresh = pods.filter(({ pod }) => isNew(pod, goal));
  const open = fresh.find(({ proof }) => proof.kind !== "done");
  if (open) return waiting(`${open.pod.name}: ${"reason" in open.proof ? open.proof.reason : "not proven"}`);
  return fresh.length >= least ? done : waiting(`${fresh.length} of ${counted(least, "new pod")} there`);
}
