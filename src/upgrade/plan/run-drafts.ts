/** What the journal says of a run before it begins: per namespace the labels, per workload the state before. Pure. */
import { labelOf } from "../../mesh/labels.ts";
import type { Mesh, Pod, Workload } from "../../mesh/model.ts";
import { isLive } from "../../mesh/pod-state.ts";
import { revisionLabelsOf } from "../../mesh/revision-labels.ts";
import { type Journals, runsOf } from "../record/found-journal.ts";
import type { RunDraft } from "../record/run-changes.ts";
import type { WorkloadRecord } from "../record/run-journal.ts";
import { onlyCaughtUp } from "./outdated.ts";
import { type Plan, relabelSteps, restartSteps, tagSteps } from "./plan.ts";
import { revisionsOf } from "./revisions-text.ts";
import type { RestartStep } from "./step.ts";

/** Of each namespace that the plan writes to: its UID, and its entry. */
export type RunDrafts = ReadonlyMap<string, { readonly uid: string; readonly draft: RunDraft }>;

export const migrationDrafts = (plan: Plan, mesh: Mesh): RunDrafts => {
  const workloads = Map.groupBy(restartSteps(plan), ({ workload }) => workload.namespace);
  const known = new Map(mesh.workloads.map((workload) => [workload.uid, workload]));
  return new Map([
    ...tagDrafts(plan, mesh),
    ...relabelSteps(plan).flatMap((step) => {
      const { namespace, uid, before, after, from, to, record } = step;
      if (record.kind !== "open") return [];
      const { target, resumed } = record;
      const draft: RunDraft = {
        verb: "migrate",
        undoes: undefined,
        from: from.revision,
        to,
        label: target.label,
        before: resumed?.before ?? before,
        after,
        workloads: workloadRecords(workloads.get(namespace) ?? [], known),
        resumed: resumed && { run: resumed.run, stamp: resumed.stamp },
      };
      return [[namespace, { uid, draft }] as const];
    }),
  ]);
};

/**
 * A catch-up has no undo record that names its run: one that was broken off is gone on with by the journal, with its
 * stamp, so that what it has restarted is not restarted again.
 */
export const withResumedCatchUps = (drafts: RunDrafts, { byNamespace }: Pick<Journals, "byNamespace">): RunDrafts =>
  new Map(
    [...drafts].map(([namespace, { uid, draft }]) => {
      const last = runsOf(byNamespace.get(namespace)).at(-1);
      const goesOn =
        draft.resumed === undefined &&
        last?.state === "open" &&
        onlyCaughtUp(last) &&
        onlyCaughtUp({ ...draft, workloads: last.workloads }) &&
        last.to === draft.to;
      return [namespace, { uid, draft: goesOn ? { ...draft, resumed: { run: last.run, stamp: last.stamp } } : draft }];
    }),
  );

/**
 * The entry of a tag that is moved, in the journal of the Istio namespace. Where that namespace moves too, its own entry
 * stands for both.
 */
export const tagDrafts = (
  plan: Plan,
  mesh: Mesh,
  undoes?: string,
): readonly (readonly [string, { readonly uid: string; readonly draft: RunDraft }])[] =>
  tagSteps(plan).flatMap(({ namespace: name, tag, from, to, changes }) => {
    const namespace = mesh.namespaces.find((each) => each.name === name);
    if (!namespace) return [];
    const labels = revisionLabelsOf(namespace.labels);
    const open = changes.find(({ record }) => record?.state === "open" && record.target === to)?.record;
    const draft: RunDraft = {
      verb: undoes === undefined ? "migrate" : "rollback",
      undoes,
      // A tag that is created, or deleted again, has no revision on one side.
      from: from?.revision ?? to ?? tag,
      to: to ?? from?.revision ?? tag,
      label: tag,
      before: labels,
      after: labels,
      workloads: [],
      resumed: undoes === undefined && open ? { run: open.run, stamp: open.stamp } : undefined,
    };
    return [[name, { uid: namespace.uid, draft }] as const];
  });

/** The state before of the workloads that are restarted. */
export const workloadRecords = (
  steps: readonly RestartStep[],
  known: ReadonlyMap<string, Workload>,
): readonly WorkloadRecord[] =>
  steps.flatMap(({ workload: { kind, name }, uid }) => {
    const workload = known.get(uid);
    if (!workload) return [];
    const pods = workload.pods.filter(isLive);
    return [
      {
        kind,
        name,
        uid,
        stampBefore: workload.restartedAt ?? null,
        from: revisionsOf(pods),
        templates: [...new Set(pods.flatMap((pod) => templateHash(pod) ?? []))].sort(),
        stamp: undefined,
        state: "planned",
      },
    ];
  });

/** Pods name their template by the hash that their controller gives them. */
export const templateHash = ({ labels }: Pick<Pod, "labels">): string | undefined =>
  labelOf(labels, "pod-template-hash") ?? labelOf(labels, "controller-revision-hash");
