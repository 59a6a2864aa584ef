/**
 * The file of `--owners`: what a user knows of operators that the suite does not. Its form is schemas/owners.schema.json
 * and docs/owners.md. It can name nothing but annotations of an operator's own object: which object is found by the
 * owner reference of pods and workloads in the namespace that moves.
 */
import type { OwnerKind } from "../../mesh/operators/restart-way.ts";
import { kubectlStamp } from "./known-owners.ts";

/** What is wrong with a value of the file, and which value it is: `owners`, 2, `annotations`. */
export interface OwnersFault {
  readonly at: readonly (string | number)[];
  readonly message: string;
}

/** The rows of a file, or the first fault in it. `document`: as YAML or JSON was read. Never throws. */
export const ownersFrom = (
  document: unknown,
): { readonly owners: readonly OwnerKind[] } | { readonly fault: OwnersFault } => {
  const faults: OwnersFault[] = [];
  const head = fieldsOf(document, [], ["apiVersion", "kind", "owners"], faults);
  if (head.apiVersion !== "kubectl-mesh/v1") faults.push({ at: ["apiVersion"], message: "it is not kubectl-mesh/v1" });
  if (head.kind !== "Owners") faults.push({ at: ["kind"], message: "it is not Owners" });
  if (!Array.isArray(head.owners)) faults.push({ at: ["owners"], message: "it is no list" });
  const entries: readonly unknown[] = Array.isArray(head.owners) ? head.owners : [];
  const owners = entries.map((entry, index) => ownerFrom(entry, ["owners", index], faults));
  const keys = owners.map(({ group, kind }) => `${kind}.${group}`);
  const twice = keys.findIndex((key, index) => keys.indexOf(key) < index);
  if (twice >= 0) faults.push({ at: ["owners", twice], message: `${keys[twice]} stands there twice` });
  const [fault] = faults;
  return fault ? { fault } : { owners };
};

type At = OwnersFault["at"];

const entryFields = [
  "group",
  "kind",
  "annotations",
  "stamp",
  "fixed",
  "replicas",
  "template",
  "maxUnavailable",
  "hint",
];

const ownerFrom = (entry: unknown, at: At, faults: OwnersFault[]): OwnerKind => {
  const fields = fieldsOf(entry, at, entryFields, faults);
  const text = (key: string, form: RegExp, what: string, fallback?: string): string => {
    const value = fields[key] ?? fallback;
    if (typeof value === "string" && form.test(value)) return value;
    faults.push({ at: [...at, key], message: value === undefined ? `it is missing: ${what}` : `it is not ${what}` });
    return "";
  };
  const place = (key: string): readonly string[] | undefined =>
    fields[key] === undefined
      ? undefined
      : text(key, /^spec(\.[A-Za-z][\w-]*)+$/, "a path such as spec.replicas").split(".");
  const group = text(
    "group",
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$/,
    "the API group of an operator, such as example.com",
  );
  if (/(^|\.)(k8s|istio)\.io$/.test(group))
    faults.push({ at: [...at, "group"], message: `${group} is Kubernetes' or Istio's own` });
  const annotations = text(
    "annotations",
    /^(metadata|spec(\.[A-Za-z][\w-]*)*)\.annotations$|^spec(\.[A-Za-z][\w-]*)*\.[A-Za-z]*Annotations$/,
    "metadata.annotations or a path in spec that ends with annotations",
  );
  return {
    group,
    kind: text("kind", /^[A-Z][A-Za-z0-9]{0,62}$/, "a kind, such as ZookeeperCluster"),
    annotations: annotations.split("."),
    stamp: text("stamp", annotationKey, "the name of an annotation", kubectlStamp),
    fixed: fixedOf(fields.fixed, [...at, "fixed"], faults),
    replicas: place("replicas"),
    template: place("template"),
    unavailable: { path: undefined, fallback: atOnce(fields.maxUnavailable, [...at, "maxUnavailable"], faults) },
    hindrances: [],
    hint: text("hint", /^[^\n]{0,300}$/, "one line of text", "see the log of its operator"),
  };
};

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/#syntax-and-character-set */
const annotationKey = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/;

const atOnce = (value: unknown, at: At, faults: OwnersFault[]): number => {
  if (value === undefined) return 1;
  if (typeof value === "number" && Number.isInteger(value) && value >= 1) return value;
  faults.push({ at, message: "it is no number of pods" });
  return 1;
};

const fixedOf = (value: unknown, at: At, faults: OwnersFault[]): OwnerKind["fixed"] => {
  if (value === undefined) return {};
  const fields = fieldsOf(value, at, undefined, faults);
  for (const [key, text] of Object.entries(fields)) {
    if (!annotationKey.test(key)) faults.push({ at: [...at, key], message: "it is not the name of an annotation" });
    if (typeof text !== "string") faults.push({ at: [...at, key], message: "its value is no text: put it in quotes" });
  }
  return fields as OwnerKind["fixed"];
};

/** The fields of a mapping; any other than `known` is a fault, because it would have no effect. */
const fieldsOf = (
  value: unknown,
  at: At,
  known: readonly string[] | undefined,
  faults: OwnersFault[],
): Readonly<Record<string, unknown>> => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    faults.push({ at, message: "it is no mapping" });
    return {};
  }
  const other = Object.keys(value).find((key) => known !== undefined && !known.includes(key));
  if (other !== undefined)
    faults.push({ at: [...at, other], message: `there is no such field; there are ${known?.join(", ")}` });
  return value as Readonly<Record<string, unknown>>;
};
