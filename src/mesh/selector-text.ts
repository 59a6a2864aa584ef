/** Label selectors as text: `app=web,tier!=cache,env in (a,b),!legacy`. */
import type { LabelRequirement, LabelSelector } from "./kubernetes.ts";

/**
 * Parses a selector as kubectl's `-l` does. A text that is not a selector gives a clause that says what is wrong. `>`
 * and
 * `<` are not accepted: label selectors of objects do not have them.
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#api and `labels.Parse` (k8s.io/apimachinery
 * pkg/labels/selector.go)
 */
export function parseSelector(text: string): LabelSelector | { readonly malformed: string } {
  const matchExpressions: LabelRequirement[] = [];
  for (const part of requirements(text)) {
    const requirement = parseRequirement(part.trim());
    if (requirement === undefined)
      return {
        malformed:
          part.trim() === "" ? "a requirement is empty" : `${JSON.stringify(part.trim())} is not a requirement`,
      };
    matchExpressions.push(requirement);
  }
  return { matchExpressions };
}

/** Whether the text was not a selector. */
export const isMalformedSelector = (
  selector: LabelSelector | { readonly malformed: string },
): selector is { readonly malformed: string } => "malformed" in selector;

/** Commas separate requirements, and also values in brackets. An empty text has no requirements: it selects all. */
const requirements = (text: string): readonly string[] => (text.trim() === "" ? [] : text.split(/,(?![^()]*\))/));

const key = String.raw`(?<key>(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?)`;
const value = String.raw`(?:[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?)?`;
const existence = new RegExp(`^(?<not>!?)\\s*${key}$`);
const equality = new RegExp(`^${key}\\s*(?<operator>==?|!=)\\s*(?<value>${value})$`);
const membership = new RegExp(
  `^${key}\\s+(?<operator>in|notin)\\s*\\(\\s*(?<values>${value}(?:\\s*,\\s*${value})*)\\s*\\)$`,
);

function parseRequirement(text: string): LabelRequirement | undefined {
  const groups = (existence.exec(text) ?? equality.exec(text) ?? membership.exec(text))?.groups;
  if (groups?.key === undefined) return undefined;
  if (groups.not !== undefined) return { key: groups.key, operator: groups.not === "!" ? "DoesNotExist" : "Exists" };
  const negative = groups.operator === "!=" || groups.operator === "notin";
  const values =
    groups.value === undefined ? (groups.values ?? "").split(",").map((each) => each.trim()) : [groups.value];
  return { key: groups.key, operator: negative ? "NotIn" : "In", values };
}
