/**
 * What a migration that is done has none of: pods that another revision injected. Whatever came up between the picture
 * that was planned by and the labels' arrival at the injectors is in no step of the plan.
 */
import type { ObjectRef, Pod } from "../../mesh/model.ts";
import { refOf } from "../../mesh/object-ref.ts";
import { counted } from "../../mesh/phrase.ts";
import type { NamespaceMove } from "./moves.ts";
import { revisionsText } from "./revisions-text.ts";

export interface NotMoved {
  readonly object: ObjectRef;
  /** In words for a person: how many pods, on which revisions. */
  readonly reason: string;
}

/**
 * Of namespaces as a picture of afterwards has them. What the request leaves, by name or by selector, is none, nor are
 * running Jobs.
 */
export const notMoved = (moves: readonly NamespaceMove[]): readonly NotMoved[] =>
  moves.flatMap((move) => [
    ...move.workloads
      .filter(({ disposition }) => disposition === "restart" || disposition === "blocked")
      .map(({ workload, stale }) => notMovedYet(refOf(workload), stale)),
    ...move.podsWithoutWorkload
      .filter(({ disposition }) => disposition === "blocked")
      .map(({ ref, pods }) => notMovedYet(ref, pods)),
  ]);

const notMovedYet = (object: ObjectRef, stale: readonly Pod[]): NotMoved => ({
  object,
  reason: `${counted(stale.length, "pod")} on ${revisionsText(stale)} that came up while the run was on`,
});
