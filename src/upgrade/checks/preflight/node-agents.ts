/** The parts of the data plane that all revisions share: CNI, ztunnel, nodes. */
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import type { Check } from "../check.ts";

export const nodeAgentChecks: readonly Check<PreflightFacts>[] = [];
