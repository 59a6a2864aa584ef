/**
 * The values of `--leave`, `--allow-downtime` and `--restart-owned`: `[NAMESPACE/]KIND/NAME`, kubectl's names for kinds,
 * `*` in any part.
 */
import type { ObjectRef } from "../../mesh/model.ts";

export interface Pattern {
  readonly text: string;
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
}

/**
 * kubectl's short names (https://kubernetes.io/docs/reference/kubectl/#resource-types); a plural is the kind with an
 * `s`.
 */
const shortNames: ReadonlyMap<string, readonly string[]> = new Map([
  ["deployment", ["deploy"]],
  ["statefulset", ["sts"]],
  ["daemonset", ["ds"]],
  ["replicaset", ["rs"]],
  ["replicationcontroller", ["rc"]],
  ["pod", ["po"]],
  ["rollout", ["ro"]],
  ["gateway", ["gtw"]],
]);

/**
 * A pattern, or `undefined` for a text that is none: not two or three parts, or an empty one. The group of
 * `deployment.apps` is not looked at.
 */
export const parsePattern = (text: string): Pattern | undefined => {
  const parts = text.split("/");
  const [namespace, kind, name] = parts.length === 2 ? ["*", ...parts] : parts;
  if (parts.length > 3 || !namespace || !kind || !name) return undefined;
  const bareKind = kind.toLowerCase().split(".", 1)[0];
  return bareKind ? { text, namespace, kind: bareKind, name } : undefined;
};

export const matchesPattern = (pattern: Pattern, ref: ObjectRef): boolean =>
  matchesGlob(pattern.namespace, ref.namespace) &&
  matchesGlob(pattern.name, ref.name) &&
  namesOf(ref.kind).some((kind) => matchesGlob(pattern.kind, kind));

/** Is the object named by any of these texts? A text that is no pattern names nothing. */
export const isNamed = (texts: readonly string[], ref: ObjectRef): boolean =>
  texts.some((text) => {
    const pattern = parsePattern(text);
    return pattern !== undefined && matchesPattern(pattern, ref);
  });

const namesOf = (kind: string): readonly string[] => {
  const name = (kind.split(".", 1)[0] ?? "").toLowerCase();
  return [name, `${name}s`, ...(shortNames.get(name) ?? [])];
};

/** `*` stands for any run of characters; linear in the text, unlike a regular expression made from it. */
const matchesGlob = (pattern: string, text: string): boolean => {
  const [head = "", ...rest] = pattern.split("*");
  const tail = rest.pop();
  if (tail === undefined) return text === head;
  if (!text.startsWith(head) || !text.endsWith(tail)) return false;
  let from = head.length;
  for (const part of rest) {
    const at = text.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return from <= text.length - tail.length;
};
