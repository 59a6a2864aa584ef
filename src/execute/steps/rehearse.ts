/** Sends the writes of a plan as dry runs: what admission or the rights refuse is known before anything is written. */
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import type { Finding } from "../../mesh/finding.ts";
import { refText } from "../../mesh/object-ref.ts";
import { blocker, type CheckRecord, cannotTell, type Observation, observe } from "../../upgrade/checks/check.ts";
import { labelAdmission, restartAdmission, tagAdmission } from "../../upgrade/checks/single-checks.ts";
import { type Plan, relabelSteps, tagSteps } from "../../upgrade/plan/plan.ts";
import type { RestartStep } from "../../upgrade/plan/step.ts";
import { tagObjectText } from "../../upgrade/tags/tag-parts.ts";
import { relabel } from "./relabel.ts";
import { patchStamp } from "./restart.ts";
import { stampAt } from "./stamp.ts";
import { writeTagObject } from "./write-tag.ts";

/**
 * A finding for each label patch that the server would not take, or would change. Throws only what is not about one of
 * them.
 */
export const rehearseLabels = (cluster: Cluster, plan: Plan): Promise<readonly Finding[]> =>
  findingsOf(
    labelAdmission,
    relabelSteps(plan).map(async ({ namespace, uid, before, after }) => {
      const object = `namespace/${namespace}`;
      const change = { namespace, uid, expected: before, labels: after, record: undefined };
      try {
        const outcome = await relabel(cluster, change, { dryRun: true });
        if (outcome.kind === "written") return undefined;
        return outcome.kind === "altered"
          ? blocker(
              object,
              "the API server changes the labels that are asked for: a mutating admission policy rewrites them",
              "find the webhook or policy that mutates namespaces and let it pass istio.io/rev and istio-injection",
            )
          : blocker(object, "its labels were changed by somebody else just now", "run the command again");
      } catch (error) {
        const remedy = "find the policy or webhook named there, and let it pass istio.io/rev and istio-injection";
        return refused(error, object, "the label is refused", remedy);
      }
    }),
  );

/** The same of the objects of a tag that are written. An object that is deleted is not sent. */
export const rehearseTag = (cluster: Cluster, plan: Plan): Promise<readonly Finding[]> =>
  findingsOf(
    tagAdmission,
    tagSteps(plan)
      .flatMap(({ changes }) => changes)
      .filter(({ after }) => after !== undefined)
      .map(async (change) => {
        try {
          await writeTagObject(cluster, change, null, { dryRun: true });
          return undefined;
        } catch (error) {
          const remedy = "find the policy or webhook named there, and let it pass this object";
          return refused(error, tagObjectText(change.ref), "its change is refused", remedy);
        }
      }),
  );

/** The same of each of these restarts. */
export async function rehearseRestarts(cluster: Cluster, steps: readonly RestartStep[]): Promise<readonly Finding[]> {
  const stamp = stampAt(await cluster.now());
  return findingsOf(
    restartAdmission,
    steps.map(async ({ workload, uid, way }) => {
      try {
        await patchStamp(cluster, workload, uid, stamp, { dryRun: true, way });
        return undefined;
      } catch (error) {
        const remedy = "find the policy or webhook named there, and let it pass the restart";
        return refused(error, refText(workload), "its restart is refused", remedy);
      }
    }),
  );
}

/** A clear no is a blocker; an answer that could not be had is unknown. Throws what is no answer of the cluster. */
function refused(error: unknown, object: string, what: string, remedy: string): Observation {
  if (!(error instanceof ClusterError)) throw error;
  const speak = ["denied", "forbidden", "invalid"].includes(error.reason) ? blocker : cannotTell;
  return speak(object, `${what}: ${error.message}`, error.hint ?? remedy);
}

const findingsOf = async (
  check: CheckRecord,
  asked: readonly Promise<Observation | undefined>[],
): Promise<readonly Finding[]> =>
  (await Promise.all(asked)).filter((each) => each !== undefined).map((each) => observe(check, each));
