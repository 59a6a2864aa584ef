/** Is another migration unfinished, and do the namespaces come from the revision that `--from` names? */
import { labelOf } from "../../../mesh/labels.ts";
import { undoAnnotation } from "../../../mesh/model.ts";
import { listed } from "../../../mesh/phrase.ts";
import { didYouMean } from "../../../mesh/text/suggestion.ts";
import { comesFrom, type Facts } from "../../plan/moves.ts";
import { isMalformed } from "../../record/record-fields.ts";
import { parseUndoRecord } from "../../record/undo-record.ts";
import { blocker, type Check, type Observation } from "../check.ts";

/** The record of an unfinished run is the way back of its namespace: that run ends before another begins. */
const noOtherMigration: Check<Facts> = {
  id: "no-other-migration",
  title: "no migration to another target is unfinished",
  severity: "blocker",
  category: "namespaces",
  run: ({ asked, target }) =>
    asked.flatMap(({ found }): readonly Observation[] => {
      const text = labelOf(found?.namespace.annotations, undoAnnotation);
      if (found?.eligibility !== "eligible" || text === undefined) return [];
      const { name, uid } = found.namespace;
      const [object, forget] = [`namespace/${name}`, `kubectl annotate namespace ${name} ${undoAnnotation}-`];
      const record = parseUndoRecord(text);
      if (isMalformed(record))
        return [
          blocker(
            object,
            `the record of an earlier migration (annotation ${undoAnnotation}) cannot be read: ${record.malformed}`,
            `look at it, and if it is of no use: ${forget}`,
          ),
        ];
      if (record.state === "done") return [];
      if (record.namespaceUid !== uid)
        return [
          blocker(
            object,
            "it holds the record of an unfinished migration of another namespace of this name, since deleted",
            forget,
          ),
        ];
      if (record.target.label === target.label && record.target.revision === target.revision) return [];
      return [
        blocker(
          object,
          `a migration to ${record.target.label} (revision ${record.target.revision}) was begun and is not finished`,
          `finish it: kubectl mesh-migrate -n ${name} --to ${record.target.label}; or, if it was put back by hand: ${forget}`,
        ),
      ];
    }),
};

const fromRevision: Check<Facts> = {
  id: "from-exists",
  title: "the namespaces are on the revision they are said to come from",
  severity: "blocker",
  category: "request",
  run: ({ mesh, moves, request }) => {
    const { from } = request;
    if (from === undefined) return [];
    const known = [
      ...new Set([
        ...mesh.controlPlanes.map(({ revision }) => revision),
        ...mesh.injectors.map(({ revision }) => revision),
        ...mesh.pods.flatMap((pod) => pod.proxy?.revision ?? []),
      ]),
    ];
    if (!known.includes(from))
      return [
        blocker(
          `revision/${from}`,
          `no revision has this name${didYouMean(from, known)}`,
          `revisions here: ${listed(known, 12)}`,
        ),
      ];
    return moves
      .filter((move) => !comesFrom(move, from))
      .map((move) =>
        blocker(
          `namespace/${move.namespace.name}`,
          `it is on revision ${move.from.revision}, not ${from}`,
          "leave it out, or leave out --from",
        ),
      );
  },
};

export const startingPointChecks: readonly Check<Facts>[] = [noOtherMigration, fromRevision];
