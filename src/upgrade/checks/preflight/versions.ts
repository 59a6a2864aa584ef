/** Which releases meet: of the control planes, of the proxies, of Kubernetes. */
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import type { Check } from "../check.ts";

export const versionChecks: readonly Check<PreflightFacts>[] = [];
