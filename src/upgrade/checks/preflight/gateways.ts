/** How each gateway moves, and what keeps it from serving afterwards. */
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import type { Check } from "../check.ts";

export const preflightGatewayChecks: readonly Check<PreflightFacts>[] = [];
