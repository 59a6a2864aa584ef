/** The end of a run: whether it may call itself done. */

import { ClusterError } from "../../cluster/cluster-error.ts";
import type { ObjectRef } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import { gatherFailure } from "../failure.ts";
import type { Ledger, RelabelStep } from "../journal.ts";
import { relabel } from "../steps/relabel.ts";
import { type Run, relabelSteps } from "../tools.ts";
import { checkLabels, labelsChanged } from "./enter-namespace.ts";
import { lookForStragglers } from "./last-look.ts";

/** The last look at pods and labels, and the end of each namespace's record whose every workload has arrived. */
export async function closeRun(run: Run): Promise<"done" | "partial"> {
  if (relabelSteps(run.plan).length > 0 && !run.ledger.failure() && unfinished(run.ledger).length === 0)
    await noteStragglers(run);
  for (const step of relabelSteps(run.plan)) {
    const whole = run.ledger
      .workloads()
      .every(
        (entry) => entry.namespace !== step.namespace || !["failed", "unproven", "not-started"].includes(entry.outcome),
      );
    const entered = run.ledger
      .namespaces()
      .some(({ name, labels }) => name === step.namespace && (labels === "written" || labels === "kept"));
    const record = run.records.get(step.namespace);
    if (!whole || !entered || !record) continue;
    try {
      await checkLabels(run, step.namespace);
      if (leavesOpen(run, step)) continue;
      const outcome = await relabel(
        run.cluster,
        {
          namespace: step.namespace,
          uid: step.uid,
          expected: step.after,
          labels: step.after,
          record: { ...record, state: "done" },
        },
        { dryRun: false },
      );
      if (outcome.kind !== "written") throw labelsChanged(step.namespace, outcome.found);
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      run.ledger.noteFailure(await gatherFailure(run.cluster, namespaceRef(step.namespace), error.message, undefined));
    }
  }
  const open = relabelSteps(run.plan).some((step) => leavesOpen(run, step));
  const first = unfinished(run.ledger)[0];
  if (first)
    run.ledger.noteFailure(
      await gatherFailure(run.cluster, first.object, run.ends.aborted ? outOfTime : first.reason, undefined),
    );
  return run.ledger.failure() || open ? "partial" : "done";
}

/** What came up on another revision while the run was on is not moved by it: the next run does. */
async function noteStragglers(run: Run): Promise<void> {
  const moved = new Set(run.ledger.workloads().map(refText));
  try {
    for (const { object, reason } of await lookForStragglers(run))
      run.ledger.noteWorkload(object, { outcome: moved.has(refText(object)) ? "failed" : "not-started", reason });
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    const reason = `whether anything else came up there meanwhile is not known: ${error.message}`;
    const name = relabelSteps(run.plan)[0]?.namespace ?? "";
    run.ledger.noteFailure(await gatherFailure(run.cluster, namespaceRef(name), reason, undefined));
  }
}

const namespaceRef = (name: string): ObjectRef => ({ kind: "Namespace", namespace: name, name });

const outOfTime = "not waited for to the end: the time of --timeout was over";

/** What a run that is done has none of, whatever ended it. */
const unfinished = ({
  namespaces,
  workloads,
}: Ledger): readonly { readonly object: ObjectRef; readonly reason: string }[] => [
  ...workloads()
    .filter(({ outcome }) => !["moved", "already", "empty", "unselected"].includes(outcome))
    .map(({ kind, namespace, name, reason = "not restarted" }) => ({ object: { kind, namespace, name }, reason })),
  ...namespaces()
    .filter(({ labels }) => labels === "not-started")
    .map(({ name }) => ({ object: namespaceRef(name), reason: "its labels were not written" })),
];

/** Workloads that `-l` left out move at their next pod: until then the namespace is on its way. */
const leavesOpen = ({ plan }: Run, { namespace }: RelabelStep): boolean =>
  plan.left.some(({ object, by }) => by === "selector" && object.namespace === namespace);
