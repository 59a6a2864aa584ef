/** Who would inject what: pods that a change of labels does not move, or moves twice. */
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import type { Check } from "../check.ts";

export const preflightInjectionChecks: readonly Check<PreflightFacts>[] = [];
