/** How long a revision has been unused, by what the cluster shows of it. */
import { instantOf } from "../../mesh/instant.ts";
import { labelOf } from "../../mesh/labels.ts";
import type { CleanupFacts } from "../checks/cleanup/cleanup-facts.ts";
import { runHistory } from "../history.ts";
import type { DisuseProof } from "./disuse.ts";

/** Annotations of the istiod Deployment of a revision; RFC 3339, by the API server's clock. */
export const soakAnnotations = {
  /** When the revision was seen in use last. */
  lastUsed: "kubectl-mesh/last-used",
  /** The first proof of disuse since then. */
  unusedSince: "kubectl-mesh/unused-since",
} as const;

/** Something that used the revision at a time. */
export interface SoakEvidence {
  /** RFC 3339. */
  readonly at: string;
  /** e.g. `run 3f9a1c22b07d of namespace production ended`. */
  readonly what: string;
}

export interface SoakFacts {
  /** RFC 3339, by the API server's clock. */
  readonly now: string;
  readonly evidence: readonly SoakEvidence[];
  /** The time of the first proof of disuse, where one was kept. */
  readonly unusedSince: string | undefined;
  /** Whether there is an istiod of the revision, by Deployment or pod: without one nothing can be on it. */
  readonly hasIstiod: boolean;
}

/** `since`: RFC 3339; undefined where nothing tells when the revision was used last. */
export type Soak =
  | { readonly state: "over"; readonly since: string | undefined; readonly why: string }
  | { readonly state: "not over"; readonly leftMs: number; readonly since: string | undefined; readonly why: string };

/**
 * Whether the revision has been unused for `soakMs`. It counts from the latest evidence of use; without any from the
 * first proof of disuse, and where there is none from now. A time that lies ahead counts as now, because clocks differ.
 */
export const soakOf = (facts: SoakFacts, soakMs: number): Soak => {
  const now = instantOf(facts.now) ?? 0;
  const latest = latestOf(facts.evidence);
  const since = latest?.at ?? facts.unusedSince;
  if (!facts.hasIstiod) return { state: "over", since, why: "no istiod of it is there" };
  const begun = since === undefined ? now : Math.min(instantOf(since) ?? now, now);
  const leftMs = begun + soakMs - now;
  const why =
    latest?.what ??
    (since === undefined
      ? "nothing in the cluster tells when it was used last"
      : "this was the first proof that nothing needs it");
  return leftMs <= 0 ? { state: "over", since, why } : { state: "not over", leftMs, since, why };
};

const latestOf = (evidence: readonly SoakEvidence[]): SoakEvidence | undefined =>
  evidence.reduce<SoakEvidence | undefined>(
    (latest, each) => (latest === undefined || (instantOf(each.at) ?? 0) > (instantOf(latest.at) ?? 0) ? each : latest),
    undefined,
  );

/**
 * What the facts of a proof show of earlier use: ends of runs from or to the revision, the annotation of its Deployment,
 * and the pods of it that there are, also those that have ended. An annotation that is not a time is no evidence.
 */
export const soakFactsOf = (facts: CleanupFacts): SoakFacts => {
  const { mesh, revision, history } = facts;
  const runs = history === undefined ? [] : runHistory(history, new Map());
  const annotations = istiodAnnotations(facts);
  const [lastUsed, unusedSince] = [soakAnnotations.lastUsed, soakAnnotations.unusedSince].map((name) => {
    const text = labelOf(annotations, name);
    return instantOf(text) === undefined ? undefined : text;
  });
  const youngest = latestOf(
    mesh.pods
      .filter(({ proxy }) => proxy?.revision === revision)
      .map(({ namespace, name, createdAt }) => ({ at: createdAt, what: `pod ${namespace}/${name} was created on it` })),
  );
  return {
    now: mesh.takenAt,
    evidence: [
      ...runs
        .filter(({ from, to }) => from === revision || to === revision)
        .flatMap(({ run, namespace, verb, stoppedAt, startedAt }) => {
          const at = stoppedAt ?? startedAt;
          const what = `the ${verb} ${run} of namespace ${namespace} ${stoppedAt === undefined ? "began" : "ended"}`;
          return instantOf(at) === undefined || at === undefined ? [] : [{ at, what }];
        }),
      ...(lastUsed === undefined ? [] : [{ at: lastUsed, what: "mesh-cleanup saw it in use" }]),
      ...(youngest === undefined || instantOf(youngest.at) === undefined ? [] : [youngest]),
    ],
    unusedSince,
    hasIstiod: mesh.controlPlanes.some(
      (plane) => plane.revision === revision && (plane.deployment !== undefined || plane.istiods.length > 0),
    ),
  };
};

const istiodAnnotations = ({ mesh, revision }: CleanupFacts) => {
  const uids = mesh.controlPlanes.flatMap((plane) =>
    plane.revision === revision && plane.deployment ? [plane.deployment.uid] : [],
  );
  return mesh.workloads.find(({ uid }) => uids.includes(uid))?.annotations;
};

/**
 * The annotations to write on the istiod Deployment after a proof (`null` removes one); `undefined`: none. A proof that
 * cannot tell writes nothing.
 */
export const soakMarks = (
  { state, takenAt }: Pick<DisuseProof, "state" | "takenAt">,
  { evidence, unusedSince }: Pick<SoakFacts, "evidence" | "unusedSince">,
): Readonly<Record<string, string | null>> | undefined => {
  const { lastUsed, unusedSince: since } = soakAnnotations;
  if (state === "in use") return { [lastUsed]: takenAt, [since]: null };
  return state === "unused" && evidence.length === 0 && unusedSince === undefined ? { [since]: takenAt } : undefined;
};
