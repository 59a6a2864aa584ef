/** The versions in the result of a migration, and a word about proxies that have another one than their istiod. */
import type { Finding } from "../mesh/finding.ts";
import { releaseOf } from "../mesh/istio-version.ts";
import { counted } from "../mesh/phrase.ts";
import { observe, warning } from "./checks/check.ts";
import { versionsProven } from "./checks/single-checks.ts";
import { type Outcomes, outcomeOf } from "./plan/outcome.ts";
import { type MigrationPlan, proveSteps, restartSteps } from "./plan/plan.ts";
import { stepKey } from "./plan/step.ts";
import type { MigratedVersions, MigrationResult } from "./result.ts";

/** Nothing without a plan: then the target was not resolved. */
export const versionsShown = (
  plan: MigrationPlan | undefined,
  outcomes: Outcomes,
): Pick<MigrationResult, "versions"> => {
  if (plan === undefined) return {};
  const { istiod, injects } = plan.versions ?? {};
  const counts = new Map<string, number>();
  for (const step of [...restartSteps(plan), ...proveSteps(plan)])
    for (const [version, pods] of Object.entries(outcomeOf(outcomes, stepKey(step)).versions ?? {}))
      counts.set(version, (counts.get(version) ?? 0) + pods);
  const from = [...new Set(restartSteps(plan).flatMap(({ fromVersions = [] }) => fromVersions))].sort();
  const proven = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([version, pods]) => ({ version, pods }));
  return { versions: { istiod, injects, from, proven } };
};

/**
 * Proven pods whose proxy is of another release than the target's istiod: an old `global.tag` or `global.hub` in the
 * values of its installation, or an image that a template pins. https://github.com/istio/istio/issues/51930
 */
export const otherVersions = (plan: MigrationPlan, versions: MigratedVersions | undefined): readonly Finding[] => {
  const istiod = releaseOf(versions?.istiod);
  if (istiod === undefined) return [];
  return (versions?.proven ?? []).flatMap(({ version, pods }) => {
    const release = releaseOf(version);
    return release === undefined || release === istiod
      ? []
      : [
          observe(
            versionsProven,
            warning(
              `revision/${plan.target.revision}`,
              `${counted(pods, "pod")} that ${pods === 1 ? "is" : "are"} on it now ${pods === 1 ? "runs" : "run"} proxies of ${version}, and its istiod is ${versions?.istiod}`,
              "look at global.tag and global.hub in the values of its installation, and at images that pod templates pin",
            ),
          ),
        ];
  });
};
