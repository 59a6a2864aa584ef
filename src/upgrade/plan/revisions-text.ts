import type { Pod } from "../../mesh/model.ts";

/** The revisions that injected pods, each once, sorted. */
export const revisionsOf = (pods: readonly Pod[]): readonly string[] =>
  [...new Set(pods.flatMap((pod) => pod.proxy?.revision ?? []))].sort();

/** The same for a person. */
export const revisionsText = (pods: readonly Pod[]): string => revisionsOf(pods).join(", ") || "an unknown revision";
