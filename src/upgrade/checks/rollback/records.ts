/** Can each namespace be put back by what was recorded of it? */
import { undoAnnotation } from "../../../mesh/model.ts";
import { type RevisionLabels, revisionLabelKeys, revisionLabelsText } from "../../../mesh/revision-labels.ts";
import { didYouMean } from "../../../mesh/text/suggestion.ts";
import { shellWord } from "../../commands.ts";
import { type RunRecord, stateName } from "../../record/run-journal.ts";
import type { RollbackFacts } from "../../rollback/rollback-facts.ts";
import type { Place, Standing } from "../../rollback/rollback-place.ts";
import { blocker, type Check, cannotTell, note, type Observation, warning } from "../check.ts";
import { journalRemedy } from "../journal-findings.ts";

type Of<K extends Standing["kind"]> = Extract<Standing, { readonly kind: K }>;

/** The observations about the namespaces of one standing. */
const each = <K extends Standing["kind"]>(
  places: readonly Place[],
  kind: K,
  tell: (name: string, standing: Of<K>, object: string) => Observation,
): readonly Observation[] =>
  places.flatMap(({ name, standing }) =>
    standing.kind === kind ? [tell(name, standing as Of<K>, `namespace/${name}`)] : [],
  );

const placesExist: Check<RollbackFacts> = {
  id: "places-exist",
  title: "the namespaces to put back exist",
  severity: "blocker",
  category: "rollback",
  run: ({ places, all }) => {
    const known = all.evidence.namespaces;
    return each(places, "missing", (name, _, object) =>
      blocker(object, `there is no namespace ${name}${didYouMean(name, known)}`, "kubectl get namespaces"),
    );
  },
};

const somethingToPutBack: Check<RollbackFacts> = {
  id: "put-back",
  title: "each namespace has something to put back",
  severity: "note",
  category: "rollback",
  run: ({ places, request }) => [
    ...(places.length === 0 && request.namespaces === "all" && request.tag === undefined
      ? [note("namespaces", "no namespace has an undo record")]
      : []),
    ...(request.namespaces === "all"
      ? []
      : each(places, "nothing", (_, { reason }, object) => note(object, `nothing to put back: ${reason}`))),
  ],
};

const undoRecord: Check<RollbackFacts> = {
  id: "undo-record",
  title: "each undo record can be used",
  severity: "blocker",
  category: "rollback",
  run: ({ places }) =>
    each(places, "record", (name, { reason }, object) =>
      blocker(
        object,
        `its undo record (annotation ${undoAnnotation}) cannot be used: ${reason}`,
        `a newer release may be able to; else set its labels by hand, and then: kubectl annotate namespace ${name} ${undoAnnotation}-`,
      ),
    ),
};

const journalUsable: Check<RollbackFacts> = {
  id: "journal",
  title: "each journal can be used",
  severity: "blocker",
  category: "rollback",
  run: ({ places, journalsUnread, journalsUnlisted }) => [
    ...(journalsUnread === undefined
      ? []
      : [
          cannotTell(
            `ConfigMap/${stateName}`,
            `the journals of the namespaces could not be read: ${journalsUnread}`,
            "get the right to read it, or try again when the server answers",
          ),
        ]),
    ...(journalsUnlisted === undefined
      ? []
      : [
          warning(
            `ConfigMap/${stateName}`,
            `whether a namespace that a run has changed lost its undo record is not known, because the journals cannot be listed: ${journalsUnlisted}`,
            "name such a namespace with -n",
          ),
        ]),
    ...each(places, "journal", (name, { reason, record }, object) =>
      blocker(
        object,
        `its journal (ConfigMap ${stateName}) cannot be used: ${reason}`,
        record === "none"
          ? journalRemedy(name)
          : `a newer release may be able to; to go back by the undo record alone: kubectl -n ${name} delete configmap ${stateName}`,
      ),
    ),
  ],
};

/** Labels are restored from the undo record alone: what the journal has of them is shown, and nothing is done with it. */
const undoRecordThere: Check<RollbackFacts> = {
  id: "undo-record-there",
  title: "no undo record is lost",
  severity: "blocker",
  category: "rollback",
  run: ({ places }) =>
    each(places, "lost", (name, { run }, object) => blocker(object, lostRecord(run), setByHand(name, run.before))),
};

const lostRecord = ({ run, from, to, startedAt, before }: RunRecord): string =>
  `run ${run} moved it from ${from} to ${to} (begun at ${startedAt}), and somebody removed its undo record, from which alone labels are restored; its journal has that they were ${revisionLabelsText(before)}`;

const setByHand = (name: string, labels: RevisionLabels): string => {
  const words = revisionLabelKeys.map((key) => (labels[key] === null ? `${key}-` : shellWord(`${key}=${labels[key]}`)));
  return `if nothing else has set its labels since: kubectl label namespace ${name} ${words.join(" ")} --overwrite, restart its workloads, and then: kubectl -n ${name} delete configmap ${stateName}`;
};

const lastRun: Check<RollbackFacts> = {
  id: "last-run",
  title: "--run names the last run of its namespaces",
  severity: "blocker",
  category: "rollback",
  run: ({ places, request, runKnown }) => [
    ...(runKnown
      ? []
      : [
          blocker(
            `run/${request.run}`,
            "no namespace has a record of a run of this name",
            "kubectl mesh-rollback --list",
          ),
        ]),
    ...each(places, "superseded", (name, { last }, object) =>
      blocker(
        object,
        `run ${last} changed it after run ${request.run}`,
        `put that back first: kubectl mesh-rollback -n ${name} --run ${last}`,
      ),
    ),
  ],
};

/** Where nothing else goes back there is nothing to do, and the labels have to be seen. */
const labelsUnchanged: Check<RollbackFacts> = {
  id: "labels-unchanged",
  title: "nobody else changed the labels since the run",
  severity: "blocker",
  category: "rollback",
  run: ({ places, returns, astray }) =>
    each(places, "changed", (name, { found, back }, object) =>
      (returns.length + astray.length === 0 ? blocker : warning)(
        object,
        `somebody changed its labels since run ${back.record.run}: they are ${revisionLabelsText(found)}; it is left as it is, with its workloads`,
        `to have it put back all the same, give it the labels of the run: kubectl label namespace ${name} istio-injection- ${shellWord(`istio.io/rev=${back.record.target.label}`)} --overwrite`,
      ),
    ),
};

export const recordChecks: readonly Check<RollbackFacts>[] = [
  placesExist,
  somethingToPutBack,
  undoRecord,
  journalUsable,
  undoRecordThere,
  lastRun,
  labelsUnchanged,
];
