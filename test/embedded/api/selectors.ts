/** Label and field selectors of lists and watches, as the API server reads them. */
import { matchesSelector } from "../../../src/mesh/labels.ts";
import { isMalformedSelector, parseSelector } from "../../../src/mesh/selector-text.ts";
import type { Json, KubeJson } from "../object.ts";
import type { Resource } from "./resources.ts";
import { badRequest } from "./status.ts";

export type Matcher = (object: KubeJson) => boolean;

/** Throws `Refusal` (400) for a selector that is none, and for a field that the resource cannot be selected by. */
export function matcherOf(resource: Resource, labelSelector: string | null, fieldSelector: string | null): Matcher {
  const byLabels = labelMatcher(labelSelector ?? "");
  const byFields = fieldMatcher(resource, fieldSelector ?? "");
  return (object) => byLabels(object) && byFields(object);
}

function labelMatcher(text: string): Matcher {
  if (text === "") return () => true;
  const selector = parseSelector(text);
  if (isMalformedSelector(selector)) throw badRequest(`unable to parse requirement: ${selector.malformed}`);
  return ({ metadata }) => matchesSelector(selector, metadata.labels);
}

const common = ["metadata.name", "metadata.namespace"];
/**
 * Further fields by which a resource can be selected (pkg/apis/core/v1/conversion.go and the resources' strategies).
 */
const selectable = new Map<string, readonly string[]>([
  [
    "pods",
    [
      "spec.nodeName",
      "spec.restartPolicy",
      "spec.schedulerName",
      "spec.serviceAccountName",
      "spec.hostNetwork",
      "status.phase",
      "status.podIP",
      "status.nominatedNodeName",
    ],
  ],
  [
    "events",
    [
      ...["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"].map(
        (field) => `involvedObject.${field}`,
      ),
      "reason",
      "reportingComponent",
      "source",
      "type",
    ],
  ],
  ["namespaces", ["status.phase"]],
  ["nodes", ["spec.unschedulable"]],
  ["jobs", ["status.successful"]],
  ["replicasets", ["status.replicas"]],
]);

function fieldMatcher(resource: Resource, text: string): Matcher {
  const terms = text.split(",").filter((term) => term !== "");
  const own = selectable.get(resource.plural);
  const allowed = [...common, ...(own ?? [])];
  const checked = terms.map((term) => {
    const [, field, operator, value = ""] = /^([^=!]+)(==?|!=)(.*)$/.exec(term) ?? [];
    if (field === undefined) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    if (!allowed.includes(field))
      throw badRequest(
        own
          ? `field label not supported: ${field}`
          : `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`,
      );
    return { path: field.split("."), equal: operator !== "!=", value };
  });
  return (object) => checked.every(({ path, equal, value }) => (fieldOf(object, path) === value) === equal);
}

const fieldOf = (object: KubeJson, path: readonly string[]): string => {
  // Of an event whoever told it, in either of the ways to say that.
  if (path[0] === "source") return object.source?.component || object.reportingComponent || "";
  let value: Json = object;
  for (const part of path)
    value = value !== undefined && value !== null && Object.hasOwn(value, part) ? value[part] : undefined;
  return value === undefined ? "" : String(value);
};
