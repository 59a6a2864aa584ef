/**
 * The step before any restart in a namespace: labels and undo record in one patch, then the proof that new pods really
 * go to the target.
 */
import { ClusterError } from "../../cluster/cluster-error.ts";
import { kinds } from "../../cluster/kinds.ts";
import type { ObjectRef } from "../../mesh/model.ts";
import { type RevisionLabels, revisionLabelsOf } from "../../mesh/revision-labels.ts";
import type { UndoRecord } from "../../upgrade/record/undo-record.ts";
import type { RelabelStep } from "../journal.ts";
import { type ProbeAnswer, probeUntil } from "../steps/probe.ts";
import { relabel, sameLabels } from "../steps/relabel.ts";
import { stampAt } from "../steps/stamp.ts";
import type { Run } from "../tools.ts";

/** `reason` says why not; labels may have been written all the same (the ledger knows). */
export type Entered = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/**
 * Throws `ClusterError` when the write was refused or its outcome is not known. `first`: the workload whose template is
 * probed with.
 */
export async function enterNamespace(run: Run, step: RelabelStep, first: ObjectRef | undefined): Promise<Entered> {
  const writes = !sameLabels(step.before, step.after);
  const resumed = resumedRecord(step);
  const record = resumed ?? (await newRecord(run, step));
  run.records.set(step.namespace, record);
  const outcome = await relabel(
    run.cluster,
    { namespace: step.namespace, uid: step.uid, expected: step.before, labels: step.after, record },
    { dryRun: false },
  ).catch((error: unknown) => {
    if (error instanceof ClusterError && error.ambiguous) noteWritten(run, step);
    throw error;
  });
  if (outcome.kind === "changed-by-others")
    return {
      ok: false,
      reason: `the labels of namespace ${step.namespace} were changed by somebody else just now: ${labelsText(outcome.found)}`,
    };
  if (!resumed) run.ledger.noteChange();
  const after = outcome.kind === "altered" ? outcome.found : step.after;
  run.ledger.noteNamespace(step.namespace, { labels: writes ? "written" : "kept", after });
  if (outcome.kind === "altered")
    return { ok: false, reason: `the API server changed the labels asked for to ${labelsText(outcome.found)}` };
  return first ? probed(run, first) : { ok: true };
}

/**
 * The record of the unfinished run that this one goes on with. One whose labels are gone again was put back by hand
 * since: then this run is a new one, with a stamp of its own.
 */
export const resumedRecord = ({ open, before, after }: RelabelStep): UndoRecord | undefined =>
  sameLabels(before, after) ? open : undefined;

async function newRecord(run: Run, step: RelabelStep): Promise<UndoRecord> {
  const stamp = stampAt(await run.cluster.now());
  return {
    version: 1,
    run: run.id,
    target: run.plan.target,
    stamp,
    namespaceUid: step.uid,
    before: step.before,
    from: step.from,
    state: "open",
  };
}

/**
 * Asks with a trial pod of the workload: its template may be another than the one probed with before, and a webhook may
 * have died since. Somebody else's refusal (a quota, a policy) says nothing of the injector: then the restarted pods
 * are the only proof.
 */
export async function probed(run: Run, ref: ObjectRef): Promise<Entered> {
  const { revision } = run.plan.target;
  const answer = await probeUntil(run.cluster, ref, revision, {
    timeoutMs: run.options.timeouts.probe,
    signal: run.ends,
    clock: run.options.clock,
  });
  if (answer.kind === "injected" && answer.revision === revision) return { ok: true };
  if (answer.kind === "refused") {
    run.options.warn(
      `a trial pod of ${ref.namespace}/${ref.kind}/${ref.name} was not let in, so its restarted pods are the only proof: ${answer.reason}`,
    );
    return { ok: true };
  }
  return {
    ok: false,
    reason: `new pods of namespace ${ref.namespace} would not be injected by ${revision}: ${answerText(answer)}`,
  };
}

const answerText = (answer: ProbeAnswer | { readonly kind: "unanswered"; readonly reason: string }): string => {
  switch (answer.kind) {
    case "injected":
      return `${answer.revision} injects them`;
    case "not-injected":
      return "nothing injects them";
    default:
      return answer.reason;
  }
};

/** What may be written is written, as long as nobody can tell: never "nothing was changed". */
function noteWritten({ ledger }: Run, { namespace, before, after }: RelabelStep): void {
  ledger.noteChange();
  ledger.noteNamespace(namespace, { labels: sameLabels(before, after) ? "kept" : "written", after });
}

/** Read again before every restart: labels that were put back by somebody would send the new pods elsewhere. */
export async function checkLabels(run: Run, namespace: string): Promise<void> {
  const entry = run.ledger.namespaces().find(({ name }) => name === namespace);
  const now = await run.cluster.get(kinds.namespaces, namespace);
  if (!now) throw new ClusterError(`namespace ${namespace} was deleted meanwhile`, { reason: "not-found" });
  const found = revisionLabelsOf(now.metadata.labels);
  if (!entry || sameLabels(found, entry.after)) return;
  throw labelsChanged(namespace, found);
}

/**
 * Labels that are not what we wrote any more, or that a policy made others of; undefined where the namespace is gone.
 */
export const labelsChanged = (namespace: string, found: RevisionLabels | undefined): ClusterError =>
  new ClusterError(
    `the labels of namespace ${namespace} were changed by somebody else meanwhile: ${labelsText(found)}`,
    {
      reason: "conflict",
      hint: "find what owns them (GitOps, Helm, a policy), change it there, and run the command again",
    },
  );

const labelsText = (labels: RevisionLabels | undefined): string =>
  labels === undefined
    ? "the namespace is gone"
    : (["istio-injection", "istio.io/rev"] as const)
        .map((key) => (labels[key] === null ? `no ${key}` : `${key}=${labels[key]}`))
        .join(", ");
