/** The checks that only a preflight runs, in the order of their findings. */
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import type { Check } from "../check.ts";
import { nodeAgentChecks } from "./node-agents.ts";
import { oldControlPlaneChecks } from "./old-control-plane.ts";
import { ownerChecks } from "./owners.ts";
import { preflightGatewayChecks } from "./preflight-gateways.ts";
import { preflightInjectionChecks } from "./preflight-injection.ts";
import { restartChecks } from "./restarts.ts";
import { targetConfigChecks } from "./target-config.ts";
import { unmovedChecks } from "./unmoved.ts";
import { versionChecks } from "./versions.ts";

export const preflightChecks: readonly Check<PreflightFacts>[] = [
  ...versionChecks,
  ...targetConfigChecks,
  ...oldControlPlaneChecks,
  ...preflightInjectionChecks,
  ...restartChecks,
  ...nodeAgentChecks,
  ...preflightGatewayChecks,
  ...ownerChecks,
  ...unmovedChecks,
];
