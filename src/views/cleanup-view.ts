/** Whether a revision may be removed, for a person: a line for each route of the proof, what was found, and the soak. */

import { isObstacle } from "../mesh/finding.ts";
import { counted } from "../mesh/phrase.ts";
import { safe } from "../mesh/safe.ts";
import { ageText } from "../mesh/text/duration.ts";
import { type CleanupResult, proofFindings } from "../upgrade/cleanup/cleanup-result.ts";
import { findingsView } from "./findings-view.ts";
import { type TableOptions, table } from "./table.ts";

/** `wide` has the id of each route too: that of its check. */
export function cleanupView(result: CleanupResult, options: TableOptions): string {
  const routes = table(
    ["route", "state", "evidence", { wide: "check" }],
    result.proof.routes.map(({ title, state, evidence, id }) => [title, state, evidence, id]),
    options,
  );
  return [routes, findingsView(proofFindings(result.proof)), `${safe(summary(result))}\n`]
    .filter((part) => part !== "")
    .join("\n");
}

/** One name in each line: the objects that use the revision, or of which that cannot be told. */
export const cleanupNamesView = ({ proof }: CleanupResult): string =>
  [
    ...new Set(
      proofFindings(proof)
        .filter(isObstacle)
        .map(({ object }) => `${safe(object)}\n`),
    ),
  ].join("");

function summary({ state, revision, proof, soak, soakMs }: CleanupResult): string {
  const routes = (of: string): number => proof.routes.filter((route) => route.state === of).length;
  const since = soak.since === undefined ? "" : ` at ${soak.since}`;
  switch (state) {
    case "in-use":
      return `revision ${revision} is in use by ${counted(routes("in use"), "route")}; nothing was changed`;
    case "cannot-tell":
      return `whether revision ${revision} is in use cannot be told: ${counted(routes("unknown"), "route")} could not be seen; nothing was changed`;
    case "soaking":
      return `nothing needs revision ${revision}, and it has to be unused for ${ageText(soakMs)}: ${ageText(soak.state === "not over" ? soak.leftMs : 0)} left (${soak.why}${since}); nothing was changed`;
    case "unused":
      return `nothing needs revision ${revision}, and it was unused for long enough (${soak.why}${since}); nothing was changed`;
  }
}
