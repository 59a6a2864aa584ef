/** Is the way back open: would the old control plane take every pod back? */
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import type { Check } from "../check.ts";

export const oldControlPlaneChecks: readonly Check<PreflightFacts>[] = [];
