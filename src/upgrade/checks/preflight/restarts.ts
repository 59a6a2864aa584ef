/** What a restart of every workload meets. */
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import type { Check } from "../check.ts";

export const restartChecks: readonly Check<PreflightFacts>[] = [];
