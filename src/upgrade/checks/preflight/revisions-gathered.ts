/** More than two revisions at once: an upgrade on top of one that has not ended. */
import { isOlder } from "../../../mesh/istio-version.ts";
import type { ControlPlane, Mesh } from "../../../mesh/model.ts";
import { counted, listed } from "../../../mesh/phrase.ts";
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import { type Check, warning } from "../check.ts";

/**
 * Istio promises that neighbouring versions work together, and a run has one old revision to go back to. So what is
 * left of an earlier upgrade is gathered on one revision first. https://istio.io/latest/docs/releases/supported-releases/
 */
export const revisionsGathered: Check<PreflightFacts> = {
  id: "revisions-gathered",
  title: "the mesh runs no more than two revisions",
  severity: "warning",
  category: "injection",
  run: ({ mesh, target }) => {
    const counts = revisionsInUse(mesh);
    if (counts.size < 3) return [];
    const said = [...counts].map(([revision, count]) => `${revision} (${counted(count, "pod")})`);
    const olds = [...counts.keys()].filter((revision) => revision !== target.revision);
    const goal = newestReady(mesh, olds);
    const stray = olds.find((revision) => revision !== goal);
    return [
      warning(
        `revision/${target.revision}`,
        `${counts.size} revisions are in use at once: ${listed(said, 6)}`,
        goal === undefined || stray === undefined
          ? "gather the pods on one of the old revisions first, then start"
          : `gather first, then start: kubectl mesh-migrate -A --from ${stray} --to ${goal}`,
      ),
    ];
  },
};

/** By revision, how many pods run its proxy; 0 where only a namespace is injected by it. ztunnel has no revision to move. */
const revisionsInUse = ({ pods, namespaces }: Mesh): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const { proxy, terminating, phase } of pods) {
    if (proxy?.revision === undefined || proxy.kind === "ztunnel" || terminating || ended.has(phase)) continue;
    counts.set(proxy.revision, (counts.get(proxy.revision) ?? 0) + 1);
  }
  for (const { injection } of namespaces)
    if (injection.kind === "injected" && !counts.has(injection.revision)) counts.set(injection.revision, 0);
  return new Map([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
};

const ended = new Set(["Succeeded", "Failed"]);

/** The newest of these whose istiod runs: a proxy must not be newer than its control plane. */
const newestReady = ({ controlPlanes }: Mesh, revisions: readonly string[]): string | undefined => {
  const ready = controlPlanes.filter(
    ({ revision, deployment, readyReplicas, version }) =>
      revisions.includes(revision) && deployment !== undefined && readyReplicas > 0 && version !== undefined,
  );
  return ready.toSorted(byVersion).at(-1)?.revision;
};

const byVersion = (a: ControlPlane, b: ControlPlane): number =>
  isOlder(a.version ?? "0.0.0", b.version ?? "0.0.0") ? -1 : 1;
