/** The proof that nothing needs a revision, from the facts. */
import type { Finding } from "../../mesh/finding.ts";
import { cannotTell, observe } from "../checks/check.ts";
import { cleanupChecks } from "../checks/cleanup/cleanup-checks.ts";
import type { CleanupFacts } from "../checks/cleanup/cleanup-facts.ts";
import type { RouteCheck } from "../checks/cleanup/revision-use.ts";
import { readRemedy, runChecks } from "../checks/run-checks.ts";
import { type DisuseProof, disuseProof, type Route } from "./disuse.ts";

/**
 * A route for each check, in the order of the checks. What a route could not read makes it `unknown`; a read that no
 * route is named for makes the first one so, because it must not be lost.
 */
export const proveDisuse = (facts: CleanupFacts, checks: readonly RouteCheck[] = cleanupChecks): DisuseProof =>
  disuseProof(
    facts.revision,
    facts.mesh.takenAt,
    checks.map((check, at) => {
      const others = at === 0 ? facts.missing.filter(({ check: id }) => !checks.some((each) => each.id === id)) : [];
      return routeOf(check, facts, [...facts.missing.filter(({ check: id }) => id === check.id), ...others]);
    }),
  );

const routeOf = (check: RouteCheck, facts: CleanupFacts, missing: CleanupFacts["missing"]): Route => {
  const lacking = missing.map(({ subject, reason }) =>
    observe(check, cannotTell(subject, `it could not be read: ${reason}`, readRemedy)),
  );
  const findings = [...lacking, ...runChecks([check], facts)];
  return { id: check.id, title: check.title, state: stateOf(findings), evidence: check.evidence(facts), findings };
};

const stateOf = (findings: readonly Finding[]): Route["state"] => {
  const has = (severity: Finding["severity"]): boolean => findings.some((finding) => finding.severity === severity);
  return has("blocker") ? "in use" : has("unknown") ? "unknown" : "unused";
};
