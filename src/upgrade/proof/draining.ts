/**
 * Old pods that end: how long that may take, and when it takes too long. A pod that is deleted gets its
 * `terminationGracePeriodSeconds`, which may be hours where clients hold their connections; its
 * `metadata.deletionTimestamp` is the end of that time.
 * https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
 */
import { instantOf } from "../../mesh/instant.ts";
import type { Pod } from "../../mesh/model.ts";
import { counted, listed } from "../../mesh/phrase.ts";

/** Old pods that are within their time to end, and when (RFC 3339) the last of them is to be gone. */
export interface Draining {
  readonly pods: number;
  readonly until: string;
}

/**
 * How long (ms) a pod may still be listed after its time: the kubelet then kills what is left of it, takes down its
 * volumes, and deletes it.
 */
export const cleanUpMs = 60_000;

/**
 * The pods as draining, where each of them is within its time; `now`: ms since 1970 by the API server's clock. Undefined
 * where there are none, and where one has outlived its time or has none.
 */
export const drainingOf = (ending: readonly Pod[], now: number | undefined): Draining | undefined => {
  if (now === undefined) return undefined;
  const times = ending.map(({ goneBy }) => instantOf(goneBy) ?? Number.NEGATIVE_INFINITY);
  const latest = times.indexOf(Math.max(...times));
  const until = ending[latest]?.goneBy;
  if (until === undefined || times.some((time) => now > time + cleanUpMs)) return undefined;
  return { pods: ending.length, until };
};

/** Whether the last of them is still to come to its end: later it only waits for the kubelet. */
export const isBeforeEnd = ({ until }: Draining, now: number | undefined): boolean =>
  now !== undefined && now < (instantOf(until) ?? Number.NEGATIVE_INFINITY);

/** `every new pod is proven; 3 old pods still drain, until 2026-11-03T06:05:06Z at the latest` */
export const drainingText = ({ pods, until }: Draining): string =>
  `every new pod is proven; ${counted(pods, "old pod")} still drain${pods === 1 ? "s" : ""}, until ${until} at the latest`;

/** Pods that are there although their time is over, in a clause with where to look; undefined where there is none. */
export const outlivedText = (ending: readonly Pod[], now: number | undefined): string | undefined => {
  if (now === undefined) return undefined;
  const late = ending.filter(({ goneBy }) => now > (instantOf(goneBy) ?? Number.POSITIVE_INFINITY) + cleanUpMs);
  const [first] = late;
  if (first === undefined) return undefined;
  const names = listed(late.map(({ name, node, goneBy }) => `${name} on node ${node ?? "?"} by ${goneBy}`));
  return `${counted(late.length, "old pod")} should be gone and ${late.length === 1 ? "is" : "are"} not (${names}): its node does not answer, or a finalizer holds it; kubectl -n ${first.namespace} describe pod ${first.name}`;
};
