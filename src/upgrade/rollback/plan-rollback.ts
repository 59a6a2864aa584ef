/**
 * Plans `kubectl mesh-rollback`: the labels of every namespace first, then the restarts, and the undo record of each
 * namespace is removed when everything in it is proven. Pure.
 */
import type { Pod, Workload } from "../../mesh/model.ts";
import { isLive } from "../../mesh/pod-state.ts";
import { proofsIn, restartStep, untouched } from "../plan/move-steps.ts";
import type { WorkloadMove } from "../plan/moves.ts";
import { type Lane, type MovePlan, restartSteps, type Stage } from "../plan/plan.ts";
import { type RunDrafts, tagDrafts, templateHash, workloadRecords } from "../plan/run-drafts.ts";
import {
  closeStep,
  type MoveTagStep,
  type ProveStep,
  type RelabelStep,
  type RestartStep,
  type StampChoice,
} from "../plan/step.ts";
import { podsProofOf } from "../proof/pods-proof.ts";
import { rolloutVerdict } from "../proof/rollout-verdict.ts";
import type { RunDraft } from "../record/run-changes.ts";
import type { RunRecord, WorkloadRecord } from "../record/run-journal.ts";
import type { TagBack } from "../tags/tag-back.ts";
import { type Return, type RollbackFacts, targetOf } from "./rollback-facts.ts";

/** `undoes`: the run that is undone, by namespace. */
export interface NamespacesRollbackPlan extends MovePlan {
  readonly undoes: ReadonlyMap<string, string>;
}

/**
 * What a rollback changes, in order. It must not be run where a check found a blocker or could not tell. Planning again
 * on what a part of a plan led to gives the rest of it. `parallelNamespaces`: namespaces in progress at once.
 */
export const planNamespacesRollback = (
  { returns, mesh, tag, request }: Pick<RollbackFacts, "returns" | "mesh" | "tag" | "request">,
  parallelNamespaces: number,
): NamespacesRollbackPlan => {
  const lanes = returns.map((each) => laneBack(each, mesh));
  const rest = returns.map(({ move, back }) => untouched([move], targetOf(back)));
  const olds = returns.map(({ back }) => back.record.from.revision);
  const proof = request.proof === "pods" ? podsProofOf(mesh, olds) : undefined;
  return {
    ...(proof && { proof }),
    namespaces: returns.map(({ move }) => move.namespace.name),
    undoes: new Map(returns.map(({ move, back }) => [move.namespace.name, back.record.run])),
    stages: [
      ...tagStage("tag", tag, "remove"),
      ...(lanes.length === 0 ? [] : [labelsStage(lanes), restartsStage(lanes, parallelNamespaces), closeStage(lanes)]),
      ...tagStage("close", tag, "close"),
    ],
    // The revision that is left may be what failed: its istiods are not asked to confirm that its proxies have left.
    oldRevisions: [],
    left: rest.flatMap(({ left }) => left),
    already: rest.flatMap(({ already }) => already),
    empty: rest.flatMap(({ empty }) => empty),
    notInjected: rest.flatMap(({ notInjected }) => notInjected),
    held: rest.flatMap(({ held = [] }) => held),
  };
};

/** The tag goes back before anything else: no pod is replaced before new ones are injected as before. */
const tagStage = (name: "tag" | "close", tag: TagBack | undefined, record: "remove" | "close"): readonly Stage[] => {
  if (!tag?.record || tag.changes.length === 0) return [];
  const { istioNamespace: namespace, changes } = tag;
  const { target, from } = tag.record;
  const step: MoveTagStep = {
    ...{ kind: "move-tag", tag: tag.tag, namespace, record, gateways: [] },
    from: { revision: target, deploymentUid: undefined },
    to: from?.revision,
    changes: record === "close" ? [] : changes,
  };
  return [
    {
      name,
      lanes: [{ namespace, steps: [step], onFailure: "stop" }],
      sideBySide: 1,
      until: "all-pods",
      gate: undefined,
      evenAfterFailure: true,
    },
  ];
};

interface LaneBack {
  readonly labels: RelabelStep;
  readonly restarts: readonly RestartStep[];
  /** How many of them are of workloads that are not healthy: the first ones. */
  readonly unhealthy: number;
  readonly proofs: readonly ProveStep[];
}

const laneBack = (each: Return, mesh: RollbackFacts["mesh"]): LaneBack => {
  const { move, back } = each;
  const ordered = inOrder(
    move.workloads.filter(({ disposition }) => disposition === "restart"),
    back.run,
  );
  const restarts = ordered.map((workload) => restartBack(workload, each));
  const healthy = ordered.findIndex(({ workload }) => isHealthy(workload));
  const probed = restarts[Math.max(healthy, 0)]?.workload;
  const labels: RelabelStep = {
    kind: "relabel",
    namespace: move.namespace.name,
    uid: move.namespace.uid,
    before: move.before,
    after: move.after,
    from: move.from,
    to: back.record.from.revision,
    record: { kind: "keep" },
    probe: probed && { workload: probed, required: true },
  };
  const unhealthy = ordered.filter(({ workload }) => !isHealthy(workload)).length;
  return { labels, restarts, unhealthy, proofs: proofsIn({ mesh, target: targetOf(back) }, move) };
};

/** Unhealthy workloads first, then what the journal does not have, then the reverse of the order of the run. */
const inOrder = (moves: readonly WorkloadMove[], run: RunRecord | undefined): readonly WorkloadMove[] => {
  const order = new Map((run?.workloads ?? []).map(({ kind, name }, at) => [`${kind}/${name}`, at]));
  const place = ({ workload }: WorkloadMove): number =>
    order.get(`${workload.kind}/${workload.name}`) ?? Number.MAX_SAFE_INTEGER;
  const sick = ({ workload }: WorkloadMove): number => Number(!isHealthy(workload));
  return moves.toSorted((a, b) => sick(b) - sick(a) || place(b) - place(a));
};

const isHealthy = (workload: Workload): boolean => rolloutVerdict(workload).kind === "done";

const restartBack = (each: WorkloadMove, { back }: Return): RestartStep => ({
  ...restartStep(each, targetOf(back)),
  stamp: stampBack(each, back.run),
  blockingPods:
    each.workload.kind === "StatefulSet"
      ? each.stale.filter(({ ready }) => !ready).map(({ name, uid }) => ({ name, uid }))
      : [],
});

/**
 * Its template as it was brings the old ReplicaSet back, without another one. That needs a template which the run
 * itself wrote (or which a way back has put back already), and no pod of the old template on the target: such a pod
 * would stay. A Rollout evicts by age, not by template, and an operator is asked again. Everything else gets the stamp of the rollback's own run.
 */
const stampBack = ({ workload, stale }: WorkloadMove, run: RunRecord | undefined): StampChoice => {
  const known = run?.workloads.find(({ kind, name }) => kind === workload.kind && name === workload.name);
  const ofRecord: StampChoice = { kind: "of-record" };
  if (!known || known.uid !== workload.uid || known.stamp === undefined || workload.kind === "Rollout" || workload.way)
    return ofRecord;
  const today = workload.restartedAt ?? null;
  if (today !== known.stamp && today !== known.stampBefore) return ofRecord;
  return hasMixedTemplates(workload, stale, known) ? ofRecord : { kind: "as-before", stamp: known.stampBefore };
};

const hasMixedTemplates = ({ pods }: Workload, stale: readonly Pod[], { templates }: WorkloadRecord): boolean => {
  const there = new Set(stale.map(templateHash));
  const others = pods.filter((pod) => isLive(pod) && !pod.terminating && !stale.includes(pod));
  return (
    there.size > 1 ||
    [...there].some((hash) => hash === undefined || templates.includes(hash)) ||
    others.some((pod) => there.has(templateHash(pod)))
  );
};

const labelsStage = (lanes: readonly LaneBack[]): Stage => ({
  name: "labels",
  lanes: lanes.map(({ labels }) => ({ namespace: labels.namespace, steps: [labels], onFailure: "stop" })),
  sideBySide: 8,
  until: "all-pods",
  gate: undefined,
  evenAfterFailure: true,
});

/**
 * A failure in one namespace or of one workload keeps no other from going back. Lanes begin in their order: the unhealthy
 * workloads of all namespaces, then the rest, the last namespace first. Where not all namespaces may be in progress at
 * once, those with unhealthy workloads go first: a workload that stays unhealthy must not keep up its own namespace.
 */
const restartsStage = (lanes: readonly LaneBack[], sideBySide: number): Stage => ({
  name: "restarts",
  lanes: sideBySide >= 2 * lanes.length ? unhealthyFirst(lanes) : lanesOf(lanes),
  sideBySide,
  until: "all-pods",
  gate: "labels-back",
  evenAfterFailure: true,
});

const unhealthyFirst = (lanes: readonly LaneBack[]): readonly Lane[] => [
  ...lanes.map((each) => laneOf(each, each.restarts.slice(0, each.unhealthy))).filter(hasSteps),
  ...lanes.toReversed().map((each) => laneOf(each, [...each.restarts.slice(each.unhealthy), ...each.proofs])),
];

const lanesOf = (lanes: readonly LaneBack[]): readonly Lane[] =>
  lanes
    .toReversed()
    .toSorted((a, b) => Number(b.unhealthy > 0) - Number(a.unhealthy > 0))
    .map((each) => laneOf(each, [...each.restarts, ...each.proofs]));

const laneOf = ({ labels }: LaneBack, steps: readonly (RestartStep | ProveStep)[]): Lane => ({
  namespace: labels.namespace,
  steps: [steps],
  onFailure: "stop",
});

const hasSteps = ({ steps }: Lane): boolean => steps.flat().length > 0;

const closeStage = (lanes: readonly LaneBack[]): Stage => ({
  name: "close",
  lanes: lanes.map(
    ({ labels, restarts, proofs }): Lane => ({
      namespace: labels.namespace,
      steps: [closeStep(labels, [...restarts, ...proofs], true)],
      onFailure: "stop",
    }),
  ),
  sideBySide: 8,
  until: "all-pods",
  gate: "last-look",
  evenAfterFailure: true,
});

/** The namespaces whose labels were changed by somebody else, with what was found: they are left as they are. */
export const changedByOthers = ({ places }: Pick<RollbackFacts, "places">) =>
  places.flatMap(({ name, standing }) => (standing.kind === "changed" ? [{ name, ...standing }] : []));

/** What the journal says of the rollback before it begins. One that was begun is gone on with. */
export const rollbackDrafts = (
  { returns, mesh, tag }: Pick<RollbackFacts, "returns" | "mesh" | "tag">,
  plan: NamespacesRollbackPlan,
): RunDrafts => {
  const steps = Map.groupBy(restartSteps(plan), ({ workload }) => workload.namespace);
  const known = new Map(mesh.workloads.map((workload) => [workload.uid, workload]));
  return new Map([
    ...tagDrafts(plan, mesh, tag?.record?.run),
    ...returns.map(({ move, back: { record, after, begun } }) => {
      const { name, uid } = move.namespace;
      const draft: RunDraft = {
        verb: "rollback",
        undoes: record.run,
        from: record.target.revision,
        to: record.from.revision,
        label: after["istio.io/rev"] ?? record.from.revision,
        before: move.before,
        after,
        workloads: workloadRecords(steps.get(name) ?? [], known),
        resumed: begun && { run: begun.run, stamp: begun.stamp },
      };
      return [name, { uid, draft }] as const;
    }),
  ]);
};
