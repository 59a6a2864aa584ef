/** A namespace's labels and undo record: written in one patch, then a trial pod shows where new pods go. */
import { ClusterError } from "../../cluster/cluster-error.ts";
import { kinds } from "../../cluster/kinds.ts";
import { type OtherLabels, revisionLabelsOf, sameRevisionLabels } from "../../mesh/revision-labels.ts";
import { trialPodAdmission } from "../../upgrade/checks/single-checks.ts";
import { type Outcomes, outcomeOf } from "../../upgrade/plan/outcome.ts";
import { isUnwritten, labelsKey, type RelabelStep, stepKey } from "../../upgrade/plan/step.ts";
import type { UndoRecord } from "../../upgrade/record/undo-record.ts";
import type { Trial } from "../../upgrade/trial/trial-verdict.ts";
import type { StepActions } from "../run-plan.ts";
import type { Tools } from "../tools.ts";
import { probeFailure, trialBefore } from "./probe.ts";
import { labelsChanged, relabel, stateText } from "./relabel.ts";

/** What the write hands on: what admission made of the labels, where it changed them, and the trial pod of before. */
interface Written {
  readonly altered: string | undefined;
  readonly before: Trial | undefined;
}

export const relabelActions: StepActions<RelabelStep, Written> = {
  podsInFlight: () => 0,

  /** A record is closed where every workload of its namespace has arrived, and its labels are still those of the run. */
  guard: async (step, tools) => {
    if (step.record.kind !== "close") return "go";
    if (!hasArrived(step.namespace, step.record.proven, tools.journal.outcomes())) return "skip";
    await checkLabels(step.namespace, tools);
    return "go";
  },

  apply: async (step, tools) => {
    const key = stepKey(step);
    const record = await recordOf(step, tools);
    if (record) tools.journal.note(key, { record });
    const { namespace, uid, before, after, probe } = step;
    const compares = probe?.compared !== undefined && !sameRevisionLabels(before, after);
    const trial = compares ? await trialBefore(probe.workload, tools) : undefined;
    const outcome = await relabel(
      tools.cluster,
      { namespace, uid, expected: before, labels: after, record: isUnwritten(step) ? undefined : record },
      { dryRun: false },
    );
    if (outcome.kind === "changed-by-others")
      throw isBack(step) && outcome.found ? leftAsTheyAre(namespace) : labelsChanged(namespace, outcome.found);
    const altered = outcome.kind === "altered" ? outcome.found : undefined;
    if (altered && step.record.kind === "close") throw labelsChanged(namespace, altered);
    tools.journal.note(key, { labels: altered ?? after });
    return {
      altered: altered && `the API server changed the labels asked for to ${stateText(altered)}`,
      before: trial,
    };
  },

  prove: async ({ probe, to }, { altered, before }, _, tools) => {
    if (altered) return { state: "failed", reason: altered };
    const compared = probe?.compared ?? { accepted: [trialPodAdmission.id], trustsBoth: true };
    const reason =
      probe && (await probeFailure(probe.workload, to, tools, { ...compared, before, version: probe.version }));
    return reason && probe?.required ? { state: "failed", reason } : { state: "proven", reason: undefined };
  },
};

/** The other labels that the run writes, with those of the earlier run that it takes over. */
const setBy = ({ after: { also }, record }: RelabelStep): OtherLabels | undefined => {
  const earlier = record.kind === "open" ? record.inherited?.set : undefined;
  return also || earlier ? { ...earlier, ...also } : undefined;
};

/** Labels that a rollback writes. */
const isBack = ({ record }: RelabelStep): boolean => record.kind === "keep";

/** The undo record that the namespace gets; null: none; undefined: the one that it has. Throws `ClusterError`. */
async function recordOf(step: RelabelStep, tools: Tools): Promise<UndoRecord | null | undefined> {
  switch (step.record.kind) {
    case "keep":
      return undefined;
    case "close": {
      if (step.record.removes) return null;
      const record = tools.journal.outcome(labelsKey(step.namespace)).record;
      return record ? { ...record, state: "done" } : null;
    }
    case "open":
      return (
        step.record.resumed ?? {
          version: 1,
          ...tools.ledger.runOf(step.namespace),
          target: step.record.target,
          namespaceUid: step.uid,
          before: step.before,
          from: step.from,
          ...(setBy(step) && { set: setBy(step) }),
          ...(tools.proof ? { proof: "pods" } : {}),
          ...step.record.inherited,
          ...(step.record.movedTag === undefined ? {} : { movedTag: step.record.movedTag }),
          state: "open",
        }
      );
  }
}

/** Every step of the namespace is proven, and the last look found nothing else that has not arrived. */
function hasArrived(namespace: string, proven: readonly string[], outcomes: Outcomes): boolean {
  const found = [...outcomes.keys()].filter((key) => key.startsWith(`${namespace}/`));
  return [...proven, ...found].every((key) => outcomeOf(outcomes, key).state === "proven");
}

/**
 * Read again before every restart and before a record is closed: labels that somebody put back would send new pods
 * elsewhere. Throws `ClusterError`.
 */
export async function checkLabels(
  namespace: string,
  { cluster, journal }: Pick<Tools, "cluster" | "journal">,
): Promise<void> {
  const now = await cluster.get(kinds.namespaces, namespace);
  if (!now) throw new ClusterError(`namespace ${namespace} was deleted meanwhile`, { reason: "not-found" });
  const { labels } = journal.outcome(labelsKey(namespace));
  const found = revisionLabelsOf(now.metadata.labels, labels);
  if (labels && !sameRevisionLabels(found, labels)) throw labelsChanged(namespace, found);
}

const leftAsTheyAre = (namespace: string): ClusterError =>
  new ClusterError(
    `the labels of namespace ${namespace} were changed by somebody else meanwhile, so they were left as they are`,
    { reason: "conflict" },
  );
