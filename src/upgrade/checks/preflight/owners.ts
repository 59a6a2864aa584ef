/** Who keeps the objects that are to be written as they are. */
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import type { Check } from "../check.ts";

export const ownerChecks: readonly Check<PreflightFacts>[] = [];
