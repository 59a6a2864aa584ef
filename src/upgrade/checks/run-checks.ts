/** The engine: runs checks on facts, and turns what they say into findings. */
import { type Finding, isObstacle } from "../../mesh/finding.ts";
import { didYouMean } from "../../mesh/text/suggestion.ts";
import type { MissingEvidence } from "../evidence/cluster-evidence.ts";
import { blocker, type Check, type CheckRecord, cannotTell, observe, warning } from "./check.ts";
import { singleChecks, skipCheckKnown } from "./single-checks.ts";

export interface CheckOptions {
  /** The values of `--skip-check`. */
  readonly skip?: readonly string[];
  /** What could not be read, with the check that needs it. */
  readonly missing?: readonly MissingEvidence[];
}

/**
 * The findings of the checks, in their order; before them what they could not read. What is skipped by name becomes a
 * warning; a name to skip that no check has is a blocker. A finding that does not offer `--skip-check` cannot be
 * skipped.
 */
export const runChecks = <F>(
  checks: readonly Check<F>[],
  facts: F,
  { skip = [], missing = [] }: CheckOptions = {},
): readonly Finding[] => {
  const found = checks.flatMap((check) => check.run(facts).map((observation) => observe(check, observation)));
  return [
    ...skip.flatMap((id) => notKnown(checks, id)),
    ...[...missing.map((each) => notRead(checks, each)), ...found].map((finding) =>
      isSkipped(finding, skip) ? skipped(finding) : finding,
    ),
  ];
};

const notRead = (
  checks: readonly CheckRecord[],
  { check: id, subject, reason, essential }: MissingEvidence,
): Finding => {
  const isPreflights = checks.some((check) => check.id === id && check.accepts?.includes("--skip"));
  return observe(
    { id },
    essential
      ? cannotTell(subject, `it could not be read: ${reason}`, readRemedy, isPreflights ? "--skip" : "--skip-check")
      : warning(subject, `it could not be read, so this is not looked at: ${reason}`),
  );
};

/** How to get what could not be read. */
export const readRemedy = "get the right to read it, or try again when the server answers";

const isSkipped = (finding: Finding, skip: readonly string[]): boolean =>
  isObstacle(finding) && finding.accept?.flag === "--skip-check" && skip.includes(finding.accept.value);

const skipped = (finding: Finding): Finding => ({
  ...finding,
  severity: "warning",
  message: `${finding.message} (accepted by --skip-check ${finding.check})`,
  accept: undefined,
});

const notKnown = (checks: readonly CheckRecord[], id: string): readonly Finding[] => {
  const ids = [...checks, ...singleChecks].map((check) => check.id);
  if (ids.includes(id)) return [];
  const message = `no check has this id${didYouMean(id, ids)}`;
  return [observe(skipCheckKnown, blocker(`--skip-check ${id}`, message, `the checks are ${ids.join(", ")}`))];
};
