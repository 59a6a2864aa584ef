/** What a rollback is judged by: each namespace by its record, and the moves to the revisions that they go back to. */
import { injectionOf } from "../../mesh/injection.ts";
import { isBefore } from "../../mesh/instant.ts";
import type { Injection, Mesh, Namespace, Pod } from "../../mesh/model.ts";
import type { ClusterEvidence } from "../evidence/cluster-evidence.ts";
import type { Asked, Facts, NamespaceMove } from "../plan/moves.ts";
import { namespaceMove, type Way } from "../plan/namespace-move.ts";
import type { Journals } from "../record/found-journal.ts";
import type { Target } from "../record/undo-record.ts";
import { meshWithTag } from "../tags/mesh-with-tag.ts";
import type { TagBack } from "../tags/tag-back.ts";
import { type Back, type Place, pinnedTo, standingPlace } from "./rollback-place.ts";
import type { RollbackRequest } from "./rollback-request.ts";

export interface RollbackFacts {
  readonly mesh: Mesh;
  readonly request: RollbackRequest;
  /** Every namespace that was asked for. */
  readonly places: readonly Place[];
  /** What could not be read of the journals; undefined: everything was. */
  readonly journalsUnread: string | undefined;
  /** Why the namespaces that have a journal and no undo record are not known; undefined: they are, or were not asked for. */
  readonly journalsUnlisted: string | undefined;
  /** Whether a run of the name that `--run` has is known; true without it. */
  readonly runKnown: boolean;
  /** The namespaces that go back, in order. */
  readonly returns: readonly Return[];
  /** Those whose labels would not give the revision that was recorded. */
  readonly astray: readonly Astray[];
  /** The tag that goes back, of a request that names one. The mesh has it as it will be. */
  readonly tag: TagBack | undefined;
  /** All moves, for the checks that ask for no target. */
  readonly all: Facts;
  /** The moves by the revision and the labels that they lead to. */
  readonly ways: readonly Facts[];
}

/** A namespace with its way back. */
export interface Return {
  readonly move: NamespaceMove;
  readonly back: Back;
}

export interface Astray extends Return {
  /** What a new pod would get by these labels. */
  readonly injection: Injection;
  /** Whether the label of `--pin` gives the recorded revision. */
  readonly pinWorks: boolean;
}

export interface RollbackGathered {
  readonly mesh: Mesh;
  readonly evidence: ClusterEvidence;
  /** The namespaces asked for, in order; those that exist are in the mesh. */
  readonly names: readonly string[];
  readonly journals: Journals | undefined;
  readonly journalsUnread: string | undefined;
  readonly journalsUnlisted: string | undefined;
  readonly runKnown: boolean;
  readonly tag?: TagBack | undefined;
}

export const rollbackFacts = (gathered: RollbackGathered, request: RollbackRequest): RollbackFacts => {
  const { evidence, names, journals, journalsUnread, journalsUnlisted, runKnown, tag } = gathered;
  const mesh = tag ? meshWithTag(gathered.mesh, tag.changes) : gathered.mesh;
  const asked = askedIn(mesh, names);
  const places = asked.map(({ name, found }) => standingPlace(name, found?.namespace, journals, request));
  const candidates = places.flatMap(({ name, standing }): readonly Return[] => {
    const found = asked.find((each) => each.name === name)?.found;
    return standing.kind === "back" && found ? [returnOf(found, standing.back, mesh, request)] : [];
  });
  const astray = candidates.flatMap((each) => astrayOf(each, mesh));
  const lost = new Set(astray.map(({ move }) => move.namespace.name));
  const returns = candidates.filter(({ move }) => !lost.has(move.namespace.name));
  const facts = (target: Target, each: readonly Return[], after: Facts["after"]): Facts => {
    const moves = each.map(({ move }) => move);
    const wish = { ...nothingElse, to: target.label, namespaces: names };
    const { leave, allowDowntime, endsByItself } = request;
    return {
      ...{ mesh, evidence, verb: "rollback", target, after, asked, inScope: moves, moves },
      request: { ...wish, leave, allowDowntime, endsByItself },
    };
  };
  const byWay = Map.groupBy(returns, ({ back }) => JSON.stringify([back.record.from.revision, back.after]));
  const ways = [...byWay.values()].flatMap((each) =>
    each[0] ? [facts(targetOf(each[0].back), each, each[0].back.after)] : [],
  );
  const nowhere = { label: "", revision: "", tag: undefined };
  const all = facts(nowhere, returns, { "istio-injection": null, "istio.io/rev": null });
  return { mesh, request, places, journalsUnread, journalsUnlisted, runKnown, returns, astray, tag, all, ways };
};

const nothingElse = { from: undefined, selector: undefined, restartOwned: [], skipCheck: [] } as const;

const askedIn = (mesh: Mesh, names: readonly string[]): readonly Asked[] => {
  const namespaces = new Map(mesh.namespaces.map((namespace) => [namespace.name, namespace]));
  const workloads = Map.groupBy(mesh.workloads, ({ namespace }) => namespace);
  const pods = Map.groupBy(mesh.pods, ({ namespace }) => namespace);
  return names.map((name) => {
    const namespace = namespaces.get(name);
    const inside = { workloads: workloads.get(name) ?? [], pods: pods.get(name) ?? [] };
    return { name, found: namespace && { namespace, ...inside, eligibility: "eligible" } };
  });
};

/** The revision that a namespace goes back to, as the target of a move. */
export const targetOf = ({ record }: Back): Target => ({
  label: record.from.revision,
  revision: record.from.revision,
  tag: undefined,
});

const returnOf = (
  found: NonNullable<Asked["found"]>,
  back: Back,
  mesh: Mesh,
  { leave, endsByItself }: RollbackRequest,
): Return => ({
  move: namespaceMove(found, { mesh, target: targetOf(back), leave, endsByItself, selected: undefined }, wayBack(back)),
  back,
});

/** Pods that were there before the run began do not go back, whatever revision they are on. */
export const wayBack = ({ record, after }: Back): Way => ({
  after,
  open: record,
  from: { revision: record.target.revision, deploymentUid: undefined },
  stays: (pod: Pod) =>
    isBefore(pod.createdAt, record.since ?? record.stamp) ||
    // Beside the pods that the tag injects there may be others, which have a label of their own.
    (record.movedTag !== undefined && pod.proxy?.revision !== record.target.revision),
});

/** An injector may be set to inject only pods that ask for it: then its workloads show what the labels give. */
const astrayOf = (each: Return, mesh: Mesh): readonly Astray[] => {
  const { move, back } = each;
  const { revision } = back.record.from;
  const injection = injectionOf(mesh.injectors, { name: move.namespace.name, labels: move.labelsAfter }, {});
  const gives = (one: Injection): boolean =>
    (one.kind === "injected" || one.kind === "refused") && one.revision === revision;
  if (gives(injection)) return [];
  if (injection.kind === "none" && move.workloads.some(({ after }) => gives(after))) return [];
  const pinned = injectionOf(mesh.injectors, { name: move.namespace.name, labels: withPin(move.namespace, back) }, {});
  return [{ ...each, injection, pinWorks: gives(pinned) }];
};

const withPin = ({ labels }: Namespace, { record }: Back): Namespace["labels"] => ({
  ...Object.fromEntries(Object.entries(labels).filter(([key]) => key !== "istio-injection")),
  "istio.io/rev": pinnedTo(record)["istio.io/rev"] ?? "",
});
