/** Applies a JSON patch (RFC 6902) as admission webhooks answer it. Pure. */

type Json = unknown;

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly value?: Json;
}

/**
 * The document with the operations `add`, `replace` and `remove` carried out; nothing of `document` is changed. Throws an
 * `Error` for any other operation, and for a path that is not there: istiod's own patches have no other
 * (gomodules.xyz/jsonpatch, which pkg/kube/inject/webhook.go of istio/istio uses).
 */
export const patched = (document: Json, operations: readonly Operation[]): Json =>
  operations.reduce((now, operation) => changed(now, keysOf(operation.path), operation), document);

const keysOf = (path: string): readonly string[] =>
  path === ""
    ? []
    : path
        .split("/")
        .slice(1)
        .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));

const changed = (at: Json, [key, ...rest]: readonly string[], operation: Operation): Json => {
  if (key === undefined) return operation.op === "remove" ? undefined : operation.value;
  if (Array.isArray(at)) {
    const index = key === "-" ? at.length : Number(key);
    if (rest.length > 0) return at.with(index, changed(at[index], rest, operation));
    if (operation.op === "add") return at.toSpliced(index, 0, operation.value);
    if (operation.op === "remove") return at.toSpliced(index, 1);
    return at.with(index, givenBy(operation));
  }
  if (typeof at !== "object" || at === null) throw new Error(`there is nothing at ${operation.path}`);
  const { [key]: found, ...others } = at as Readonly<Record<string, Json>>;
  if (rest.length > 0) return { ...at, [key]: changed(found, rest, operation) };
  return operation.op === "remove" ? others : { ...at, [key]: givenBy(operation) };
};

const givenBy = ({ op, value, path }: Operation): Json => {
  if (op === "add" || op === "replace") return value;
  throw new Error(`the patch of ${path} has the operation ${op}`);
};
