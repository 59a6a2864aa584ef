/** The result of a rollback: some lines for a person, the commands that go on or turn round, and a document for scripts. */
import { counted, listed } from "../mesh/phrase.ts";
import { revisionLabelsText } from "../mesh/revision-labels.ts";
import { safe } from "../mesh/safe.ts";
import type { Outcome } from "../upgrade/result.ts";
import type { NamespacesRollbackPlan } from "../upgrade/rollback/plan-rollback.ts";
import type { RollbackResult, RolledBackNamespace } from "../upgrade/rollback/rollback-result.ts";
import { apiVersion, type ResultDocument } from "./document.ts";
import { findingsView } from "./findings-view.ts";
import {
  commandLines,
  failureView,
  leftPhrase,
  provenText,
  tagView,
  workloadNames,
  workloadsAndPods,
  workloadsView,
} from "./migration-view.ts";
import { leftView, planView } from "./plan-view.ts";
import { type TableOptions, table } from "./table.ts";

/**
 * The result as text. Workloads that went back are counted, and with `wide` listed like the others. A dry run shows the
 * `plan` instead.
 */
export function rollbackView(result: RollbackResult, options: TableOptions, plan: NamespacesRollbackPlan): string {
  const parts = result.state === "planned" ? [planView(plan, result.findings, options)] : outcomeParts(result, options);
  const commands = `${commandLines("to go on:", result.goOn)}${commandLines("to turn round:", result.goBack)}`;
  return [...parts, `${safe(summary(result))}\n${commands}`].filter((part) => part !== "").join("\n");
}

const outcomeParts = (result: RollbackResult, options: TableOptions): readonly string[] => {
  const shown = result.workloads.filter(({ outcome }) => options.wide || !asHoped.has(outcome));
  return [
    tagView(result, options),
    namespacesTable(result, options),
    workloadsView(shown, options, "back"),
    result.left.length === 0 ? "" : leftView(result.left, options),
    findingsView(result.findings),
    failureView(result),
  ];
};

const asHoped: ReadonlySet<Outcome> = new Set(["restored", "already", "empty", "not-injected"]);

const namespacesTable = ({ namespaces }: RollbackResult, options: TableOptions): string =>
  namespaces.length === 0
    ? ""
    : table(
        ["namespace", "from", "to", "labels", "record", { wide: "run" }, { wide: "before" }, { wide: "after" }],
        namespaces.map(({ name, from, to, labels, record, run, before, after }) => [
          ...[name, from, to, labels, record, run],
          ...[revisionLabelsText(before), revisionLabelsText(after)],
        ]),
        options,
      );

/** One name in each line, as `kubectl -o name` prints them: the workloads that went back, or would go. */
export const rollbackNamesView = ({ workloads }: RollbackResult): string =>
  workloadNames(workloads, "restored", "planned");

export interface RollbackDocument extends ResultDocument, RollbackResult {
  readonly kind: "MeshRollback";
}

export const rollbackDocument = (result: RollbackResult): RollbackDocument => ({
  apiVersion,
  kind: "MeshRollback",
  ...result,
});

/** The result in one sentence. */
function summary({ state, tag, namespaces, workloads, left, proof, unasked = [] }: RollbackResult): string {
  const of = (...outcomes: Outcome[]) => workloads.filter(({ outcome }) => outcomes.includes(outcome));
  const changed = namespaces.filter(({ labels }) => labels === "changed");
  const going = namespaces.filter(({ labels }) => labels !== "changed");
  const [where, to] = [namesOf(going, ({ name }) => name), namesOf(going, (each) => each.to)];
  const back = workloadsAndPods(of("restored"));
  const rest = `${changed.length === 0 ? "" : `; ${namesOf(changed, ({ name }) => name)} was left as it is`}${leftPhrase(left)}`;
  if (tag && where === "" && (state === "done" || state === "planned"))
    return `${state === "done" ? "put back" : "would put back"} tag ${tag.name}${tag.to === undefined ? ": there was none" : ` on revision ${tag.to}`}; no namespace moved with it`;
  switch (state) {
    case "planned":
      return `would restart ${workloadsAndPods(of("planned"))} of ${where} to put them back on revision ${to}${rest}; nothing was changed`;
    case "done":
      return `put back ${back} of ${where} on revision ${to}: ${provenText({ proof, unasked }, going.find((each) => unasked.includes(each.to))?.to ?? to)}; the labels are ${arePinned(going) ? "those of the revision itself" : "as before"}${rest}`;
    case "nothing-to-do":
      return "nothing to do: nothing is there to put back";
    case "interrupted":
      return `interrupted: ${back} put back; rollouts that have started continue by themselves${rest}`;
    case "unknown":
      return `changed, but not everything could be proven: ${back} proven to be back${rest}`;
    default: {
      const open = of("failed", "unproven", "not-started").length;
      const draining = of("draining").length;
      if (draining > 0 && open === 0)
        return `not done yet: every new pod is proven to be back, and old pods of ${counted(draining, "workload")} have not ended; run it again later to see the end${rest}`;
      return `not done: ${back} put back${open === 0 ? "" : `, ${counted(open, "workload")} not`}${rest}`;
    }
  }
}

/** Whether `--pin` wrote the labels: then they are those of the revision, and not those of before. */
const arePinned = (namespaces: readonly RolledBackNamespace[]): boolean => namespaces.some((each) => each.pinned);

const namesOf = (namespaces: readonly RolledBackNamespace[], of: (namespace: RolledBackNamespace) => string): string =>
  listed([...new Set(namespaces.map(of))], 5);
