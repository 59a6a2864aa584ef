/** The steps by which the workloads of a namespace move, and what a move does not touch. */

import type { Pace } from "../../mesh/from/pace-record.ts";
import type { Mesh, ObjectRef, Workload } from "../../mesh/model.ts";
import { namespaceRef, refOf } from "../../mesh/object-ref.ts";
import { migrateAnnotation, ownersWish } from "../owners/owners-wish.ts";
import { paceOf } from "../pace/workload-pace.ts";
import { presentGoal } from "../proof/present-goal.ts";
import { workloadProof } from "../proof/workload-proof.ts";
import type { Target } from "../record/undo-record.ts";
import type { Asked, Facts, NamespaceMove, WorkloadMove } from "./moves.ts";
import type { Lane, Left, MovePlan } from "./plan.ts";
import { revisionsOf, revisionsText } from "./revisions-text.ts";
import { rolloutSize } from "./rollout-size.ts";
import type { ProveStep, RestartStep } from "./step.ts";

/** The restart that moves a workload, by the stamp of the run in its namespace, at the pace of `wish`. */
export const restartStep = (move: WorkloadMove, target: Target, wish?: Pace): RestartStep => {
  const pace = paceOf(move.workload, wish);
  const step = unpacedStep(move, target);
  return pace ? { ...step, podsInFlight: pace.bounds.maxSurge + pace.bounds.maxUnavailable, pace } : step;
};

const unpacedStep = ({ workload, stale, versions }: WorkloadMove, target: Target): RestartStep => ({
  kind: "restart",
  workload: refOf(workload),
  uid: workload.uid,
  canary: false,
  podsInFlight: rolloutSize(workload),
  stalePods: stale.length,
  pods: workload.pods.length,
  from: revisionsOf(stale),
  to: target.revision,
  ...(versions && { fromVersions: versions.from }),
  ...(versions?.to === undefined ? {} : { version: versions.to }),
  gateway: workload.gateway,
  stamp: { kind: "of-record" },
  guarded: true,
  blockingPods: [],
  ...(workload.way && { way: workload.way }),
});

/** Nothing to write there: workloads that are on the target are still proven, where the istiods did not say it already. */
export const provingLane = (facts: Pick<Facts, "mesh" | "target">, move: NamespaceMove): Lane => ({
  namespace: move.namespace.name,
  steps: [proofsIn(facts, move)],
  onFailure: "stop",
});

/** The proofs of what is on the target already and not proven by the answers of the istiods. */
export const proofsIn = (
  { mesh, target }: Pick<Facts, "mesh" | "target">,
  { workloads }: NamespaceMove,
): readonly ProveStep[] =>
  workloads
    .filter(({ disposition, workload }) => disposition === "already" && !isProven(workload, mesh, target))
    .map(({ workload }) => ({
      kind: "prove",
      workload: refOf(workload),
      uid: workload.uid,
      restartedAt: workload.restartedAt,
      to: target.revision,
      ...(workload.way && { way: workload.way }),
    }));

/** No restart needed is no proof: its proxies may be connected to another control plane, or to none. */
const isProven = (workload: Workload, mesh: Mesh, { revision }: Target): boolean =>
  workloadProof(workload, presentGoal(workload, revision), mesh.answers, new Map(), 0).verdict.kind === "done";

/** What of these namespaces needs no step, and why. */
export const untouched = (
  moves: readonly NamespaceMove[],
  target: Target,
): Pick<MovePlan, "left" | "already" | "empty" | "notInjected" | "held"> => ({
  left: moves.flatMap((move) => left(move, target)),
  already: ofDisposition(moves, "already"),
  empty: ofDisposition(moves, "empty"),
  notInjected: moves.flatMap(notInjected),
  held: moves.flatMap(({ workloads }) =>
    workloads.flatMap(({ workload }) => (workload.pace ? [{ ...refOf(workload), uid: workload.uid }] : [])),
  ),
});

const notInjected = ({ workloads }: NamespaceMove): MovePlan["notInjected"] =>
  workloads
    .filter(({ disposition, workload }) => disposition === "not-injected" && workload.pods.length > 0)
    .map(({ workload, after }) => ({
      object: refOf(workload),
      reason: after.kind === "injected" ? `injected by ${after.revision}` : after.reason,
    }));

const left = ({ workloads, podsWithoutWorkload }: NamespaceMove, target: Target): readonly Left[] => [
  ...workloads.flatMap(({ workload, disposition, stale }): readonly Left[] => {
    const object = refOf(workload);
    if (disposition === "left") {
      const stays = `stays on ${revisionsText(stale)} until its next pod`;
      return ownersWish(workload.annotations) === "no"
        ? [
            {
              object,
              reason: `its owners do not want it moved (annotation ${migrateAnnotation}: no): ${stays}`,
              by: "owner",
            },
          ]
        : [{ object, reason: stays, by: "--leave" }];
    }
    if (disposition === "job")
      return [{ object, reason: `runs on ${revisionsText(stale)} until its owner ends`, by: "job" }];
    if (disposition === "before")
      return [{ object, reason: `${stays(workload, target)} before the run`, by: "before" }];
    if (disposition === "unselected")
      return [{ object, reason: `not selected: moves to ${target.revision} at its next pod`, by: "selector" }];
    return [];
  }),
  ...podsWithoutWorkload.flatMap(({ ref: object, disposition, pods }): readonly Left[] => {
    if (disposition === "job") return [{ object, reason: `runs on ${revisionsText(pods)} until it ends`, by: "job" }];
    if (disposition === "left")
      return [{ object, reason: `stays on ${revisionsText(pods)} until it is created again`, by: "--leave" }];
    if (disposition === "unselected")
      return [
        { object, reason: `not selected: stays on ${revisionsText(pods)} until it is created again`, by: "selector" },
      ];
    return [];
  }),
];

const ofDisposition = (
  moves: readonly NamespaceMove[],
  disposition: WorkloadMove["disposition"],
): readonly ObjectRef[] =>
  moves.flatMap(({ workloads }) =>
    workloads.filter((each) => each.disposition === disposition).map(({ workload }) => refOf(workload)),
  );

const stays = ({ pods }: Workload, { revision }: Target): string =>
  `has pods that were on ${revisionsText(pods.filter(({ proxy }) => proxy && proxy.revision !== revision))}`;

/** Namespaces that `-A` passes over because their owners want it, where they have pods on another revision. */
export const keptNamespaces = (
  asked: readonly Asked[],
  { revision }: Target,
  from: string | undefined,
): readonly Left[] =>
  asked.flatMap(({ name, found }): readonly Left[] => {
    if (found?.eligibility !== "kept-by-owners") return [];
    const stale = found.pods.filter(
      ({ proxy }) =>
        proxy?.revision !== undefined && proxy.revision !== revision && (from === undefined || proxy.revision === from),
    );
    if (stale.length === 0) return [];
    const reason = `its owners do not want it moved (annotation ${migrateAnnotation}: no): stays on ${revisionsText(stale)}`;
    return [{ object: namespaceRef(name), reason, by: "owner" }];
  });
