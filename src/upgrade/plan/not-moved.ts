/**
 * What a migration that is done has none of: pods that another revision injected. Whatever came up between the picture
 * that was planned by and the labels' arrival at the injectors is in no step of the plan.
 */
import type { ObjectRef, Pod } from "../../mesh/model.ts";
import { counted } from "../../mesh/phrase.ts";
import { type Moving, namespaceMove } from "./namespace-move.ts";
import { revisionsText } from "./revisions-text.ts";

export interface NotMoved {
  readonly object: ObjectRef;
  /** In words for a person: how many pods, on which revisions. */
  readonly reason: string;
}

/**
 * Of these namespaces in a picture of afterwards. What the request leaves, by name or by selector, is none, nor are
 * running Jobs.
 */
export const notMoved = (moving: Moving, namespaces: readonly string[]): readonly NotMoved[] => {
  const workloads = Map.groupBy(moving.mesh.workloads, ({ namespace }) => namespace);
  const pods = Map.groupBy(moving.mesh.pods, ({ namespace }) => namespace);
  return moving.mesh.namespaces
    .filter(({ name }) => namespaces.includes(name))
    .flatMap((namespace) => {
      const inside = {
        namespace,
        workloads: workloads.get(namespace.name) ?? [],
        pods: pods.get(namespace.name) ?? [],
      };
      const move = namespaceMove(inside, moving);
      return [
        ...move.workloads
          .filter(({ disposition }) => disposition === "restart" || disposition === "blocked")
          .map(({ workload: { kind, namespace, name }, stale }) => notMovedYet({ kind, namespace, name }, stale)),
        ...move.podsWithoutWorkload
          .filter(({ disposition }) => disposition === "blocked")
          .map(({ ref, pods }) => notMovedYet(ref, pods)),
      ];
    });
};

const notMovedYet = (object: ObjectRef, stale: readonly Pod[]): NotMoved => ({
  object,
  reason: `${counted(stale.length, "pod")} on ${revisionsText(stale)} that came up while the run was on`,
});
