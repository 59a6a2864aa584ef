/** What does not move by itself, and what earlier upgrades left. */
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import type { Check } from "../check.ts";

export const unmovedChecks: readonly Check<PreflightFacts>[] = [];
