/** What a removal or a restore came to, for a person and for scripts; and the inventory before it. */
import { counted } from "../mesh/phrase.ts";
import { safe } from "../mesh/safe.ts";
import { refKey } from "../upgrade/cleanup/chart-objects.ts";
import { keptManifest } from "../upgrade/cleanup/kept-manifest.ts";
import type { AfterProof, RemovalResult } from "../upgrade/cleanup/removal-result.ts";
import type { Inventory } from "../upgrade/cleanup/revision-inventory.ts";
import { apiVersion, type ManifestList, type ResultDocument } from "./document.ts";
import { type TableOptions, table } from "./table.ts";

/** schemas/removal.schema.json */
export interface RemovalDocument extends ResultDocument {
  readonly kind: "MeshRemoval";
  readonly state: RemovalResult["state"];
  readonly revision: string;
  readonly reason: string | undefined;
  readonly remedy: string | undefined;
  readonly phase: RemovalResult["phase"];
  readonly objects: readonly { readonly object: string; readonly stage: string }[];
  readonly shared: readonly { readonly object: string; readonly why: string }[];
  readonly after: AfterProof | undefined;
  readonly goOn: string | undefined;
  readonly goBack: string | undefined;
}

export const removalDocument = (result: RemovalResult): RemovalDocument => {
  const { state, revision, reason, remedy, phase, objects, inventory, after, goOn, goBack, exitCode } = result;
  return {
    ...{ apiVersion, kind: "MeshRemoval", state, revision, reason, remedy, phase },
    objects: objects.map(({ ref, stage }) => ({ object: refKey(ref), stage })),
    shared: (inventory?.shared ?? []).map(({ ref, why }) => ({ object: refKey(ref), why })),
    ...{ after, goOn, goBack, exitCode },
  };
};

/** The table of objects, what was tried afterwards, and what to do next. */
export function removalView(result: RemovalResult, options: TableOptions): string {
  const { objects, after, goOn, goBack } = result;
  const rows = objects.map(({ ref, stage }) => [refKey(ref), stage]);
  return [
    rows.length === 0 ? "" : table(["object", "state"], rows, options),
    after
      ? table(
          ["tried afterwards", "state", "evidence"],
          after.checks.map(({ title, state, evidence }) => [title, state, evidence]),
          options,
        )
      : "",
    [
      `${safe(removalSummary(result))}\n`,
      ...(goOn === undefined ? [] : [`go on: ${safe(goOn)}\n`]),
      ...(goBack === undefined ? [] : [`put it back: ${safe(goBack)}\n`]),
    ].join(""),
  ]
    .filter((part) => part !== "")
    .join("\n");
}

/** One line: how it ended, why, and how to mend it. */
export function removalSummary({ state, revision, reason, remedy, objects, phase }: RemovalResult): string {
  const why = reason === undefined ? "" : `: ${reason}`;
  const how = remedy === undefined ? "" : ` (${remedy})`;
  const deleted = objects.filter(({ stage }) => stage === "deleted").length;
  switch (state) {
    case "removed":
      return `revision ${revision} is removed, ${counted(deleted, "object")} deleted${why}${how}`;
    case "nothing-to-do":
      return `nothing to do${why}`;
    case "refused":
    case "unknown":
    case "declined":
      return `revision ${revision} is not removed, nothing was changed${why}${how}`;
    case "restored":
      return `revision ${revision} is as it was before${why}${how}`;
    case "partial":
    case "interrupted":
      return `revision ${revision} is half removed (${phase ?? "not begun"})${why}${how}`;
  }
}

/** What goes, in its order, and what stays although it looks like the revision's. */
export function inventoryView({ owned, shared }: Inventory, options: TableOptions): string {
  const goes = owned.map(({ ref, uid, why }) => [refKey(ref), uid, why]);
  const stays = shared.map(({ ref, why }) => [refKey(ref), why]);
  return [
    table(["deleted", { wide: "uid" }, "because"], goes, options),
    ...(stays.length === 0 ? [] : [table(["stays", "because"], stays, options)]),
  ].join("\n");
}

/** The manifests of what goes, for Git: a List that `kubectl apply` takes. It is no result of ours, and has no exit code. */
export const inventoryList = (inventories: readonly Inventory[]): ManifestList => ({
  ...{ apiVersion: "v1", kind: "List" },
  items: inventories.flatMap(({ owned }) => owned.map(keptManifest)),
});
