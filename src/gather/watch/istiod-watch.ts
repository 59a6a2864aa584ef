/**
 * Keeps the answers of all istiods about their proxies up to date: asked once a second while somebody listens, for all
 * listeners together. The istiods are listed again every ten seconds, and when one does not answer, because its pod may
 * have been replaced.
 */

import type { Clock } from "../../cluster/clock.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import { kinds } from "../../cluster/kinds.ts";
import { controlPlanesFrom } from "../../mesh/from/control-plane.ts";
import { podFrom } from "../../mesh/from/pod.ts";
import type { ControlPlane, IstiodAnswer } from "../../mesh/model.ts";
import { askIstiods } from "../ask-istiods.ts";
import { createPoller, type Poller } from "./poller.ts";

const relistMs = 10_000;

/**
 * The answers of every running istiod pod of every revision. An istiod that does not answer is one of them, as
 * `unanswered`; the read as a whole fails only where the istiods cannot be listed.
 */
export function watchIstiods(cluster: Cluster, istioNamespace: string, clock: Clock): Poller<readonly IstiodAnswer[]> {
  let planes: readonly ControlPlane[] | undefined;
  let listedAt = Number.NEGATIVE_INFINITY;

  /** Known istiods can be asked even when listing them fails. */
  const current = async (cluster: Cluster): Promise<readonly ControlPlane[]> => {
    if (planes && clock.now() - listedAt < relistMs) return planes;
    const began = clock.now();
    try {
      const pods = await cluster.list(kinds.pods, { labelSelector: "app=istiod" }, podFrom);
      planes = controlPlanesFrom([], pods?.items ?? [], [], istioNamespace, new Map());
      listedAt = began;
    } catch (error) {
      if (!planes) throw error;
    }
    return planes;
  };

  return createPoller({
    everyMs: 1_000,
    restMs: 500,
    clock,
    read: async (signal) => {
      const listening = cluster.until(signal);
      const answers = await askIstiods(listening, await current(listening));
      if (answers.length === 0 || answers.some(({ kind }) => kind === "unanswered"))
        listedAt = Number.NEGATIVE_INFINITY;
      return answers;
    },
  });
}
