/** Whether proxies of two revisions accept each other although their trust domains differ. Pure. */
import { areAliased } from "../preflight/mesh-settings.ts";
import type { ClusterEvidence } from "./cluster-evidence.ts";

/** Whether the two mesh configs list each other's trust domain; a mesh config that could not be read lists nothing. */
export const trustsBoth = (
  { discovery }: Pick<ClusterEvidence, "discovery">,
  from: string | undefined,
  to: string,
): boolean => {
  const settingsOf = (revision: string | undefined) => discovery.find((each) => each.revision === revision)?.settings;
  const [old, now] = [settingsOf(from), settingsOf(to)];
  return old !== undefined && now !== undefined && areAliased(old, now);
};
