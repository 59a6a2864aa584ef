/**
 * The result of a migration: some lines for a person, at the end the command that continues and the command that rolls
 * back; and a JSON document for scripts.
 */
import { refArgument } from "../mesh/object-ref.ts";
import { counted, listed } from "../mesh/phrase.ts";
import { revisionLabelsText } from "../mesh/revision-labels.ts";
import { safe, safeLines } from "../mesh/safe.ts";
import { versionsProven } from "../upgrade/checks/single-checks.ts";
import type { Left, MigrationPlan } from "../upgrade/plan/plan.ts";
import { isOpen } from "../upgrade/plan/plan.ts";
import type { MigratedWorkload, MigrationResult, Outcome } from "../upgrade/result.ts";
import { apiVersion, type ResultDocument } from "./document.ts";
import { acceptingCommand, findingsView, refusalView } from "./findings-view.ts";
import { leftView, planView, targetText, unplannedView } from "./plan-view.ts";
import { comparisonView } from "./sidecar-diff.ts";
import { type TableOptions, table } from "./table.ts";

/**
 * The result as text. Workloads that succeeded are counted, and with `wide` listed like the others. A dry run shows the
 * `plan` instead.
 */
export function migrationView(result: MigrationResult, options: TableOptions = {}, plan?: MigrationPlan): string {
  const parts =
    result.state === "planned" && plan !== undefined
      ? [planView(plan, result.findings, options), ...sidecarsView(result, options)]
      : outcomeViews(result, options);
  const commands = [
    commandLines("to go on:", result.goOn),
    commandLines("to go back:", result.goBack),
    options.wide ? commandLines("to go back with kubectl alone:", result.goBackKubectl) : "",
  ];
  return [...parts, `${safe(summary(result))}\n${commands.join("")}`].filter((part) => part !== "").join("\n");
}

/** With `wide`: what the target changes in sidecars, but for what each release changes. */
const sidecarsView = ({ sidecars = [] }: MigrationResult, options: TableOptions): readonly string[] =>
  options.wide ? sidecars.map((each) => comparisonView(each, { ...options, wide: false })) : [];

function outcomeViews(result: MigrationResult, options: TableOptions): readonly string[] {
  const shown = result.workloads.filter((workload) => options.wide || !asHoped.has(workload.outcome));
  return [
    tagView(result, options),
    namespacesView(result, options),
    workloadsView(shown, options, "on target"),
    result.left.length === 0 ? "" : leftView(result.left, options),
    unplannedView(result.unplanned, options),
    findingsView(result.findings),
    failureView(result),
  ];
}

/** Whether it ended before anything was changed, and not as was asked for. */
export const endedUnchanged = ({ state }: Pick<MigrationResult, "state">): boolean =>
  state === "refused" || state === "cannot-tell" || state === "failed";

/** The result for a document: where it ended unchanged, with the command that goes on, as `unchangedView` has it. */
export const withNextCommand = <R extends Pick<MigrationResult, "state" | "findings" | "goOn">>(
  result: R,
  command: string,
): R =>
  endedUnchanged(result) && result.goOn === undefined
    ? { ...result, goOn: acceptingCommand(result.findings, command) ?? command }
    : result;

/**
 * Why it ended so, with the command that goes on: the one with the flags that accept a refusal, else `command` itself, to
 * try again when what is named is fixed.
 */
export const unchangedView = (
  result: Pick<MigrationResult, "state" | "findings" | "failure">,
  command: string,
): string => {
  const again =
    acceptingCommand(result.findings, command) === undefined ? `\nto try again:\n  ${safeLines(command)}` : "";
  return `${refusalView(result.findings, command)}${failureView(result)}error: ${unchangedSummary(result)}${again}`;
};

const unchangedSummary = ({ state }: Pick<MigrationResult, "state">): string =>
  state === "refused"
    ? "refused; nothing was changed"
    : state === "failed"
      ? "could not be begun; nothing was changed"
      : "cannot tell; nothing was changed";

/** One name in each line, as `kubectl -o name` prints them: the workloads that moved, or would move. */
export const migrationNamesView = ({ workloads }: MigrationResult): string =>
  workloadNames(workloads, "moved", "planned");

/** The workloads with these outcomes, a name in each line. */
export const workloadNames = (workloads: readonly MigratedWorkload[], ...outcomes: readonly Outcome[]): string =>
  workloads
    .filter(({ outcome }) => outcomes.includes(outcome))
    .map((workload) => `${safe(refArgument(workload))}\n`)
    .join("");

export interface MigrationDocument extends ResultDocument, MigrationResult {
  readonly kind: "MeshMigration";
}

export const migrationDocument = (result: MigrationResult): MigrationDocument => ({
  apiVersion,
  kind: "MeshMigration",
  ...result,
});

const asHoped: ReadonlySet<Outcome> = new Set(["moved", "already", "planned", "empty"]);

/** The workloads with their outcomes; empty text without any. */
export const workloadsView = (
  workloads: readonly MigratedWorkload[],
  options: TableOptions,
  onTarget: string,
): string =>
  workloads.length === 0
    ? ""
    : table(["workload", "outcome", onTarget, "because"], workloads.map(workloadRow), options);

const workloadRow = (workload: MigratedWorkload): readonly string[] => [
  refArgument(workload),
  workload.outcome,
  `${workload.proven}/${workload.pods}`,
  workload.reason ?? "",
];

/** The tag that was moved, or goes back; empty text without one. */
export const tagView = ({ tag }: Pick<MigrationResult, "tag">, options: TableOptions): string =>
  tag === undefined
    ? ""
    : table(
        ["tag", "from", "to", "outcome", { wide: "objects" }],
        [[tag.name, tag.from ?? "<none>", tag.to ?? "<none>", tag.outcome, tag.objects.join(",")]],
        options,
      );

const namespacesView = ({ namespaces }: MigrationResult, options: TableOptions): string =>
  namespaces.length === 0
    ? ""
    : table(
        ["namespace", "from", "to", "labels", { wide: "before" }, { wide: "after" }],
        namespaces.map((each) => [
          each.name,
          each.from,
          each.to,
          each.labels,
          revisionLabelsText(each.before),
          revisionLabelsText(each.after),
        ]),
        options,
      );

/** The end of a sentence about a result: what was left, where anything was. */
export const leftPhrase = ({ length }: readonly Left[]): string =>
  length === 0 ? "" : `; ${counted(length, "object")} left where ${length === 1 ? "it is" : "they are"}`;

/** Of `-A`: what has to move yet, or be left by name, before the migration is done. */
const unplannedPhrase = ({ unplanned = [] }: MigrationResult): string => {
  const open = unplanned.filter(isOpen);
  const pods = open.reduce((sum, each) => sum + each.pods, 0);
  if (pods === 0) return "";
  const where = listed([...new Set(open.map(({ namespace }) => namespace))], 5);
  return `; ${counted(pods, "pod")} of ${where} ${pods === 1 ? "is" : "are"} in no plan and ${pods === 1 ? "stays" : "stay"}`;
};

/** The result in one sentence. */
function summary(result: MigrationResult): string {
  const target = result.target === undefined ? "the target" : targetText(result.target);
  const of = (...outcomes: Outcome[]): readonly MigratedWorkload[] =>
    result.workloads.filter((workload) => outcomes.includes(workload.outcome));
  const moved = of("moved");
  const where = listed(
    result.namespaces.map((namespace) => namespace.name),
    5,
  );
  const left = `${unplannedPhrase(result)}${leftPhrase(result.left)}`;
  const { tag } = result;
  if (tag && where === "" && (result.state === "done" || result.state === "planned"))
    return result.state === "done"
      ? `moved tag ${tag.name} to revision ${tag.to}; nothing stale is behind it${left}`
      : `would move tag ${tag.name} to revision ${tag.to}; nothing stale is behind it; nothing was changed`;
  switch (result.state) {
    case "planned":
      return `would restart ${workloadsAndPods(of("planned"))} of ${where} onto ${target}${caughtUp(result, "become")}${left}; nothing was changed`;
    case "done":
      return `moved ${workloadsAndPods(moved)} of ${where} to ${target}${caughtUp(result, "are now")}: ${provenText(result, result.target?.revision)}${otherRelease(result)}${left}`;
    case "nothing-to-do":
      if (!tag && where === "" && result.left.length > 0) return `nothing to do: nothing else is stale${left}`;
      return `nothing to do: ${tag && where === "" ? `tag ${tag.name}` : where === "" ? "everything" : where} is on ${target} already${left}`;
    case "refused":
    case "failed":
    case "cannot-tell":
      return unchangedSummary(result);
    case "partial":
      if (result.failure === undefined && of("draining").length > 0)
        return `not done yet: every new pod of ${workloadsAndPods(of("moved", "draining", "already"))} is proven on ${target}, and old pods of ${counted(of("draining").length, "workload")} have not ended; run it again later to see the end`;
      return `not done: ${workloadsAndPods(moved)} moved to ${target}, ${counted(of("failed", "unproven", "not-started", "unselected").length, "workload")} did not${unplannedPhrase(result)}`;
    case "restored":
      return `put back: ${[...(tag ? [`tag ${tag.name}`] : []), ...(where === "" ? [] : [where])].join(" and ")} is as it was${moved.length === 0 ? "" : `; ${workloadsAndPods(moved)} had moved`}`;
    case "unknown":
      return `changed, but not everything could be proven: ${workloadsAndPods(moved)} proven on ${target}`;
    case "interrupted":
      return `interrupted: ${workloadsAndPods(moved)} moved to ${target}; rollouts that have started continue by themselves`;
  }
}

/** What is proven of each proxy on a revision; the weaker proof is never called the full one. */
export const provenText = (
  { proof, unasked = [] }: Pick<MigrationResult, "proof" | "unasked">,
  revision: string | undefined,
): string => {
  if (proof === "pods" && (revision === undefined || unasked.includes(revision)))
    return "each proxy is injected by it, ready and configured for it; whether each is connected was not asked (--proof pods)";
  const full = "each proxy is injected by it, ready, connected to it and in sync";
  return unasked.length === 0
    ? full
    : `${full}; whether any is still connected to ${listed(unasked)} was not asked (--proof pods)`;
};
/** Of a run with `--outdated`: from which versions to which; empty where nothing was outdated. */
const caughtUp = ({ versions }: MigrationResult, become: string): string =>
  versions === undefined || versions.from.length === 0
    ? ""
    : ` (proxies of ${listed(versions.from)} ${become} ${versions.injects ?? "what it injects"})`;

/** Proven proxies that are of another release than the target's istiod: done, and not without a word. */
const otherRelease = ({ findings }: MigrationResult): string =>
  findings.some(({ check }) => check === versionsProven.id) ? "; but not of the release of its istiod" : "";

/** `3 workloads (9 pods)`. */
export const workloadsAndPods = (workloads: readonly MigratedWorkload[]): string =>
  `${counted(workloads.length, "workload")} (${counted(
    workloads.reduce((sum, { pods }) => sum + pods, 0),
    "pod",
  )})`;

/** The first thing that went wrong, with the pod, its events and its last lines. */
export function failureView({ failure }: Pick<MigrationResult, "failure">): string {
  if (failure === undefined) return "";
  const { object, reason, pod, container, logs, events } = failure;
  const place = [pod === undefined ? "" : `pod ${pod}`, container === undefined ? "" : `container ${container}`]
    .filter((part) => part !== "")
    .join(", ");
  return [
    `failed: ${safe(refArgument(object))}: ${safe(reason)}`,
    ...(place === "" ? [] : [`  ${safe(place)}`]),
    ...block("events", events),
    ...block("last lines of its log", logs),
  ]
    .map((line) => `${line}\n`)
    .join("");
}

const block = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : [`  ${title}:`, ...lines.map((line) => `    ${safeLines(line)}`)];

/** A command is alone on its line, so that a person can copy the whole line. */
export const commandLines = (title: string, text: string | undefined): string =>
  text === undefined ? "" : `${title}\n  ${safeLines(text)}\n`;
