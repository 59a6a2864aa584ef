/** Sends the writes of a plan as dry runs: what admission or the rights refuse is known before anything is written. */
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { resourceOf } from "../../cluster/kinds.ts";
import type { Finding } from "../../mesh/finding.ts";
import { refText } from "../../mesh/object-ref.ts";
import { type Plan, relabelSteps, restartSteps } from "../../upgrade/plan/plan.ts";
import { relabel } from "./relabel.ts";
import { stampPatch } from "./restart.ts";
import { stampAt } from "./stamp.ts";

/**
 * A finding for each label patch that the server would not take, or would change. Throws only what is not about one of
 * them.
 */
export const rehearseLabels = (cluster: Cluster, plan: Plan): Promise<readonly Finding[]> =>
  findingsOf(
    relabelSteps(plan).map(async ({ namespace, uid, before, after }) => {
      const finding = findingOf("label-admission", `namespace/${namespace}`);
      const change = { namespace, uid, expected: before, labels: after, record: undefined };
      try {
        const outcome = await relabel(cluster, change, { dryRun: true });
        if (outcome.kind === "written") return undefined;
        return outcome.kind === "altered"
          ? finding(
              "blocker",
              "the API server changes the labels that are asked for: a mutating admission policy rewrites them",
              "find the webhook or policy that mutates namespaces and let it pass istio.io/rev and istio-injection",
            )
          : finding("blocker", "its labels were changed by somebody else just now", "run the command again");
      } catch (error) {
        return refused(error, (severity, { message, hint }) => {
          const remedy = "find the policy or webhook named there, and let it pass istio.io/rev and istio-injection";
          return finding(severity, `the label is refused: ${message}`, hint ?? remedy);
        });
      }
    }),
  );

/** `--dry-run=server`: the same of each restart. */
export async function rehearseRestarts(cluster: Cluster, plan: Plan): Promise<readonly Finding[]> {
  const stamp = stampAt(await cluster.now());
  return findingsOf(
    restartSteps(plan).map(async ({ workload, uid }) => {
      const body = stampPatch(workload, uid, stamp);
      try {
        await cluster.patch(resourceOf(workload), workload, body, { type: "merge", dryRun: true });
        return undefined;
      } catch (error) {
        return refused(error, (severity, { message, hint }) => {
          const remedy = hint ?? "find the policy or webhook named there, and let it pass the restart";
          return findingOf("restart-admission", refText(workload))(
            severity,
            `its restart is refused: ${message}`,
            remedy,
          );
        });
      }
    }),
  );
}

const findingOf =
  (check: string, object: string) =>
  (severity: Finding["severity"], message: string, remedy: string): Finding => ({
    check,
    severity,
    object,
    message,
    remedy,
    accept: undefined,
  });

/** A clear no is a blocker; an answer that could not be had is unknown. */
function refused(error: unknown, finding: (severity: Finding["severity"], error: ClusterError) => Finding): Finding {
  if (!(error instanceof ClusterError)) throw error;
  return finding(["denied", "forbidden", "invalid"].includes(error.reason) ? "blocker" : "unknown", error);
}

const findingsOf = async (asked: readonly Promise<Finding | undefined>[]): Promise<readonly Finding[]> =>
  (await Promise.all(asked)).filter((finding) => finding !== undefined);
