/** Reads the fields of a kubeconfig with the types that client-go demands. */
import { ClusterError } from "../cluster-error.ts";
import { printable } from "../printable.ts";

/** A mapping of a kubeconfig, read field by field with the types client-go demands; `where` names it in errors. */
export interface Fields {
  readonly where: string;
  text(key: string): string | undefined;
  texts(key: string): readonly string[];
  flag(key: string): boolean;
  /** Base64, decoded to text (certificates and keys are PEM). */
  data(key: string): string | undefined;
  fields(key: string): Fields | undefined;
  /** A list of mappings. */
  list(key: string): readonly Fields[];
  /** The keys of a mapping of texts, e.g. `as-user-extra` or an auth provider's `config`. */
  keys(): readonly string[];
  raw(key: string): unknown;
}

/**
 * Reads a parsed YAML value as a mapping. Throws `ClusterError` (config) naming the field that has another type. Never
 * shows a value.
 */
export function readFields(value: unknown, where: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(where, "a mapping");
  const map = value as Record<string, unknown>;
  const at = (key: string): string => `${where}: ${key}`;
  const raw = (key: string): unknown => (Object.hasOwn(map, key) ? (map[key] ?? undefined) : undefined);
  const list = (key: string): readonly unknown[] => {
    const found = raw(key);
    if (found !== undefined && !Array.isArray(found)) throw wrong(at(key), "a list");
    return (found as unknown[] | undefined) ?? [];
  };
  const text = (key: string): string | undefined => {
    const found = raw(key);
    if (found !== undefined && typeof found !== "string") throw wrong(at(key), "a string (put it in quotes)");
    return found === "" ? undefined : found;
  };
  return {
    where,
    raw,
    text,
    texts: (key) =>
      list(key).map((item) => {
        if (typeof item !== "string") throw wrong(at(key), "a list of strings");
        return item;
      }),
    flag: (key) => {
      const found = raw(key);
      if (found !== undefined && typeof found !== "boolean") throw wrong(at(key), "true or false");
      return found ?? false;
    },
    data: (key) => {
      const found = text(key)?.replace(/[\r\n]/g, "");
      if (found === undefined) return undefined;
      if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(found))
        throw wrong(at(key), "base64");
      return Buffer.from(found, "base64").toString();
    },
    fields: (key) => (raw(key) === undefined ? undefined : readFields(raw(key), at(key))),
    list: (key) => list(key).map((item, index) => readFields(item, `${at(key)}[${index}]`)),
    keys: () => Object.keys(map),
  };
}

function wrong(where: string, wanted: string): ClusterError {
  return new ClusterError(`${printable(where)} is not ${wanted}`, {
    reason: "config",
    hint: "Fix the kubeconfig, e.g. with `kubectl config`.",
  });
}
