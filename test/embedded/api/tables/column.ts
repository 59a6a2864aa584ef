/** A column of what `kubectl get` prints, and the texts that many columns share. */
import type { Json, KubeJson } from "../../object.ts";

export type Cell = string | number | boolean | null;

export interface Column {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  /** 1: shown by `-o wide` alone. */
  readonly priority: number;
  /** `now`: milliseconds since 1970. */
  readonly cell: (object: KubeJson, now: number) => Cell;
}

export const column = (name: string, cell: Column["cell"], type = "string"): Column => ({
  name,
  type,
  format: "",
  priority: 0,
  cell,
});
export const integer = (name: string, cell: Column["cell"]): Column => column(name, cell, "integer");
export const wide = (name: string, cell: Column["cell"]): Column => ({ ...column(name, cell), priority: 1 });

export const nameColumn: Column = { ...column("Name", ({ metadata }) => metadata.name), format: "name" };
export const ageColumn = column("Age", ({ metadata }, now) => ageOf(metadata.creationTimestamp, now));
/** Of kinds for which the API server has no printer (k8s.io/apiserver pkg/registry/rest/table.go). */
export const createdColumn = column("Created At", ({ metadata }) => metadata.creationTimestamp, "date");

/** The time since an RFC 3339 time. */
export const ageOf = (time: string | null | undefined, now: number): string =>
  time ? humanDuration(Math.trunc((now - Date.parse(time)) / 1000)) : "<unknown>";

/** Seconds in words, as k8s.io/apimachinery pkg/util/duration has it. */
export function humanDuration(seconds: number): string {
  if (seconds < 0) return seconds < -1 ? "<invalid>" : "0s";
  const [minutes, hours, days] = [60, 3600, 86_400].map((unit) => Math.trunc(seconds / unit)) as [
    number,
    number,
    number,
  ];
  const both = (large: number, unit: string, small: number, rest: string): string =>
    `${large}${unit}${small === 0 ? "" : `${small}${rest}`}`;
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return both(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  if (hours < 8) return both(hours, "h", minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  if (days < 8) return both(days, "d", hours % 24, "h");
  if (days < 730) return `${days}d`;
  return days < 2920 ? both(Math.trunc(days / 365), "y", days % 365, "d") : `${Math.trunc(days / 365)}y`;
}

export const labelsText = (labels: Readonly<Record<string, string>> | undefined): string =>
  Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .toSorted()
    .join() || "<none>";

/** metav1.FormatLabelSelector. */
export function selectorText(selector: Json): string {
  const words: Readonly<Record<string, (key: string, values: readonly string[]) => string>> = {
    In: (key, values) => `${key} in (${values.toSorted().join()})`,
    NotIn: (key, values) => `${key} notin (${values.toSorted().join()})`,
    Exists: (key) => key,
    DoesNotExist: (key) => `!${key}`,
  };
  const terms = [
    ...Object.entries<string>(selector?.matchLabels ?? {}).map(([key, value]) => ({ key, text: `${key}=${value}` })),
    ...(selector?.matchExpressions ?? []).map(({ key, operator, values = [] }: Json) => ({
      key,
      text: words[operator]?.(key, values),
    })),
  ];
  const sorted = terms.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  return sorted.map(({ text }) => text).join() || "<none>";
}

/** The first three, and how many more. */
export const fewOf = (all: readonly string[]): string =>
  all.length > 3 ? `${all.slice(0, 3).join()} + ${all.length - 3} more...` : all.join() || "<unset>";

export const containerColumns = (templateOf: (object: KubeJson) => Json): readonly Column[] => {
  const each = (object: KubeJson, field: string): string =>
    templateOf(object)
      .spec.containers.map((container: Json) => container[field])
      .join();
  return [wide("Containers", (object) => each(object, "name")), wide("Images", (object) => each(object, "image"))];
};
