/** The checks of `mesh-revisions`, in the order of their findings. */
import type { Finding } from "../../../mesh/finding.ts";
import type { Mesh } from "../../../mesh/model.ts";
import { type PodState, podStates } from "../../../mesh/pod-state.ts";
import { isMissing, revisionsWithIstiod } from "../../../mesh/revision-state.ts";
import { servedLabels } from "../../plan/target.ts";
import { type Check, type CheckRecord, cannotTell } from "../check.ts";
import { runChecks } from "../run-checks.ts";
import { injectionChecks, migrationOpen } from "./injection-checks.ts";
import type { MeshFacts } from "./mesh-facts.ts";
import { podChecks } from "./pod-checks.ts";
import { istiodSilent, revisionChecks } from "./revision-checks.ts";
import { defaultChecks, tagChecks } from "./tag-checks.ts";

/** An istiod that did not answer is a finding of its revision (`istiod-silent`), and not repeated here. */
const unread: Check<MeshFacts> = {
  id: "unread",
  title: "everything could be read",
  severity: "unknown",
  category: "request",
  run: ({ mesh }) => {
    const silent = mesh.answers.flatMap((answer) => (answer.kind === "unanswered" ? [`istiod ${answer.istiod}`] : []));
    return mesh.unknown
      .filter(({ subject }) => !silent.includes(subject))
      .map(({ subject, namespace, reason }) =>
        cannotTell(
          namespace === undefined ? subject : `namespace/${namespace}`,
          `${subject} could not be read: ${reason}`,
        ),
      );
  },
};

const namespaceStateChecks = [...injectionChecks, ...podChecks, migrationOpen];

export const meshChecks: readonly CheckRecord[] = [
  ...revisionChecks,
  istiodSilent,
  ...tagChecks,
  ...defaultChecks,
  ...namespaceStateChecks,
  unread,
];

/**
 * Everything about a mesh that a person who upgrades it should know, with the way to fix it: first of each control
 * plane, then of each tag, of the defaults, of each namespace, and last what could not be read. Empty: all of this was
 * looked at and found right. `all`: the states of the mesh's pods, where they are known already.
 */
export function meshFindings(mesh: Mesh, all: readonly PodState[] = podStates(mesh)): readonly Finding[] {
  const facts: MeshFacts = {
    mesh,
    withIstiod: revisionsWithIstiod(mesh),
    isMissing: (revision) => isMissing(mesh, revision),
    servedLabels: servedLabels(mesh),
  };
  const workloadsIn = Map.groupBy(mesh.workloads, ({ namespace }) => namespace);
  const statesIn = Map.groupBy(all, ({ pod }) => pod.namespace);
  return [
    ...mesh.controlPlanes.flatMap((plane) => {
      const own = mesh.injectors.filter(({ revision, tag }) => revision === plane.revision && tag === undefined);
      return runChecks(revisionChecks, { ...facts, plane, own });
    }),
    ...runChecks([istiodSilent], facts),
    ...mesh.tags.flatMap((tag) => runChecks(tagChecks, { ...facts, tag })),
    ...runChecks(defaultChecks, facts),
    ...mesh.namespaces.flatMap((namespace) =>
      runChecks(namespaceStateChecks, {
        ...facts,
        namespace,
        workloads: workloadsIn.get(namespace.name) ?? [],
        states: statesIn.get(namespace.name) ?? [],
      }),
    ),
    ...runChecks([unread], facts),
  ];
}
