/**
 * Tables: what a server answers to who prints for people
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables).
 */
import type { Json, KubeJson } from "../../object.ts";
import type { Resource } from "../resources.ts";
import { type Cell, type Column, createdColumn, nameColumn } from "./column.ts";
import { customColumns } from "./custom.ts";
import { objectColumns } from "./objects.ts";
import { podColumns } from "./pod.ts";
import { workloadColumns } from "./workloads.ts";

const known: ReadonlyMap<string, readonly Column[]> = new Map([
  ...objectColumns,
  ["pods", podColumns],
  ...workloadColumns,
]);

/** `definition`: of a custom resource. */
export function columnsOf({ plural, version }: Resource, definition: KubeJson | undefined): readonly Column[] {
  if (definition) return customColumns(definition, version);
  return known.get(plural) ?? [nameColumn, createdColumn];
}

export interface TableParts {
  readonly columns: readonly Column[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** How much of each object comes with its row. */
  readonly include: string;
}

/**
 * metav1.Table. `metadata` is the list's, or that of the only object; without `heads` it says no columns, as all but
 * the first of a watch.
 */
export const tableOf = (
  { columns, now, include }: TableParts,
  metadata: Json,
  objects: readonly KubeJson[],
  heads = true,
): Json => ({
  ...{ kind: "Table", apiVersion: "meta.k8s.io/v1" },
  metadata: {
    resourceVersion: metadata.resourceVersion,
    continue: metadata.continue,
    remainingItemCount: metadata.remainingItemCount,
  },
  columnDefinitions: heads ? columns.map(({ cell, ...head }) => ({ ...head, description: "" })) : null,
  rows: objects.map((object) => ({
    cells: columns.map(({ cell }): Cell => cell(object, now)),
    ...(include !== "None" && { object: include === "Object" ? object : partialOf(object) }),
  })),
});

const partialOf = ({ metadata }: KubeJson): Json => ({
  kind: "PartialObjectMetadata",
  apiVersion: "meta.k8s.io/v1",
  metadata,
});
