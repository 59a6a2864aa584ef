/** Plans a migration: from what is there and what was asked for to the stages that lead to the target. Pure. */
import type { Mesh } from "../../mesh/model.ts";
import { injectedVersion } from "../../mesh/proxy/proxy-version.ts";
import { type RevisionLabels, sameRevisionLabels, sameTwoLabels } from "../../mesh/revision-labels.ts";
import type { ClusterEvidence } from "../evidence/cluster-evidence.ts";
import { withNamesCalled } from "../evidence/names-called.ts";
import { trustsBoth } from "../evidence/trust-domains.ts";
import { podsProofOf } from "../proof/pods-proof.ts";
import type { Target } from "../record/undo-record.ts";
import { meshWithTag } from "../tags/mesh-with-tag.ts";
import type { ResolvedTag, TagMove } from "../tags/tag-move.ts";
import { gatewaysOfTag, tagScope } from "../tags/tag-scope.ts";
import { unplannedOf } from "../unplanned/unplanned.ts";
import { chooseCanary, chooseLeader } from "./canary.ts";
import { eligibilityOf } from "./eligibility.ts";
import type { MigrationRequest } from "./migration-request.ts";
import { keptNamespaces, proofsIn, provingLane, restartStep, untouched } from "./move-steps.ts";
import { type Asked, comesFrom, type Facts, hasWork, type NamespaceMove, oldRevisions } from "./moves.ts";
import { behindTag, labelsTo, movingOf, namespaceMove, recordTo } from "./namespace-move.ts";
import { type Lane, type MigrationPlan, revisionsLeft, type Stage, stepsOfLane } from "./plan.ts";
import {
  closeStep,
  type Inherited,
  type MoveTagStep,
  type ProveStep,
  type RelabelStep,
  type RestartStep,
} from "./step.ts";

export interface Gathered {
  readonly mesh: Mesh;
  readonly evidence: ClusterEvidence;
  /** UIDs of the workloads that `-l` selects; undefined without `-l`. */
  readonly selected?: ReadonlySet<string> | undefined;
}

/** What the checks judge and the plan is made from: what the request means for each namespace and workload. */
export const migrationFacts = (
  { mesh: found, evidence, selected }: Gathered,
  target: Target,
  request: MigrationRequest,
): Facts => {
  const mesh = asToBeProven(found, request);
  const asked = askedNamespaces(mesh, request);
  const moving = movingOf(mesh, target, request, selected);
  const all = asked.flatMap(({ found }) => (found?.eligibility === "eligible" ? [namespaceMove(found, moving)] : []));
  const moves =
    request.namespaces === "all" && request.from !== undefined
      ? all.filter((move) => comesFrom(move, request.from))
      : all;
  const verb = "migrate";
  const after = labelsTo(target);
  return {
    ...{ mesh, evidence, verb, target, after, request, asked, inScope: moves, moves: moves.filter(hasWork) },
    ...(request.namespaces === "all" && {
      notPlanned: unplannedOf(mesh, target, request, new Set(moves.map(({ namespace }) => namespace.name))),
    }),
  };
};

/** The weaker proof also takes webhooks that the API server may not call: a trial pod shows it before a restart. */
const asToBeProven = (mesh: Mesh, { proof }: MigrationRequest): Mesh =>
  proof === "pods" ? withNamesCalled(mesh) : mesh;

/** The same of the move of a tag: of the namespaces that its webhook injects, by the mesh as it will be. */
export const tagFacts = (
  { mesh: today, evidence, selected }: Gathered,
  resolved: Extract<ResolvedTag, { readonly ok: true }>["move"],
  request: MigrationRequest,
): Facts => {
  const { target, changes, webhook } = resolved;
  const mesh = meshWithTag(asToBeProven(today, request), changes);
  const { asked, newcomers } = tagScope(mesh, webhook);
  const gateways = gatewaysOfTag(mesh, evidence.gatewayClasses, resolved.tag);
  const tag: TagMove = { ...resolved, newcomers, gateways };
  const moving = movingOf(mesh, target, request, selected);
  const inScope = asked.flatMap(({ found }) =>
    found ? [namespaceMove(found, moving, behindTag(found.namespace, target))] : [],
  );
  // What starts in any of them after the move has to go back with the tag: each gets a record.
  const moves = changes.length > 0 ? inScope : inScope.filter(hasWork);
  return { mesh, evidence, verb: "migrate", target, after: labelsTo(target), request, asked, inScope, moves, tag };
};

/**
 * What a migration changes, in order. It must not be run where a check found a blocker or could not tell. Planning again
 * on what a plan led to gives no step that writes. `parallelNamespaces`: namespaces under way at once.
 */
export const planMigration = (facts: Facts, parallelNamespaces: number): MigrationPlan => {
  const { target, moves, inScope } = facts;
  const canary = chooseCanary(moves)?.uid;
  const lanes = moves.map((move) => laneOf(facts, move, canary));
  const unproven = inScope.filter((move) => !moves.includes(move)).map((move) => provingLane(facts, move));
  const rest = untouched(inScope, target);
  const stages = facts.tag
    ? tagStages(facts.tag, lanes, unproven, parallelNamespaces)
    : [...canaryStage(lanes), workloadsStage(lanes, unproven, parallelNamespaces), closeStage(lanes)];
  const proof =
    facts.request.proof === "pods" ? podsProofOf(facts.mesh, [target.revision, ...oldRevisions(facts)]) : undefined;
  return {
    target,
    ...(proof && { proof }),
    ...(facts.tag && { tag: facts.tag }),
    versions: versionsOfTarget(facts),
    namespaces: inScope.map(({ namespace }) => namespace.name),
    stages: stages.filter((stage) => stage.lanes.length > 0),
    oldRevisions: revisionsLeft(
      moves.map(({ from }) => from),
      lanes.flatMap(({ restarts }) => restarts),
      target.revision,
    ),
    ...withLeft(rest, facts),
  };
};

const versionsOfTarget = ({ mesh, target: { revision } }: Facts): NonNullable<MigrationPlan["versions"]> => {
  const istiod = mesh.controlPlanes.find((plane) => plane.revision === revision)?.version;
  const injects = injectedVersion(mesh, revision);
  return { ...(istiod === undefined ? {} : { istiod }), ...(injects === undefined ? {} : { injects }) };
};

const withLeft = (
  rest: Pick<MigrationPlan, "left" | "already" | "empty" | "notInjected">,
  { asked, target, request, notPlanned }: Facts,
): typeof rest & Pick<MigrationPlan, "unplanned"> => {
  const kept = keptNamespaces(asked, target, request.from);
  const left = [...rest.left, ...kept, ...(notPlanned?.left ?? [])];
  return { ...rest, left, ...(notPlanned && { unplanned: notPlanned.unplanned }) };
};

interface PlannedLane {
  readonly move: NamespaceMove;
  readonly relabel: RelabelStep;
  /** The one that leads first: the canary, where it is in this namespace. */
  readonly restarts: readonly RestartStep[];
  readonly proofs: readonly ProveStep[];
  readonly hasCanary: boolean;
  /** The restart that goes before the others of the namespace. */
  readonly leader: RestartStep | undefined;
}

const laneOf = (facts: Facts, move: NamespaceMove, canary: string | undefined): PlannedLane => {
  const { target } = facts;
  const { namespace, before, after, from, open } = move;
  const accepted = facts.request.skipCheck;
  const own = move.workloads.filter(({ disposition }) => disposition === "restart");
  const leading = own.find(({ workload }) => workload.uid === canary)?.workload ?? chooseLeader(move);
  const restarts = own
    .map((each): RestartStep => {
      const { uid } = each.workload;
      return {
        ...restartStep(each, target, facts.request.pace),
        canary: uid === canary,
        leads: uid === leading?.uid,
        accepted,
      };
    })
    .sort((a, b) => Number(b.leads) - Number(a.leads));
  const [firstStep] = restarts;
  const first = firstStep?.workload;
  const relabel: RelabelStep = {
    kind: "relabel",
    namespace: namespace.name,
    uid: namespace.uid,
    before,
    after,
    from,
    to: target.revision,
    // Labels that are as before again were put back by hand since: then this run is a new one, with a stamp of its own.
    record: {
      kind: "open",
      target,
      resumed: sameRevisionLabels(before, after) && goesOnWithTag(facts.tag, open) ? open : undefined,
      ...(move.catchUp ? {} : inherited(move, target)),
      ...(facts.tag && facts.tag.changes.length > 0 ? { movedTag: facts.tag.tag } : {}),
      ...(move.catchUp && facts.tag === undefined ? { unwritten: true } : {}),
    },
    probe: first && {
      workload: first,
      required: true,
      compared: { accepted, trustsBoth: trustsBoth(facts.evidence, from.revision, target.revision) },
      ...versionOf(firstStep),
    },
  };
  return {
    ...{ move, relabel, restarts, proofs: proofsIn(facts, move) },
    hasCanary: firstStep?.canary === true,
    leader: firstStep?.leads === true ? firstStep : undefined,
  };
};

/** The restarts of a lane, the leader first alone; then its proofs. */
const withLeader = ({ restarts, proofs, leader, hasCanary }: PlannedLane): Lane["steps"] => {
  const all = [...restarts, ...proofs];
  return leader === undefined || hasCanary ? [all] : [leader, all];
};

const versionOf = (first: RestartStep | undefined): Pick<RestartStep, "version"> =>
  first?.version === undefined ? {} : { version: first.version };

/** A tag that was put back by hand since is moved anew: then this run is a new one everywhere behind it. */
const goesOnWithTag = (tag: TagMove | undefined, open: NamespaceMove["open"]): boolean =>
  tag === undefined || tag.changes.length === 0 || tag.resumed?.run === open?.run;

/**
 * Labels that were put back, or workloads that an earlier run left: a new run, and what came up on the target since the
 * earlier one is still not of before.
 */
const inherited = ({ namespace, before, after }: NamespaceMove, target: Target): { readonly inherited?: Inherited } => {
  const earlier = recordTo(namespace, target);
  if (earlier === undefined) return {};
  const since = earlier.since ?? earlier.stamp;
  const kept = sameTwoLabels(before, after)
    ? {
        before: withOthersOf(earlier.before, before),
        from: earlier.from,
        ...(earlier.set === undefined ? {} : { set: earlier.set }),
        ...(earlier.movedTag === undefined ? {} : { movedTag: earlier.movedTag }),
      }
    : {};
  return { inherited: { since, ...kept } };
};

/** As it was before the earlier run, with the labels that it did not write as they are today. */
const withOthersOf = (earlier: RevisionLabels, today: RevisionLabels): RevisionLabels =>
  today.also ? { ...earlier, also: { ...today.also, ...earlier.also } } : earlier;

/** A run that goes on with an earlier one is not put back: what the earlier one moved would be left behind. */
const onFailure = ({ relabel }: PlannedLane, fresh: Lane["onFailure"]): Lane["onFailure"] =>
  relabel.record.kind === "open" && relabel.record.resumed ? "stop" : fresh;

/**
 * A tag moves all its namespaces at once: each has its undo record before, and what fails until the canary is proven puts
 * the whole run back (execute/migrate/rollback-after.ts), and not a lane.
 */
const tagStages = (
  tag: TagMove,
  lanes: readonly PlannedLane[],
  proving: readonly Lane[],
  sideBySide: number,
): readonly Stage[] => {
  const { istioNamespace: namespace, changes, gateways } = tag;
  const plain = { until: "all-pods", gate: undefined, evenAfterFailure: false } as const;
  const lane = (namespace: string, ...steps: Lane["steps"]): Lane => ({ namespace, steps, onFailure: "stop" });
  const move: MoveTagStep = {
    ...{ kind: "move-tag", tag: tag.tag, namespace, from: tag.from, to: tag.target.revision, changes, record: "open" },
    gateways: gateways.map(({ namespace, name }) => ({ kind: "Gateway", namespace, name })),
  };
  const records = lanes.map(({ relabel }) => lane(relabel.namespace, { ...relabel, probe: undefined }));
  const canary = lanes.find(({ hasCanary }) => hasCanary);
  const first = canary?.restarts.slice(0, 1) ?? [];
  const workloads = lanes
    .toSorted((a, b) => Number(b.hasCanary) - Number(a.hasCanary))
    .map((each) => lane(each.relabel.namespace, ...withLeader(each)));
  const moved = changes.length > 0;
  const closes = moved && !lanes.some((each) => staysOpen(each.move));
  return [
    { ...plain, name: "records", lanes: records, sideBySide: 8 },
    { ...plain, name: "tag", lanes: moved ? [lane(namespace, move)] : [], sideBySide: 1 },
    {
      ...plain,
      name: "canary",
      lanes: canary ? [lane(canary.relabel.namespace, ...first)] : [],
      sideBySide: 1,
      until: "first-pod",
    },
    {
      ...plain,
      name: "workloads",
      lanes: [...workloads, ...proving].filter((each) => stepsOfLane(each).length > 0),
      sideBySide,
    },
    closeStage(lanes),
    {
      ...plain,
      name: "close",
      lanes: closes ? [lane(namespace, { ...move, record: "close" })] : [],
      sideBySide: 1,
      evenAfterFailure: true,
    },
  ];
};

const canaryStage = (lanes: readonly PlannedLane[]): readonly Stage[] =>
  lanes
    .filter(({ hasCanary }) => hasCanary)
    .map((lane) => ({
      name: "canary",
      lanes: [
        {
          namespace: lane.relabel.namespace,
          steps: [lane.relabel, ...lane.restarts.slice(0, 1)],
          onFailure: onFailure(lane, "undo"),
        },
      ],
      sideBySide: 1,
      until: "first-pod",
      gate: undefined,
      evenAfterFailure: false,
    }));

/** The canary is in this stage again: its other pods are waited for together with all other workloads. */
const workloadsStage = (lanes: readonly PlannedLane[], proving: readonly Lane[], sideBySide: number): Stage => ({
  name: "workloads",
  lanes: [
    ...lanes
      .toSorted((a, b) => Number(b.hasCanary) - Number(a.hasCanary))
      .map((lane) => ({
        namespace: lane.relabel.namespace,
        steps: [...(lane.hasCanary ? [] : [lane.relabel]), ...withLeader(lane)],
        onFailure: lane.hasCanary ? ("stop" as const) : onFailure(lane, "undo-first"),
      })),
    ...proving.filter((lane) => stepsOfLane(lane).length > 0),
  ],
  sideBySide,
  until: "all-pods",
  gate: undefined,
  evenAfterFailure: false,
});

/** Workloads that `-l` left out move at their next pod: until then the run of their namespace stays open. */
const closeStage = (lanes: readonly PlannedLane[]): Stage => ({
  name: "close",
  lanes: lanes
    .filter(({ move }) => !staysOpen(move))
    .map(({ relabel, restarts, proofs }) => ({
      namespace: relabel.namespace,
      steps: [closeStep(relabel, [...restarts, ...proofs])],
      onFailure: "stop",
    })),
  sideBySide: 8,
  until: "all-pods",
  gate: "last-look",
  evenAfterFailure: true,
});

const staysOpen = ({ workloads, podsWithoutWorkload }: NamespaceMove): boolean =>
  [...workloads, ...podsWithoutWorkload].some(({ disposition }) => disposition === "unselected");

/** Named ones in the order given, each once; or all that are injected today, by name. */
const askedNamespaces = (mesh: Mesh, request: MigrationRequest): readonly Asked[] => {
  const workloads = Map.groupBy(mesh.workloads, ({ namespace }) => namespace);
  const pods = Map.groupBy(mesh.pods, ({ namespace }) => namespace);
  const all = mesh.namespaces.map((namespace) => {
    const inside = { workloads: workloads.get(namespace.name) ?? [], pods: pods.get(namespace.name) ?? [] };
    return {
      name: namespace.name,
      found: { namespace, ...inside, eligibility: eligibilityOf(mesh, namespace, inside.workloads, inside.pods) },
    };
  });
  if (request.namespaces === "all")
    return all
      .filter(({ found }) => ["eligible", "kept-by-owners"].includes(found.eligibility))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  const byName = new Map(all.map((asked) => [asked.name, asked]));
  return [...new Set(request.namespaces)].map((name) => byName.get(name) ?? { name, found: undefined });
};
