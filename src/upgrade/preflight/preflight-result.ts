/** What a preflight came to: each check with what it found, and whether the upgrade may start. Pure. */
import { type ExitCode, exit } from "../../mesh/exit-codes.ts";
import { type Finding, severities } from "../../mesh/finding.ts";
import type { CheckRecord } from "../checks/check.ts";
import { type Choice, isChosen, preflightList } from "./preflight-list.ts";

/** `skipped`: by `--check` or `--skip`, or because the target is not installed yet; any other: its gravest finding. */
export type CheckState = "passed" | "skipped" | Finding["severity"];

export interface CheckResult extends CheckRecord {
  readonly state: CheckState;
  readonly findings: readonly Finding[];
}

/** What a person has to look at before starting. */
export const didNotPass = ({ state }: Pick<CheckResult, "state">): boolean =>
  state === "blocker" || state === "unknown" || state === "warning";

/**
 * `ready` · `warned`: `--strict`, and there is a warning · `blocked` · `cannot-tell`: no blocker was found, and evidence
 * is missing.
 */
export type PreflightState = "ready" | "warned" | "blocked" | "cannot-tell";

/** What another tool says of the mesh. It never stops the upgrade. */
export interface Opinion {
  /** e.g. `istioctl analyze`. */
  readonly tool: string;
  /** `skipped`: it is not there, or cannot be pointed at this cluster · `unknown`: it gave no list. */
  readonly state: "answered" | "skipped" | "unknown";
  readonly evidence: string;
  /** Warnings and notes; the check is the tool's own code. */
  readonly findings: readonly Finding[];
}

export interface PreflightResult {
  readonly state: PreflightState;
  /** As it was asked for. */
  readonly to: string;
  /** Undefined where `to` stands for no revision, or not certainly for one. */
  readonly revision: string | undefined;
  readonly installed: boolean;
  /** The namespaces that a migration would move. */
  readonly namespaces: readonly string[];
  /** RFC 3339, by the API server's clock. */
  readonly takenAt: string;
  readonly checks: readonly CheckResult[];
  readonly opinions: readonly Opinion[];
  readonly exitCode: ExitCode;
}

/** What was looked at. */
export interface Looked extends Omit<PreflightResult, "state" | "checks" | "exitCode"> {
  readonly findings: readonly Finding[];
  /** Checks that were not run, whatever was chosen. */
  readonly notRun: ReadonlySet<string>;
}

/** `strict`: a warning stops it too. */
export const preflightResult = (
  { findings, notRun, ...looked }: Looked,
  choice: Choice,
  strict: boolean,
): PreflightResult => {
  const byCheck = Map.groupBy(findings, ({ check }) => check);
  const checks = preflightList.map((record): CheckResult => {
    if (!isChosen(choice, record.id) || notRun.has(record.id)) return { ...record, state: "skipped", findings: [] };
    const found = byCheck.get(record.id) ?? [];
    const state = severities.find((severity) => found.some((finding) => finding.severity === severity)) ?? "passed";
    return { ...record, state, findings: found };
  });
  const state = stateOf(checks, strict);
  return { ...looked, checks, state, exitCode: exitCodes[state] };
};

const stateOf = (checks: readonly CheckResult[], strict: boolean): PreflightState => {
  const some = (state: CheckState): boolean => checks.some((check) => check.state === state);
  if (some("blocker")) return "blocked";
  if (some("unknown")) return "cannot-tell";
  return strict && some("warning") ? "warned" : "ready";
};

const exitCodes: Readonly<Record<PreflightState, ExitCode>> = {
  ready: exit.done,
  warned: exit.refused,
  blocked: exit.refused,
  "cannot-tell": exit.cannotTell,
};
