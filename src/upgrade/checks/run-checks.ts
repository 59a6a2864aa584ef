import type { Finding } from "../../mesh/finding.ts";
import { didYouMean } from "../../mesh/text/suggestion.ts";
import type { Facts } from "../plan/moves.ts";
import { blocker, type Check } from "./check.ts";

/**
 * The findings of the checks, in their order. What the request skips by name is told as a warning; a name to skip that
 * no check bears is a blocker. A finding that does not propose `--skip-check` cannot be skipped.
 */
export const runChecks = (checks: readonly Check[], facts: Facts): readonly Finding[] => {
  const { skipCheck } = facts.request;
  const found = checks.flatMap((check) => check.run(facts));
  return [
    ...skipCheck.flatMap((id) => unknownCheck(checks, id)),
    ...found.map((finding) => (isSkipped(finding, skipCheck) ? skipped(finding) : finding)),
  ];
};

const isSkipped = ({ severity, accept }: Finding, skipCheck: readonly string[]): boolean =>
  (severity === "blocker" || severity === "unknown") &&
  accept?.flag === "--skip-check" &&
  skipCheck.includes(accept.value);

const skipped = (finding: Finding): Finding => ({
  ...finding,
  severity: "warning",
  message: `${finding.message} (accepted by --skip-check ${finding.check})`,
  accept: undefined,
});

const unknownCheck = (checks: readonly Check[], id: string): readonly Finding[] => {
  const ids = checks.map((check) => check.id);
  if (ids.includes(id)) return [];
  return [
    blocker(
      "skip-check-known",
      `--skip-check ${id}`,
      `no check has this id${didYouMean(id, ids)}`,
      `the checks are ${ids.join(", ")}`,
    ),
  ];
};
