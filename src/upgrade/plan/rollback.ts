/** Plans the way back: the labels of every namespace first, then the workloads whose pods have to go back. Pure. */
import type { ManagedWorkload } from "../../mesh/from/ownership.ts";
import { isBefore } from "../../mesh/instant.ts";
import type { ObjectRef, Pod } from "../../mesh/model.ts";
import { refOf, refText } from "../../mesh/object-ref.ts";
import type { RestartWay } from "../../mesh/operators/restart-way.ts";
import { isLive } from "../../mesh/pod-state.ts";
import { type RevisionLabels, sameRevisionLabels } from "../../mesh/revision-labels.ts";
import type { UndoRecord } from "../record/undo-record.ts";
import { type Lane, type Plan, stepsOfLane } from "./plan.ts";
import { revisionsOf } from "./revisions-text.ts";
import { rolloutSize } from "./rollout-size.ts";
import { templateHash } from "./run-drafts.ts";
import { closeStep, type RelabelStep, type RestartStep, type StampChoice } from "./step.ts";

/** A namespace to put back: what was before, and what is there now. */
export interface Restoring {
  readonly namespace: string;
  readonly record: UndoRecord;
  /** The labels that the run wrote: where others are found, they are left as they are. */
  readonly written: RevisionLabels;
  /** The record was written nowhere: the namespace keeps the one that it has. */
  readonly unwritten?: boolean;
  readonly workloads: readonly ManagedWorkload[];
  readonly pods: readonly Pod[];
  /** The restarts that the run has written. */
  readonly restarted: readonly Restarted[];
}

export interface Restarted {
  readonly workload: ObjectRef;
  readonly uid: string;
  /** The stamp that the run wrote last. */
  readonly stamp: string;
  /** The stamp that the template had before the run. */
  readonly stampBefore: string | null;
  /** The restart was asked of an operator. */
  readonly way?: RestartWay;
}

export interface RollbackPlan extends Plan {
  /** Pods of Jobs that came up on the target: they stay there until their Job ends. */
  readonly untilTheyEnd: readonly Pod[];
  /** Other pods that came up on the target and that no restart of a workload replaces. */
  readonly notRestorable: readonly Pod[];
}

/** The order is part of the promise: no pod is replaced before its namespace has its old labels again. */
export const planRollback = (namespaces: readonly Restoring[]): RollbackPlan => ({
  stages: [
    {
      name: "labels",
      lanes: namespaces.map((each) => ({
        namespace: each.namespace,
        steps: [labelsBack(each)],
        onFailure: "stop",
      })),
      sideBySide: 8,
      until: "all-pods",
      gate: undefined,
      evenAfterFailure: false,
    },
    {
      name: "restarts",
      lanes: namespaces.map(restartsBack),
      sideBySide: Math.max(1, namespaces.length),
      until: "all-pods",
      gate: "look-again",
      evenAfterFailure: false,
    },
    {
      name: "close",
      lanes: namespaces.flatMap(closeBack),
      sideBySide: Math.max(1, namespaces.length),
      until: "all-pods",
      gate: "look-again",
      evenAfterFailure: false,
    },
  ],
  // The target may be what failed: its istiods are not asked to confirm that its proxies have left.
  oldRevisions: [],
  untilTheyEnd: namespaces.flatMap((each) => withoutWorkload(each).filter(isOfJob)),
  notRestorable: namespaces.flatMap((each) => withoutWorkload(each).filter((pod) => !isOfJob(pod))),
});

const labelsBack = ({ namespace, record, written, restarted }: Restoring): RelabelStep => {
  const first = restarted[0]?.workload;
  return {
    kind: "relabel",
    namespace,
    uid: record.namespaceUid,
    before: written,
    after: record.before,
    from: { revision: record.target.revision, deploymentUid: undefined },
    to: record.from.revision,
    record: { kind: "keep" },
    probe: first && !keptLabels(record, written) ? { workload: first, required: false } : undefined,
  };
};

/** Labels that the run did not change (a tag was moved): new pods are injected as before, whatever is restarted. */
const keptLabels = ({ before }: UndoRecord, written: RevisionLabels): boolean => sameRevisionLabels(before, written);

/** What the run restarted, and where the labels change back, whatever else came up on the target since the run began. */
const restartsBack = (each: Restoring): Lane => {
  const known = new Set(each.restarted.map(({ workload }) => refText(workload)));
  const others = keptLabels(each.record, each.written)
    ? []
    : each.workloads.filter((workload) => !known.has(refText(workload)) && arrivedPods(each, workload).length > 0);
  return {
    namespace: each.namespace,
    onFailure: "stop",
    steps: [
      [
        ...each.restarted.map((restarted) => restartBack(each, restarted, stampBack(each, restarted))),
        ...others.map((workload) =>
          restartBack(
            each,
            { ...withWay(workload), workload: refOf(workload), uid: workload.uid },
            { kind: "new", after: undefined },
          ),
        ),
      ],
    ],
  };
};

/** The undo record goes last: until everything is back, mesh-rollback can go on with it. */
const closeBack = (each: Restoring): readonly Lane[] => {
  if (withoutWorkload(each).some((pod) => !isOfJob(pod))) return [];
  const labels = labelsBack(each);
  const close = closeStep(labels, stepsOfLane(restartsBack(each)), true, each.unwritten);
  return [{ namespace: each.namespace, steps: [close], onFailure: "stop" }];
};

const restartBack = (
  each: Restoring,
  { workload: ref, uid, way }: Pick<Restarted, "workload" | "uid" | "way">,
  stamp: StampChoice,
): RestartStep => {
  const workload = each.workloads.find((found) => refText(found) === refText(ref));
  const pods = arrivedPods(each, ref);
  return {
    kind: "restart",
    workload: ref,
    uid,
    canary: false,
    podsInFlight: workload ? rolloutSize(workload) : 1,
    stalePods: pods.length,
    pods: workload?.pods.length ?? 0,
    from: revisionsOf(pods),
    to: each.record.from.revision,
    gateway: false,
    stamp,
    guarded: false,
    ...(way && { way }),
    blockingPods:
      ref.kind === "StatefulSet" ? pods.filter(({ ready }) => !ready).map(({ name, uid }) => ({ name, uid })) : [],
  };
};

/**
 * Its template as it was brings back the pods that the old ReplicaSet still has, without another rollout. A Rollout
 * evicts by age, not by template, and a template that has pods on both revisions would keep them: both are restarted.
 * What was asked of an operator is taken back as long as it has made no pod on the target, and else asked for again.
 */
const stampBack = (each: Restoring, { workload, stamp, stampBefore, way }: Restarted): StampChoice => {
  const mixed = !keptLabels(each.record, each.written) && hasMixedPods(each, workload);
  const replaced = way !== undefined && arrivedPods(each, workload).length > 0;
  return workload.kind === "Rollout" || mixed || replaced
    ? { kind: "new", after: stamp }
    : { kind: "as-before", stamp: stampBefore };
};

const withWay = ({ way }: ManagedWorkload): Pick<Restarted, "way"> => (way ? { way } : {});

/** Whether pods of its old template came up on the target too (it was scaled, or a pod was deleted). */
const hasMixedPods = ({ pods, record }: Restoring, ref: ObjectRef): boolean => {
  const own = pods.filter((pod) => pod.workload && refText(pod.workload) === refText(ref));
  const there = new Set(own.filter((pod) => isOnTarget(pod, record)).map(templateHash));
  return there.size > 1 || own.some((pod) => !injectedByTarget(pod, record) && there.has(templateHash(pod)));
};

const injectedByTarget = (pod: Pod, { target }: UndoRecord): boolean => pod.proxy?.revision === target.revision;

const isOnTarget = (pod: Pod, record: UndoRecord): boolean =>
  isLive(pod) && !pod.terminating && injectedByTarget(pod, record);

/** Pods that were on the target before the run began do not go back. */
const isArrived = (pod: Pod, record: UndoRecord): boolean =>
  isOnTarget(pod, record) && !isBefore(pod.createdAt, record.stamp);

/** Pods of a workload that came up on the target since the run began. */
export const arrivedPods = ({ pods, record }: Restoring, ref: ObjectRef): readonly Pod[] =>
  pods.filter((pod) => isArrived(pod, record) && pod.workload && refText(pod.workload) === refText(ref));

const withoutWorkload = ({ pods, record, written, workloads }: Restoring): readonly Pod[] => {
  if (keptLabels(record, written)) return [];
  const known = new Set(workloads.map(refText));
  return pods.filter((pod) => isArrived(pod, record) && !(pod.workload && known.has(refText(pod.workload))));
};

const isOfJob = ({ owner }: Pod): boolean => owner?.kind === "Job";
