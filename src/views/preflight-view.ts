/** A preflight for a person, in linkerd's manner: categories, a mark for each check, and below it what was found. */
import type { Finding } from "../mesh/finding.ts";
import { counted } from "../mesh/phrase.ts";
import { safe } from "../mesh/safe.ts";
import { pageOf } from "../upgrade/checks/check.ts";
import { headingOf, type ListedCheck } from "../upgrade/preflight/preflight-list.ts";
import {
  type CheckResult,
  type CheckState,
  didNotPass,
  type Opinion,
  type PreflightResult,
} from "../upgrade/preflight/preflight-result.ts";
import { type TableOptions, table } from "./table.ts";

/** `short`: without what passed and without notes · `wide`: with ids, pages, and what was skipped. */
export type PreflightDetail = "short" | "table" | "wide";

const marks: Readonly<Record<CheckState, string>> = {
  passed: "√",
  note: "i",
  warning: "‼",
  unknown: "?",
  blocker: "×",
  skipped: "-",
};

const shownIn: Readonly<Record<PreflightDetail, (check: CheckResult) => boolean>> = {
  short: didNotPass,
  table: ({ state }) => state !== "skipped",
  wide: () => true,
};

/** Categories with their checks, then what istioctl says, and a line with the outcome. */
export const preflightView = (result: PreflightResult, detail: PreflightDetail): string => {
  const shown = result.checks.filter(shownIn[detail]);
  const categories = [...Map.groupBy(shown, ({ category }) => category)].map(
    ([category, checks]) =>
      `${heading(headingOf(category))}${checks.map((check) => checkText(check, detail)).join("")}`,
  );
  const opinions = result.opinions.map((opinion) => opinionText(opinion, detail)).filter((text) => text !== "");
  return [...categories, ...opinions, `${safe(summary(result))}\n`].join("\n");
};

/** Object names are wrapped by nobody: a line for each thing that a person may want to search for. */
const heading = (text: string): string => `${text}\n${"-".repeat(text.length)}\n`;

const checkText = (check: CheckResult, detail: PreflightDetail): string => {
  const id = detail === "wide" || check.findings.length > 0 ? ` [${check.id}]` : "";
  const findings = check.findings.filter(({ severity }) => detail !== "short" || severity !== "note");
  const page = findings.length > 0 && (detail === "wide" || didNotPass(check)) ? `    see ${pageOf(check)}\n` : "";
  return `${marks[check.state]} ${check.title}${id}\n${findings.map(findingText).join("")}${page}`;
};

const findingText = ({ object, message, remedy, accept }: Finding): string =>
  [
    `    ${safe(object)}: ${safe(message)}\n`,
    ...(remedy === undefined ? [] : [`    → ${safe(remedy)}\n`]),
    ...(accept === undefined
      ? []
      : [
          `    ${accept.flag === "--skip" ? "left out" : "mesh-migrate accepts it"} with ${safe(`${accept.flag} ${accept.value}`.trim())}\n`,
        ]),
  ].join("");

const opinionText = ({ tool, state, evidence, findings }: Opinion, detail: PreflightDetail): string => {
  if (state !== "answered") return detail === "short" ? "" : `${heading(tool)}- ${state}: ${safe(evidence)}\n`;
  const shown = findings.filter(({ severity }) => detail !== "short" || severity === "warning");
  if (shown.length === 0) return detail === "short" ? "" : `${heading(tool)}√ ${safe(evidence)}\n`;
  const lines = shown.map(
    ({ check, severity, object, message }) => `${marks[severity]} ${safe(check)} ${safe(object)}: ${safe(message)}\n`,
  );
  return `${heading(tool)}${lines.join("")}`;
};

const summary = ({ state, checks, to, namespaces }: PreflightResult): string => {
  const count = (of: CheckState): number => checks.filter((check) => check.state === of).length;
  const warnings = count("warning") === 0 ? "" : `, ${counted(count("warning"), "warning")}`;
  switch (state) {
    case "blocked":
      return `not yet: ${counted(count("blocker"), "blocker")}${count("unknown") === 0 ? "" : `, ${count("unknown")} unknown`}${warnings}`;
    case "cannot-tell":
      return `cannot tell: ${counted(count("unknown"), "check")} could not be answered${warnings}`;
    case "warned":
      return `not yet: ${counted(count("warning"), "warning")}, and --strict`;
    case "ready":
      return `you may start${warnings === "" ? "" : ` (${warnings.slice(2)})`}: ${counted(namespaces.length, "namespace")} would move to ${to}`;
  }
};

/** The ids of the checks that did not pass, one in each line. */
export const preflightNamesView = ({ checks }: PreflightResult): string =>
  checks
    .filter(didNotPass)
    .map(({ id }) => `${id}\n`)
    .join("");

/** `--list`. */
export const checkListView = (checks: readonly ListedCheck[], options: TableOptions): string =>
  table(
    ["check", "severity", "category", "holds when", { wide: "page" }],
    checks.map(({ id, severity, category, title, page }) => [id, severity, category, title, page]),
    options,
  );
