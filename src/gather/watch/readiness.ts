/** Which pods became ready after the istiods were last asked: about those the answers of the istiods say nothing. */
import type { Pod } from "../../mesh/model.ts";
import type { NewlyReady } from "../../upgrade/proof/workload-proof.ts";

/**
 * Gives a function to call after each read of the pods of one workload. The times (ms of the clock) are when the reads
 * began: `pictureAt` that of the pods, `askedAt` that of the latest answers of the istiods.
 */
export function watchReadiness(): (pods: readonly Pod[], pictureAt: number, askedAt: number) => NewlyReady {
  let since: ReadonlyMap<string, number> = new Map();
  return (pods, pictureAt, askedAt) => {
    since = new Map(pods.filter(({ ready }) => ready).map(({ uid }) => [uid, since.get(uid) ?? pictureAt]));
    const now = since;
    return ({ uid }) => (now.get(uid) ?? Number.NEGATIVE_INFINITY) > askedAt;
  };
}
