/** What another revision changes in sidecars and in the mesh config: a table for a person, a document for scripts. */
import type { ExitCode } from "../mesh/exit-codes.ts";
import { refArgument } from "../mesh/object-ref.ts";
import { safe } from "../mesh/safe.ts";
import type { SettingDifference } from "../upgrade/preflight/settings-differences.ts";
import type { Target } from "../upgrade/record/undo-record.ts";
import type { SidecarComparison } from "../upgrade/trial/sidecar-comparison.ts";
import { apiVersion, type ResultDocument } from "./document.ts";
import { type TableOptions, table } from "./table.ts";

export interface SidecarDiff {
  readonly target: Target;
  readonly comparisons: readonly SidecarComparison[];
  /** Of each revision that the workloads come from. */
  readonly meshConfigs: readonly {
    readonly from: string;
    /** Undefined: one of the two could not be read. */
    readonly differences: readonly SettingDifference[] | undefined;
  }[];
}

export interface SidecarDiffDocument extends ResultDocument, SidecarDiff {
  readonly kind: "MeshSidecarDiff";
}

export const sidecarDiffDocument = (diff: SidecarDiff, exitCode: ExitCode): SidecarDiffDocument => ({
  apiVersion,
  kind: "MeshSidecarDiff",
  ...diff,
  exitCode,
});

/** One table for each workload and each mesh config; what is cosmetic is counted, and with `wide` listed. */
export const sidecarDiffView = ({ target, comparisons, meshConfigs }: SidecarDiff, options: TableOptions): string =>
  [
    ...(comparisons.length === 0
      ? [`nothing to compare: no other revision than ${safe(target.revision)} injects there\n`]
      : []),
    ...comparisons.map((each) => comparisonView(each, options)),
    ...meshConfigs.map(({ from, differences }) => settingsView(from, target.revision, differences, options)),
  ].join("\n");

/** The differences of one workload's sidecar. */
export const comparisonView = (
  { workload, from, to, differences, unknown }: SidecarComparison,
  options: TableOptions,
): string => {
  const head = `${safe(refArgument(workload))}: ${safe(from)} → ${safe(to)}\n`;
  if (unknown !== undefined) return `${head}  not known: ${safe(unknown)}\n`;
  const shown = differences.filter((each) => options.wide || each.class !== "cosmetic");
  const rows = shown.map(({ class: kind, container, field, before, after }) => [
    ...[kind, container ?? "(pod)", field, short(before), short(after)],
  ]);
  const hidden = differences.length - shown.length;
  return [
    head,
    rows.length === 0 ? "" : table(["class", "container", "field", "from", "to"], rows, options),
    hidden === 0
      ? ""
      : `${hidden} cosmetic difference${hidden === 1 ? "" : "s"} (versions, names): -o wide shows ${hidden === 1 ? "it" : "them"}\n`,
    differences.length === 0 ? "no difference\n" : "",
  ].join("");
};

const settingsView = (
  from: string,
  to: string,
  differences: readonly SettingDifference[] | undefined,
  options: TableOptions,
): string => {
  const head = `mesh config: ${safe(from)} → ${safe(to)}\n`;
  if (differences === undefined) return `${head}  not known: a ConfigMap of it could not be read\n`;
  if (differences.length === 0) return `${head}no difference\n`;
  return `${head}${table(
    ["setting", "from", "to"],
    differences.map(({ key, before, after }) => [key, short(before), short(after)]),
    options,
  )}`;
};

const short = (text: string | undefined): string | undefined =>
  text !== undefined && text.length > 80 ? `${text.slice(0, 79)}…` : text;
