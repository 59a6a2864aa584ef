import type { Mesh, ObjectRef } from "../../mesh/model.ts";
import { migrationChecks } from "../checks/move/migration-checks.ts";
import { runChecks } from "../checks/run-checks.ts";
import type { ClusterEvidence } from "../evidence/cluster-evidence.ts";
import { chooseCanary } from "./canary.ts";
import { eligibilityOf } from "./eligibility.ts";
import { type Asked, comesFrom, type Facts, hasWork, type NamespaceMove, type WorkloadMove } from "./moves.ts";
import { namespaceMove } from "./namespace-move.ts";
import type { Left, MigrationRequest, Plan, Step, Target } from "./plan.ts";
import { revisionsOf, revisionsText } from "./revisions-text.ts";
import { rolloutSize } from "./rollout-size.ts";

export interface MigrationFacts {
  readonly mesh: Mesh;
  readonly evidence: ClusterEvidence;
  /** UIDs of the workloads that `-l` selects; undefined without `-l`. */
  readonly selected?: ReadonlySet<string> | undefined;
}

/**
 * What a migration to `target` would change, in order, and everything that speaks against it. A plan with a finding of
 * severity `blocker` or `unknown` must not be carried out. Planning again on what a plan led to gives no step.
 */
export const planMigration = (
  { mesh, evidence: surroundings, selected }: MigrationFacts,
  target: Target,
  request: MigrationRequest,
): Plan => {
  const asked = askedNamespaces(mesh, request);
  const all = asked.flatMap(({ found }) =>
    found?.eligibility === "eligible" ? [namespaceMove(found, { mesh, target, request, selected })] : [],
  );
  const moves =
    request.namespaces === "all" && request.from !== undefined
      ? all.filter((move) => comesFrom(move, request.from))
      : all;
  const facts: Facts = { mesh, evidence: surroundings, target, request, asked, moves: moves.filter(hasWork) };
  const canary = chooseCanary(facts.moves)?.uid;
  return {
    target,
    namespaces: moves.map(({ namespace }) => namespace.name),
    steps: facts.moves.flatMap((move) => steps(move, canary)),
    left: moves.flatMap((move) => left(move, target)),
    already: ofFate(moves, "already"),
    empty: ofFate(moves, "empty"),
    findings: runChecks(migrationChecks, facts, { skip: request.skipCheck, missing: surroundings.unknown }),
  };
};

/** Named ones in the order given, each once; or all that their own labels inject, by name. */
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
    return all.filter(({ found }) => found.eligibility === "eligible").sort((a, b) => (a.name < b.name ? -1 : 1));
  const byName = new Map(all.map((asked) => [asked.name, asked]));
  return [...new Set(request.namespaces)].map((name) => byName.get(name) ?? { name, found: undefined });
};

const steps = (move: NamespaceMove, canary: string | undefined): readonly Step[] => {
  const { namespace, before, after, from, open } = move;
  const restarts = move.workloads
    .filter(({ disposition }) => disposition === "restart")
    .map((each) => restart(each, canary));
  return [
    { kind: "relabel-namespace", namespace: namespace.name, uid: namespace.uid, before, after, from, open },
    ...restarts.sort((a, b) => Number(b.canary) - Number(a.canary)),
  ];
};

const restart = (
  { workload, stale }: WorkloadMove,
  canary: string | undefined,
): Step & { kind: "restart-workload" } => ({
  kind: "restart-workload",
  workload: refOf(workload),
  uid: workload.uid,
  canary: workload.uid === canary,
  podsInFlight: rolloutSize(workload),
  stalePods: stale.length,
  pods: workload.pods.length,
  from: revisionsOf(stale),
  gateway: workload.gateway,
});

const left = ({ workloads, podsWithoutWorkload }: NamespaceMove, target: Target): readonly Left[] => [
  ...workloads.flatMap(({ workload, disposition, stale }): readonly Left[] => {
    const object = refOf(workload);
    if (disposition === "left")
      return [{ object, reason: `stays on ${revisionsText(stale)} until its next pod`, by: "--leave" }];
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

const ofFate = (moves: readonly NamespaceMove[], disposition: WorkloadMove["disposition"]): readonly ObjectRef[] =>
  moves.flatMap(({ workloads }) =>
    workloads.filter((each) => each.disposition === disposition).map(({ workload }) => refOf(workload)),
  );

const refOf = ({ kind, namespace, name }: ObjectRef): ObjectRef => ({ kind, namespace, name });
