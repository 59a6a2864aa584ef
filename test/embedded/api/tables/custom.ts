/**
 * The columns that a CustomResourceDefinition asks for (k8s.io/apiextensions-apiserver
 * pkg/registry/customresource/tableconvertor).
 */
import type { Json, KubeJson } from "../../object.ts";
import { ageColumn, ageOf, type Cell, type Column, column, nameColumn } from "./column.ts";

export function customColumns({ spec }: KubeJson, version: string): readonly Column[] {
  const asked: readonly Json[] | undefined = spec.versions.find(
    (each: Json) => each.name === version,
  )?.additionalPrinterColumns;
  if (!asked || asked.length === 0) return [nameColumn, { ...ageColumn, type: "date" }];
  return [
    nameColumn,
    ...asked.map(({ name, type, jsonPath, format = "", priority = 0 }): Column => {
      const find = finderOf(jsonPath);
      return { ...column(name, (object, now) => cellOf(type, find(object), now), type), format, priority };
    }),
  ];
}

function cellOf(type: string, value: Json, now: number): Cell {
  if (value === undefined || value === null) return null;
  if (type === "string") return typeof value === "object" ? JSON.stringify(value) : String(value);
  if (type === "date") return ageOf(value, now);
  if (type === "boolean") return typeof value === "boolean" ? value : null;
  return typeof value === "number" ? value : null;
}

/** The first that a simple JSONPath finds: names, `['name']`, indexes, `[*]` and `[?(@.name=="text")]`. */
function finderOf(path: string): (object: Json) => Json {
  const steps = [...path.matchAll(/\.([\w-]+)|\['([^']+)'\]|\[(\d+|\*)\]|\[\?\(@\.(\w+)\s*==\s*["']([^"']*)["']\)\]/g)];
  return (object) => {
    let found: Json = object;
    for (const [, name, quoted, index, field = "", text] of steps) {
      if (found === undefined || found === null) return undefined;
      const key = name ?? quoted;
      if (key !== undefined) found = Object.hasOwn(found, key) ? found[key] : undefined;
      else if (index !== undefined) found = found[index === "*" ? 0 : Number(index)];
      else found = found.find?.((each: Json) => each[field] === text);
    }
    return found;
  };
}
