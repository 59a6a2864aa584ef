/**
 * Since when pods are ready, beside when the istiods were last asked: an answer older than a pod's readiness proves
 * nothing of it.
 */
import type { Pod } from "../../mesh/model.ts";
import type { NewlyReady } from "../../upgrade/proof/workload-proof.ts";

/**
 * To be called with each picture of one workload's pods. Times are those at which the reads began (ms of any clock that
 * only goes forward): of the picture, and of the istiods' latest answers.
 */
export function watchReadiness(): (pods: readonly Pod[], pictureAt: number, askedAt: number) => NewlyReady {
  let since: ReadonlyMap<string, number> = new Map();
  return (pods, pictureAt, askedAt) => {
    since = new Map(pods.filter(({ ready }) => ready).map(({ uid }) => [uid, since.get(uid) ?? pictureAt]));
    const now = since;
    return ({ uid }) => (now.get(uid) ?? Number.NEGATIVE_INFINITY) > askedAt;
  };
}
