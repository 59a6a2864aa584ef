/** The history of namespaces (`mesh-rollback --list`): a table for a person, a document for scripts, names. */
import type { Finding } from "../mesh/finding.ts";
import { instantOf } from "../mesh/instant.ts";
import { safe } from "../mesh/safe.ts";
import { ageText } from "../mesh/text/duration.ts";
import { type HistoryFacts, type HistoryRun, runHistory, type WayBack } from "../upgrade/history.ts";
import { apiVersion, jsonView, type ResultDocument, yamlView } from "./document.ts";
import { type Head, type TableOptions, table } from "./table.ts";

/** schemas/history.schema.json */
export interface HistoryDocument extends ResultDocument {
  readonly kind: "MeshRunHistory";
  /** RFC 3339, by the API server's clock. */
  readonly takenAt: string;
  /** Namespaces by name, runs oldest first. */
  readonly runs: readonly HistoryRun[];
}

/**
 * The history in the format of `-o`. `wayBack` has what the checks of a rollback found in each namespace of
 * `undoableNamespaces`.
 */
export function historyText(
  facts: HistoryFacts,
  wayBack: ReadonlyMap<string, readonly Finding[]>,
  { output, noHeaders }: { readonly output: string; readonly noHeaders: boolean },
): string {
  const document = historyDocument(facts, wayBack);
  if (output === "json") return jsonView(document);
  if (output === "yaml") return yamlView(document);
  return output === "name" ? historyNamesView(document) : historyView(document, { wide: output === "wide", noHeaders });
}

/** The runs as data, with the exit code of a list: 0. */
export const historyDocument = (
  facts: HistoryFacts,
  wayBack: ReadonlyMap<string, readonly Finding[]>,
): HistoryDocument => ({
  ...{ apiVersion, kind: "MeshRunHistory", takenAt: facts.takenAt },
  runs: runHistory(facts, wayBack),
  exitCode: 0,
});

/** `namespace/NAME` in a line, once for each namespace that has a history. */
export const historyNamesView = ({ runs }: HistoryDocument): string =>
  [...new Set(runs.map(({ namespace }) => `namespace/${safe(namespace)}\n`))].join("");

/** The table. A text that is too long for a table is cut; the document has the whole of it. */
export const historyView = ({ runs, takenAt }: HistoryDocument, options: TableOptions = {}): string =>
  runs.length === 0
    ? "No run of kubectl mesh-migrate or mesh-rollback found.\n"
    : table(
        heads,
        runs.map((run) => rowOf(run, takenAt, options.wide === true).map(cut)),
        options,
      );

const heads: readonly Head[] = [
  ...["namespace", "run", "verb", "from", "to", "by", "started", "state", "way back"],
  ...["label", "undoes", "stopped", "reason"].map((wide) => ({ wide })),
];

const rowOf = (run: HistoryRun, takenAt: string, wide: boolean): readonly (string | undefined)[] => [
  run.namespace,
  run.run,
  run.verb,
  run.from,
  run.to,
  run.by,
  wide ? run.startedAt : ageOf(run.startedAt, takenAt),
  stateText(run),
  run.wayBack && wayBackText(run.wayBack),
  run.label,
  run.undoes,
  run.stoppedAt,
  run.reason,
];

/** Characters of a cell: a sentence fits, and a text of a megabyte does not push the other columns away. */
const mostCharacters = 120;
const cut = (cell: string | undefined): string | undefined =>
  cell !== undefined && cell.length > mostCharacters ? `${cell.slice(0, mostCharacters)}…` : cell;

const ageOf = (startedAt: string | undefined, takenAt: string): string | undefined => {
  const [from, to] = [instantOf(startedAt), instantOf(takenAt)];
  if (startedAt === undefined) return undefined;
  return from === undefined || to === undefined ? "unknown" : ageText(to - from);
};

const stateText = ({ state, lock }: HistoryRun): string => (lock ? `${state} (held by ${lock.holder})` : state);

/** `ready`, `nothing to put back`, or the first reason why not. */
const wayBackText = ({ state, findings }: WayBack): string => {
  if (state === "ready") return state;
  if (state === "nothing") return "nothing to put back";
  const severity = state === "blocked" ? "blocker" : "unknown";
  const [first, ...others] = findings.filter((finding) => finding.severity === severity);
  if (!first) return state;
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  const text = state === "blocked" ? first.message : `${state}: ${first.message}`;
  return `${cut(text)}${more}`;
};
