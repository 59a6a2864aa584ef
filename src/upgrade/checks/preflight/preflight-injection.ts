/** Who would inject what: pods that a change of labels does not move, or moves twice. */
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import type { Check } from "../check.ts";
import { hostNetwork, nativeSidecars, ownProxySettings, podLabels } from "./injected-templates.ts";
import { overlappingInjectors } from "./overlapping-injectors.ts";
import { revisionsGathered } from "./revisions-gathered.ts";

export const preflightInjectionChecks: readonly Check<PreflightFacts>[] = [
  overlappingInjectors,
  revisionsGathered,
  podLabels,
  ownProxySettings,
  nativeSidecars,
  hostNetwork,
];
