/** Is the target configured as the control plane that it replaces, and does it stay up? */
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import type { Check } from "../check.ts";

export const targetConfigChecks: readonly Check<PreflightFacts>[] = [];
