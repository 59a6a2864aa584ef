/** Is anything else under way, and is this where it is said to start? */
import type { Finding } from "../../../mesh/finding.ts";
import { labelOf } from "../../../mesh/labels.ts";
import { undoAnnotation } from "../../../mesh/model.ts";
import { listed } from "../../../mesh/phrase.ts";
import { didYouMean } from "../../../mesh/text/suggestion.ts";
import { comesFrom } from "../../plan/moves.ts";
import { isMalformed, parseUndoRecord } from "../../record/undo-record.ts";
import { blocker, type Check } from "../check.ts";

/**
 * An unfinished run to another target is the way back of its namespace: it is ended before another begins (design:
 * state).
 */
const noOtherMigration: Check = {
  id: "no-other-migration",
  title: "no migration to another target is unfinished",
  run: ({ asked, target }) =>
    asked.flatMap(({ found }): readonly Finding[] => {
      const text = labelOf(found?.namespace.annotations, undoAnnotation);
      if (found?.eligibility !== "eligible" || text === undefined) return [];
      const { name, uid } = found.namespace;
      const [object, forget] = [`namespace/${name}`, `kubectl annotate namespace ${name} ${undoAnnotation}-`];
      const record = parseUndoRecord(text);
      if (isMalformed(record))
        return [
          blocker(
            "no-other-migration",
            object,
            `the record of an earlier migration (annotation ${undoAnnotation}) cannot be read: ${record.malformed}`,
            `look at it, and if it is of no use: ${forget}`,
          ),
        ];
      if (record.state === "done") return [];
      if (record.namespaceUid !== uid)
        return [
          blocker(
            "no-other-migration",
            object,
            "it holds the record of an unfinished migration of another namespace of this name, since deleted",
            forget,
          ),
        ];
      if (record.target.label === target.label && record.target.revision === target.revision) return [];
      return [
        blocker(
          "no-other-migration",
          object,
          `a migration to ${record.target.label} (revision ${record.target.revision}) was begun and is not finished`,
          `finish it: kubectl mesh-migrate -n ${name} --to ${record.target.label}; or, if it was put back by hand: ${forget}`,
        ),
      ];
    }),
};

const fromRevision: Check = {
  id: "from-exists",
  title: "the namespaces are on the revision they are said to come from",
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
          "from-exists",
          `revision/${from}`,
          `no revision has this name${didYouMean(from, known)}`,
          `revisions here: ${listed(known, 12)}`,
        ),
      ];
    return moves
      .filter((move) => !comesFrom(move, from))
      .map((move) =>
        blocker(
          "from-exists",
          `namespace/${move.namespace.name}`,
          `it is on revision ${move.from.revision}, not ${from}`,
          "leave it out, or leave out --from",
        ),
      );
  },
};

export const startingPointChecks: readonly Check[] = [noOtherMigration, fromRevision];
